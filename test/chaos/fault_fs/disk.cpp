#include "test/chaos/fault_fs/disk.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

namespace chaos {

namespace {

std::int64_t now_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

std::size_t pages_of(std::uint64_t size) {
    return static_cast<std::size_t>((size + kPageSize - 1) / kPageSize);
}

}  // namespace

Disk::Disk(Ownership root, Ino first_ino) : next_ino_(first_ino) {
    Inode& inode = inodes_[kRootIno];
    inode.folder = true;
    inode.owner = root;
    inode.modified_ns = now_ns();
    inode.names = 1;
    inode.durable_names = 1;
}

// ---- Finding.

Disk::Inode* Disk::find(Ino ino, int& error) {
    const auto found = inodes_.find(ino);
    if (found == inodes_.end() || found->second.gone) {
        error = ESTALE;
        return nullptr;
    }
    error = 0;
    return &found->second;
}

Disk::Inode* Disk::find_folder(Ino ino, int& error) {
    Inode* inode = find(ino, error);
    if (inode != nullptr && !inode->folder) {
        error = ENOTDIR;
        return nullptr;
    }
    return inode;
}

Disk::Inode* Disk::find_open(Ino ino, std::uint64_t handle, int& error) {
    if (handle != epoch_) {
        error = EIO;
        return nullptr;
    }
    return find(ino, error);
}

Attributes Disk::attributes_of(Ino ino, const Inode& inode) {
    return {ino, inode.folder, inode.owner, inode.now.size, inode.modified_ns};
}

int Disk::lookup(Ino parent, const std::string& name, Attributes& found) {
    const std::lock_guard lock(mutex_);
    int error = 0;
    const Inode* folder = find_folder(parent, error);
    if (folder == nullptr) {
        return error;
    }
    const auto entry = folder->entries.find(name);
    if (entry == folder->entries.end()) {
        return ENOENT;
    }
    found = attributes_of(entry->second, inodes_.at(entry->second));
    return 0;
}

int Disk::get(Ino ino, Attributes& found) {
    const std::lock_guard lock(mutex_);
    int error = 0;
    if (const Inode* inode = find(ino, error)) {
        found = attributes_of(ino, *inode);
    }
    return error;
}

int Disk::list(Ino ino, Listing& entries) {
    const std::lock_guard lock(mutex_);
    int error = 0;
    if (const Inode* folder = find_folder(ino, error)) {
        entries.clear();
        for (const auto& [name, child] : folder->entries) {
            entries.emplace_back(name, attributes_of(child, inodes_.at(child)));
        }
    }
    return error;
}

// ---- Names.

void Disk::set_entry(Inode& folder, const std::string& name, Ino ino) {
    drop_entry(folder, name);
    folder.entries[name] = ino;
    folder.changed.insert(name);
    folder.modified_ns = now_ns();
    ++inodes_.at(ino).names;
}

void Disk::drop_entry(Inode& folder, const std::string& name) {
    const auto entry = folder.entries.find(name);
    if (entry == folder.entries.end()) {
        return;
    }
    const Ino ino = entry->second;
    folder.entries.erase(entry);
    folder.changed.insert(name);
    folder.modified_ns = now_ns();
    --inodes_.at(ino).names;
    give_back(ino);
}

void Disk::give_back(Ino ino) {
    Inode& inode = inodes_.at(ino);
    if (inode.names == 0 && inode.durable_names == 0 && inode.opens == 0) {
        inode.now = {};
        inode.durable = {};
        inode.dirty.clear();
        inode.gone = true;
    }
}

int Disk::make(
    Ino parent, const std::string& name, bool folder, Ownership owner, Attributes& made) {
    const std::lock_guard lock(mutex_);
    int error = 0;
    Inode* where = find_folder(parent, error);
    if (where == nullptr) {
        return error;
    }
    if (where->entries.contains(name)) {
        return EEXIST;
    }
    const Ino ino = next_ino_++;
    Inode& inode = inodes_[ino];
    inode.folder = folder;
    inode.owner = owner;
    inode.modified_ns = now_ns();
    set_entry(inodes_.at(parent), name, ino);
    made = attributes_of(ino, inode);
    return 0;
}

int Disk::remove(Ino parent, const std::string& name, bool folder) {
    const std::lock_guard lock(mutex_);
    int error = 0;
    Inode* where = find_folder(parent, error);
    if (where == nullptr) {
        return error;
    }
    const auto entry = where->entries.find(name);
    if (entry == where->entries.end()) {
        return ENOENT;
    }
    const Inode& inode = inodes_.at(entry->second);
    if (inode.folder != folder) {
        return folder ? ENOTDIR : EISDIR;
    }
    if (!inode.entries.empty()) {
        return ENOTEMPTY;
    }
    drop_entry(*where, name);
    return 0;
}

int Disk::rename(
    Ino parent, const std::string& name, Ino to_parent, const std::string& to_name, bool replace) {
    const std::lock_guard lock(mutex_);
    int error = 0;
    Inode* from = find_folder(parent, error);
    Inode* to = from != nullptr ? find_folder(to_parent, error) : nullptr;
    if (to == nullptr) {
        return error;
    }
    const auto entry = from->entries.find(name);
    if (entry == from->entries.end()) {
        return ENOENT;
    }
    const Ino ino = entry->second;
    const auto there = to->entries.find(to_name);
    if (there != to->entries.end()) {
        const Inode& old = inodes_.at(there->second);
        if (!replace) {
            return EEXIST;
        }
        if (there->second == ino) {
            return 0;
        }
        if (old.folder != inodes_.at(ino).folder) {
            return old.folder ? EISDIR : ENOTDIR;
        }
        if (!old.entries.empty()) {
            return ENOTEMPTY;
        }
    }
    set_entry(*to, to_name, ino);
    drop_entry(*from, name);
    return 0;
}

// ---- Octets.

int Disk::open(Ino ino, std::uint64_t& handle) {
    const std::lock_guard lock(mutex_);
    int error = 0;
    if (Inode* inode = find(ino, error)) {
        ++inode->opens;
        handle = epoch_;
    }
    return error;
}

void Disk::release(Ino ino) {
    const std::lock_guard lock(mutex_);
    const auto found = inodes_.find(ino);
    if (found != inodes_.end() && found->second.opens > 0) {
        --found->second.opens;
        give_back(ino);
    }
}

void Disk::resize(Inode& inode, std::uint64_t size) {
    Content& now = inode.now;
    const std::size_t pages = pages_of(size);
    for (std::size_t index = pages; index < now.pages.size(); ++index) {
        inode.dirty.insert(index);
    }
    now.pages.resize(pages);
    const std::size_t tail = size % kPageSize;
    if (size < now.size && tail != 0 && now.pages.back() != nullptr) {
        auto cut = std::make_shared<Page>(*now.pages.back());
        std::fill(cut->begin() + static_cast<std::ptrdiff_t>(tail), cut->end(), '\0');
        now.pages.back() = std::move(cut);
        inode.dirty.insert(pages - 1);
    }
    now.size = size;
}

int Disk::set(Ino ino, const AttributeChange& change, Attributes& found) {
    const std::lock_guard lock(mutex_);
    int error = 0;
    Inode* inode = find(ino, error);
    if (inode == nullptr) {
        return error;
    }
    if (change.size && inode->folder) {
        return EISDIR;
    }
    if (change.size) {
        resize(*inode, *change.size);
        inode->modified_ns = now_ns();
    }
    inode->owner.mode = change.mode.value_or(inode->owner.mode);
    inode->owner.uid = change.uid.value_or(inode->owner.uid);
    inode->owner.gid = change.gid.value_or(inode->owner.gid);
    inode->modified_ns = change.modified_ns.value_or(inode->modified_ns);
    found = attributes_of(ino, *inode);
    return 0;
}

int Disk::read(
    Ino ino, std::uint64_t handle, std::uint64_t offset, std::size_t size, std::string& bytes) {
    const std::lock_guard lock(mutex_);
    int error = 0;
    const Inode* inode = find_open(ino, handle, error);
    if (inode == nullptr) {
        return error;
    }
    const Content& now = inode->now;
    const std::uint64_t end = std::min<std::uint64_t>(now.size, offset + size);
    bytes.assign(end > offset ? static_cast<std::size_t>(end - offset) : 0, '\0');
    for (std::size_t done = 0; done < bytes.size();) {
        const std::uint64_t at = offset + done;
        const std::size_t within = at % kPageSize;
        const std::size_t part = std::min(kPageSize - within, bytes.size() - done);
        if (const std::shared_ptr<Page>& page = now.pages[at / kPageSize]) {
            std::memcpy(bytes.data() + done, page->data() + within, part);
        }
        done += part;
    }
    return 0;
}

int Disk::write(Ino ino, std::uint64_t handle, std::uint64_t offset, std::span<const char> bytes) {
    const std::lock_guard lock(mutex_);
    int error = 0;
    Inode* inode = find_open(ino, handle, error);
    if (inode == nullptr) {
        return error;
    }
    Content& now = inode->now;
    const std::uint64_t end = offset + bytes.size();
    if (end > now.size) {
        now.pages.resize(pages_of(end));
        now.size = end;
    }
    for (std::size_t done = 0; done < bytes.size();) {
        const std::uint64_t at = offset + done;
        const std::size_t index = at / kPageSize;
        const std::size_t within = at % kPageSize;
        const std::size_t part = std::min(kPageSize - within, bytes.size() - done);
        std::shared_ptr<Page>& page = now.pages[index];
        if (page == nullptr) {
            page = std::make_shared<Page>();
            page->fill('\0');
        } else if (page.use_count() > 1) {
            page = std::make_shared<Page>(*page);
        }
        std::memcpy(page->data() + within, bytes.data() + done, part);
        inode->dirty.insert(index);
        done += part;
    }
    inode->modified_ns = now_ns();
    return 0;
}

int Disk::sync(Ino ino, std::uint64_t handle) {
    const std::lock_guard lock(mutex_);
    int error = 0;
    Inode* inode = find_open(ino, handle, error);
    if (inode == nullptr) {
        return error;
    }
    ++syncs_;
    inode->durable.pages.resize(inode->now.pages.size());
    for (const std::size_t index : inode->dirty) {
        if (index < inode->now.pages.size()) {
            inode->durable.pages[index] = inode->now.pages[index];
        }
    }
    inode->durable.size = inode->now.size;
    inode->dirty.clear();
    for (const std::string& name : inode->changed) {
        const auto old = inode->durable_entries.find(name);
        const auto fresh = inode->entries.find(name);
        if (fresh != inode->entries.end()) {
            ++inodes_.at(fresh->second).durable_names;
        }
        if (old != inode->durable_entries.end()) {
            const Ino dropped = old->second;
            inode->durable_entries.erase(old);
            --inodes_.at(dropped).durable_names;
            give_back(dropped);
        }
        if (fresh != inode->entries.end()) {
            inode->durable_entries[name] = fresh->second;
        }
    }
    inode->changed.clear();
    return 0;
}

// ---- What disks suffer.

void Disk::lose_pages(Inode& inode, std::mt19937_64& random, PowerLoss& loss) {
    if (inode.dirty.empty() && inode.now.size == inode.durable.size) {
        return;
    }
    const std::uint64_t low = std::min(inode.now.size, inode.durable.size);
    const std::uint64_t high = std::max(inode.now.size, inode.durable.size);
    const std::array<std::uint64_t, 3> sizes = {
        inode.durable.size, inode.now.size, low + random() % (high - low + 1)};
    // A size from before the writes cuts what they appended; one from after them may show zeros.
    const std::uint64_t size = sizes.at(random() % sizes.size());
    Content left = inode.durable;
    left.pages.resize(pages_of(high));
    for (const std::size_t index : inode.dirty) {
        if (index < inode.now.pages.size() && random() % 2 == 0) {
            left.pages[index] = inode.now.pages[index];
            ++loss.pages_kept;
        } else {
            ++loss.pages_dropped;
        }
    }
    left.size = high;
    inode.now = std::move(left);
    resize(inode, size);
    inode.durable = inode.now;
    inode.dirty.clear();
}

void Disk::lose_names(Inode& inode, std::mt19937_64& random, PowerLoss& loss) {
    for (const std::string& name : inode.changed) {
        const auto old = inode.durable_entries.find(name);
        const auto fresh = inode.entries.find(name);
        if (random() % 2 == 0) {
            ++loss.names_kept;
            if (fresh != inode.entries.end()) {
                inode.durable_entries[name] = fresh->second;
            } else if (old != inode.durable_entries.end()) {
                inode.durable_entries.erase(old);
            }
        } else {
            ++loss.names_dropped;
        }
    }
    inode.entries = inode.durable_entries;
    inode.changed.clear();
}

// After names have changed all at once: who is still named, and who is gone.
void Disk::mark_reachable() {
    for (auto& [ino, inode] : inodes_) {
        inode.names = ino == kRootIno ? 1 : 0;
        inode.opens = 0;
    }
    std::vector<Ino> waiting{kRootIno};
    while (!waiting.empty()) {
        const Inode& folder = inodes_.at(waiting.back());
        waiting.pop_back();
        for (const auto& [name, child] : folder.entries) {
            Inode& inode = inodes_.at(child);
            if (++inode.names == 1 && inode.folder) {
                waiting.push_back(child);
            }
        }
    }
    for (auto& [ino, inode] : inodes_) {
        inode.durable_names = inode.names;
        if (inode.names == 0) {
            inode = Inode{};
            inode.gone = true;
        }
    }
}

PowerLoss Disk::power_loss(std::uint64_t seed) {
    const std::lock_guard lock(mutex_);
    std::mt19937_64 random(seed);
    PowerLoss loss;
    for (auto& [ino, inode] : inodes_) {
        if (inode.folder) {
            lose_names(inode, random, loss);
        } else {
            lose_pages(inode, random, loss);
        }
    }
    mark_reachable();
    ++epoch_;
    ++power_losses_;
    return loss;
}

void Disk::wipe() {
    const std::lock_guard lock(mutex_);
    Inode& root = inodes_.at(kRootIno);
    root.entries.clear();
    root.durable_entries.clear();
    root.changed.clear();
    mark_reachable();
    ++epoch_;
}

std::optional<Flip> Disk::flip(std::uint64_t seed,
                               std::uint64_t size_min,
                               std::uint64_t size_max,
                               std::string_view suffix) {
    const std::lock_guard lock(mutex_);
    std::vector<std::pair<std::string, Ino>> folders{{"", kRootIno}};
    std::vector<std::pair<std::string, Ino>> files;
    for (std::size_t n = 0; n < folders.size(); ++n) {
        const std::string path = folders[n].first;
        for (const auto& [name, child] : inodes_.at(folders[n].second).entries) {
            const Inode& inode = inodes_.at(child);
            std::string full = path;
            full += '/';
            full += name;
            if (inode.folder) {
                folders.emplace_back(std::move(full), child);
            } else if (inode.dirty.empty() && inode.now.size == inode.durable.size &&
                       inode.now.size >= size_min && inode.now.size <= size_max &&
                       inode.now.size > 0 && full.ends_with(suffix)) {
                files.emplace_back(std::move(full), child);
            }
        }
    }
    if (files.empty()) {
        return std::nullopt;
    }
    std::mt19937_64 random(seed);
    const auto& [path, ino] = files[random() % files.size()];
    Inode& inode = inodes_.at(ino);
    const Flip flip{path, random() % inode.now.size, static_cast<int>(random() % 8)};
    std::shared_ptr<Page>& page = inode.now.pages[flip.offset / kPageSize];
    auto turned = page != nullptr ? std::make_shared<Page>(*page) : std::make_shared<Page>();
    char& octet = (*turned).at(flip.offset % kPageSize);
    octet = static_cast<char>(static_cast<unsigned char>(octet) ^ (1U << flip.bit));
    page = turned;
    inode.durable.pages[flip.offset / kPageSize] = turned;
    return flip;
}

DiskStats Disk::stats() {
    const std::lock_guard lock(mutex_);
    DiskStats sum;
    sum.power_losses = power_losses_;
    sum.syncs = syncs_;
    for (const auto& [ino, inode] : inodes_) {
        sum.files += inode.folder || inode.gone ? 0 : 1;
        sum.bytes += inode.now.size;
        sum.dirty_pages += inode.dirty.size();
        sum.changed_names += inode.changed.size();
    }
    return sum;
}

}  // namespace chaos
