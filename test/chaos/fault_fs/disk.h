#pragma once

// Disk: a file system in memory that knows what would survive a power loss. Each file has what it
// holds now and what is durable; so has each folder. fsync of a file makes its octets and its size
// durable, not its name; fsync of a folder makes its names durable, not what they name. That is all
// that POSIX promises, and less than any real file system does.
//
// A power loss keeps or drops each page (4 KiB) that was written since the last fsync, and each
// name that was added or removed since, independently, and takes one of the sizes in between.
// Handles from before it answer EIO, inodes that are gone ESTALE.
//
// Numbers of inodes are never used again, the root's (1) excepted; memory of files that nothing can
// reach is given back, the few octets of their inodes are not.
//
// Thread rule: any thread. Errors: an errno, 0 for none; then the output is not touched.

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace chaos {

using Ino = std::uint64_t;
constexpr Ino kRootIno = 1;
constexpr std::size_t kPageSize = 4096;

/// Who owns a file, and with which permissions.
struct Ownership {
    uid_t uid = 0;
    gid_t gid = 0;
    mode_t mode = 0;  ///< permission bits only
};

/// What stat() says.
struct Attributes {
    Ino ino = 0;
    bool folder = false;
    Ownership owner;
    std::uint64_t size = 0;
    std::int64_t modified_ns = 0;
};

/// What is to be changed; nothing is left as it is.
struct AttributeChange {
    std::optional<std::uint64_t> size;
    std::optional<mode_t> mode;
    std::optional<uid_t> uid;
    std::optional<gid_t> gid;
    std::optional<std::int64_t> modified_ns;
};

/// What a power loss took.
struct PowerLoss {
    std::uint64_t pages_dropped = 0;
    std::uint64_t pages_kept = 0;
    std::uint64_t names_dropped = 0;
    std::uint64_t names_kept = 0;
};

/// A bit that was turned.
struct Flip {
    std::string path;
    std::uint64_t offset = 0;
    int bit = 0;
};

/// Sums, for tests and reports.
struct DiskStats {
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
    std::uint64_t dirty_pages = 0;
    std::uint64_t changed_names = 0;
    std::uint64_t power_losses = 0;
    std::uint64_t syncs = 0;
};

/// See the top of this file.
class Disk {
  public:
    using Listing = std::vector<std::pair<std::string, Attributes>>;

    /// `first_ino`: numbers are given from here on; two disks under one mount must not share any.
    Disk(Ownership root, Ino first_ino);

    [[nodiscard]] int lookup(Ino parent, const std::string& name, Attributes& found);
    [[nodiscard]] int get(Ino ino, Attributes& found);
    [[nodiscard]] int set(Ino ino, const AttributeChange& change, Attributes& found);
    /// Makes a file or a folder.
    [[nodiscard]] int make(
        Ino parent, const std::string& name, bool folder, Ownership owner, Attributes& made);
    /// Removes a file, or a folder that is empty.
    [[nodiscard]] int remove(Ino parent, const std::string& name, bool folder);
    [[nodiscard]] int rename(Ino parent,
                             const std::string& name,
                             Ino to_parent,
                             const std::string& to_name,
                             bool replace);
    /// The handle is what read(), write() and sync() of this opening take.
    [[nodiscard]] int open(Ino ino, std::uint64_t& handle);
    void release(Ino ino);
    [[nodiscard]] int read(
        Ino ino, std::uint64_t handle, std::uint64_t offset, std::size_t size, std::string& bytes);
    [[nodiscard]] int write(Ino ino,
                            std::uint64_t handle,
                            std::uint64_t offset,
                            std::span<const char> bytes);
    /// A file's octets and size, or a folder's names.
    [[nodiscard]] int sync(Ino ino, std::uint64_t handle);
    [[nodiscard]] int list(Ino ino, Listing& entries);

    PowerLoss power_loss(std::uint64_t seed);
    /// Turns one bit of durable, unchanged octets of a file whose size is within the limits and
    /// whose name ends in `suffix`; none if there is no such file.
    std::optional<Flip> flip(std::uint64_t seed,
                             std::uint64_t size_min,
                             std::uint64_t size_max,
                             std::string_view suffix);
    /// A new, empty disk in the place of this one.
    void wipe();
    [[nodiscard]] DiskStats stats();

  private:
    using Page = std::array<char, kPageSize>;

    // Pages are shared between now and durable until they are written to. Null: zeros.
    struct Content {
        std::vector<std::shared_ptr<Page>> pages;
        std::uint64_t size = 0;
    };

    struct Inode {
        bool folder = false;
        bool gone = false;  ///< by a power loss or a wipe: ESTALE
        Ownership owner;
        std::int64_t modified_ns = 0;
        unsigned opens = 0;
        unsigned names = 0;          ///< entries that name it now
        unsigned durable_names = 0;  ///< and after a power loss
        Content now;
        Content durable;
        std::set<std::size_t> dirty;  ///< indexes of pages that differ, or may
        std::map<std::string, Ino> entries;
        std::map<std::string, Ino> durable_entries;
        std::set<std::string> changed;  ///< names that differ, or may
    };

    Inode* find(Ino ino, int& error);
    Inode* find_folder(Ino ino, int& error);
    Inode* find_open(Ino ino, std::uint64_t handle, int& error);
    [[nodiscard]] static Attributes attributes_of(Ino ino, const Inode& inode);
    void set_entry(Inode& folder, const std::string& name, Ino ino);
    void drop_entry(Inode& folder, const std::string& name);
    void give_back(Ino ino);
    static void resize(Inode& inode, std::uint64_t size);
    void lose_pages(Inode& inode, std::mt19937_64& random, PowerLoss& loss);
    void lose_names(Inode& inode, std::mt19937_64& random, PowerLoss& loss);
    void mark_reachable();

    std::mutex mutex_;
    std::map<Ino, Inode> inodes_;
    Ino next_ino_;
    std::uint64_t epoch_ = 1;  ///< handles of another epoch are dead
    std::uint64_t power_losses_ = 0;
    std::uint64_t syncs_ = 0;
};

}  // namespace chaos
