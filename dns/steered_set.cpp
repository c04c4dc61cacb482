#include "dns/steered_set.h"

#include <algorithm>
#include <map>

#include "base/hash.h"
#include "dns/limits.h"
#include "dns/wire.h"

namespace dns {
namespace {

using steering::AnswerKey;
using steering::RowEntry;
using steering::ServerIndex;

// A row wider than an answer is served from one of several places; more places than this only
// cost memory.
constexpr std::size_t kStartsMax = 64;
// Images of one kind; the number of orders gives way to it.
constexpr std::size_t kImagesMax = 8192;

struct WantedRecord {
    std::uint16_t preference = 0;
    std::string data;
    std::vector<ServerIndex> servers;  // that it names
};

struct Extra {
    Name owner;
    std::string octets;
    std::uint16_t records = 0;
};

void append_u16(std::string& out, std::uint16_t value) {
    out.push_back(static_cast<char>(value >> 8));
    out.push_back(static_cast<char>(value & 0xff));
}

void append_name(std::string& out, const Name& name) {
    for (const std::byte octet : name.wire()) {
        out.push_back(static_cast<char>(octet));
    }
}

std::uint16_t type_of(SteeredKind kind) {
    switch (kind) {
        case SteeredKind::Mx:
            return static_cast<std::uint16_t>(RrType::Mx);
        case SteeredKind::A:
            return static_cast<std::uint16_t>(RrType::A);
        case SteeredKind::Aaaa:
            return static_cast<std::uint16_t>(RrType::Aaaa);
        case SteeredKind::ImapSrv:
        case SteeredKind::PopSrv:
        case SteeredKind::None:
            break;
    }
    return static_cast<std::uint16_t>(RrType::Srv);
}

// Order number `rotation` of `rotations`: each run of equal preference turned by that part of it.
std::vector<WantedRecord> rotated(const std::vector<WantedRecord>& records,
                                  std::size_t rotation,
                                  std::size_t rotations) {
    std::vector<WantedRecord> result = records;
    auto from = result.begin();
    while (from != result.end()) {
        const auto to = std::find_if(from, result.end(), [from](const WantedRecord& record) {
            return record.preference != from->preference;
        });
        const auto length = static_cast<std::size_t>(to - from);
        std::rotate(from, from + static_cast<std::ptrdiff_t>(rotation * length / rotations), to);
        from = to;
    }
    return result;
}

}  // namespace

class SteeredSetBuilder {
  public:
    SteeredSetBuilder(const SteeredSource& source, const NameTable& names)
        : source_(source), table_(*source.table), names_(names) {}

    base::Result<std::shared_ptr<const SteeredSet>> run() {
        TRY(order_hosts());
        set_.table_ = source_.table;
        note_hosts_out();
        set_.slot_ = source_.slot;
        if (source_.kind == PoolKind::Mail) {
            TRY(build_kind(SteeredKind::Mx));
        } else {
            for (const SteeredKind kind :
                 {SteeredKind::A, SteeredKind::Aaaa, SteeredKind::ImapSrv, SteeredKind::PopSrv}) {
                TRY(build_kind(kind));
            }
        }
        set_.canonical_ = std::make_shared<const transfer::SteeredContent>(std::move(canonical_));
        set_.arena_.shrink_to_fit();
        return std::shared_ptr<const SteeredSet>(new SteeredSet(std::move(set_)));
    }

  private:
    base::Status order_hosts() {
        if (table_.rows.empty()) {
            return base::Error{base::Errc::Invalid, "a steering table without a row"};
        }
        std::map<steering::ServerId, const SteeredHost*> by_id;
        for (const SteeredHost& host : source_.hosts) {
            by_id[host.id] = &host;
        }
        for (const steering::TableServer& server : table_.servers) {
            const auto found = by_id.find(server.id);
            if (found == by_id.end() || found->second->name.is_root()) {
                return base::Error{base::Errc::Invalid,
                                   "server " + server.name + " of the table has no host name"};
            }
            hosts_.push_back(found->second);
        }
        for (std::size_t i = 0; i < hosts_.size(); ++i) {
            has4_ = has4_ || !hosts_[i]->addresses4.empty();
            has6_ = has6_ || !hosts_[i]->addresses6.empty();
        }
        return base::Done{};
    }

    // Builds all images of a kind with as many records per answer as fit a datagram.
    base::Status build_kind(SteeredKind kind) {
        if ((kind == SteeredKind::A && !has4_) || (kind == SteeredKind::Aaaa && !has6_)) {
            return base::Done{};
        }
        auto limit = static_cast<std::uint16_t>(
            std::clamp<std::size_t>(table_.list_max, 1, kSteeredRecordsMax));
        while (limit > 1 && widest(kind, limit) > kSteeredImageMax) {
            --limit;
        }
        SteeredSet::KindImages& images = set_.kinds_[static_cast<std::size_t>(kind)];
        images.limit = limit;
        std::size_t variants = 0;
        for (const steering::Row& row : table_.rows) {
            images.rows.push_back({static_cast<std::uint32_t>(variants),
                                   static_cast<std::uint32_t>(starts_of(row, limit))});
            variants += images.rows.back().starts;
        }
        images.rotations = static_cast<std::uint32_t>(
            std::clamp<std::size_t>(kImagesMax / variants, 1, rotations_wanted(limit)));
        canonical_.ttl = source_.ttl;
        for (WantedRecord& record : records_of(kind, steering::canonical_answer(table_), limit)) {
            canonical_.data[static_cast<std::size_t>(kind)].push_back(std::move(record.data));
        }
        TRY(build_anchor(kind, images));
        for (std::uint16_t row = 0; row < table_.rows.size(); ++row) {
            for (std::uint32_t start = 0; start < images.rows[row].starts; ++start) {
                TRY(build_variant(kind, images, key_of(row, start, images.rows[row].starts)));
            }
        }
        return base::Done{};
    }

    // As many orders as the longest list has records, so that each of them comes first once.
    [[nodiscard]] std::size_t rotations_wanted(std::uint16_t limit) const {
        const std::size_t records = std::min<std::size_t>(hosts_.size(), limit);
        return std::clamp<std::size_t>(records, 1, kRotationsMax);
    }

    [[nodiscard]] static std::size_t starts_of(const steering::Row& row, std::uint16_t limit) {
        return row.level0.size() <= limit ? 1 : std::min(row.level0_by_id.size(), kStartsMax);
    }

    [[nodiscard]] AnswerKey key_of(std::uint16_t row, std::size_t start, std::size_t starts) const {
        const std::size_t places = starts == 1 ? 1 : table_.rows[row].level0_by_id.size();
        return {row, static_cast<std::uint16_t>(start * places / starts)};
    }

    // Drained and forced down: removed. Down by its probes: withdrawn.
    void note_hosts_out() {
        dnssec::HostsOut& out = set_.out_;
        std::string ids;
        for (std::size_t i = 0; i < table_.servers.size(); ++i) {
            const steering::TableServer& server = table_.servers[i];
            ids += std::to_string(server.id.value) + " ";
            out.removed[i] = server.forced == steering::ForcedState::Drained ||
                             server.forced == steering::ForcedState::Down;
            out.withdrawn[i] = !server.up;
        }
        out.roster = base::crc32c(base::as_bytes(ids));
    }

    [[nodiscard]] base::Result<SteeredSet::Variant> variant_of(
        SteeredKind kind, const std::vector<WantedRecord>& records) const {
        SteeredSet::Variant variant;
        variant.records.ttl = source_.ttl;
        for (const WantedRecord& record : records) {
            variant.records.data.push_back(record.data);
            for (const ServerIndex server : record.servers) {
                variant.hosts.set(server);
            }
        }
        std::sort(variant.records.data.begin(), variant.records.data.end());
        variant.content = TRY(dnssec::variant_content(type_of(kind), variant.records));
        return variant;
    }

    base::Status build_anchor(SteeredKind kind, SteeredSet::KindImages& images) {
        std::vector<WantedRecord> records;
        if (kind == SteeredKind::A || kind == SteeredKind::Aaaa) {
            records = all_addresses(kind, images.limit);
        } else {
            const std::size_t count = std::min<std::size_t>(hosts_.size(), images.limit);
            for (std::size_t server = 0; server < count; ++server) {
                const RowEntry entry{static_cast<ServerIndex>(server), steering::kLevel0Preference};
                records.push_back(record_of(kind, entry, 1));
            }
        }
        images.anchor = TRY(variant_of(kind, records));
        return base::Done{};
    }

    base::Status build_variant(SteeredKind kind, SteeredSet::KindImages& images, AnswerKey key) {
        const std::vector<WantedRecord> records = records_of(kind, key, images.limit);
        images.variants.push_back(TRY(variant_of(kind, records)));
        for (std::uint32_t rotation = 0; rotation < images.rotations; ++rotation) {
            ImageBuilder builder{Name()};
            for (const WantedRecord& record : rotated(records, rotation, images.rotations)) {
                builder.record(type_of(kind), source_.ttl, record.data);
            }
            add_extras(kind, key, images.limit, builder);
            images.images.push_back(TRY(builder.finish(set_.arena_)));
        }
        return base::Done{};
    }

    [[nodiscard]] std::size_t widest(SteeredKind kind, std::uint16_t limit) const {
        std::size_t size = 0;
        for (std::uint16_t row = 0; row < table_.rows.size(); ++row) {
            ImageBuilder builder{Name()};
            for (const WantedRecord& record : records_of(kind, {row, 0}, limit)) {
                builder.record(type_of(kind), source_.ttl, record.data);
            }
            size = std::max(size, builder.size());
        }
        return size;
    }

    [[nodiscard]] std::vector<WantedRecord> records_of(SteeredKind kind,
                                                       AnswerKey key,
                                                       std::uint16_t limit) const {
        if (kind == SteeredKind::A || kind == SteeredKind::Aaaa) {
            return addresses_of(kind, key, limit);
        }
        std::vector<WantedRecord> records;
        for (const RowEntry& entry : steering::answer_entries(table_, key, limit)) {
            records.push_back(record_of(kind, entry, steering::srv_weight(table_, entry.server)));
        }
        return records;
    }

    // MX or SRV.
    [[nodiscard]] WantedRecord record_of(SteeredKind kind,
                                         const RowEntry& entry,
                                         std::uint16_t weight) const {
        const SteeredHost& host = *hosts_[entry.server];
        WantedRecord record{entry.preference, {}, {entry.server}};
        append_u16(record.data, entry.preference);
        if (kind != SteeredKind::Mx) {
            append_u16(record.data, weight);
            append_u16(record.data, kind == SteeredKind::ImapSrv ? host.imap_port : host.pop_port);
        }
        append_name(record.data, host.name);
        return record;
    }

    // Level 0; if that has no two addresses of the family, the rest of the row; if that has none,
    // the family's configured set. Each address once (RFC 2181 5).
    [[nodiscard]] std::vector<WantedRecord> addresses_of(SteeredKind kind,
                                                         AnswerKey key,
                                                         std::uint16_t limit) const {
        AddressList list{kind, limit, {}};
        for (const ServerIndex server : steering::address_servers(table_, key, limit)) {
            add_addresses(list, server, limit);
        }
        for (const RowEntry& entry : steering::answer_entries(table_, key, limit)) {
            add_addresses(list, entry.server, std::min<std::size_t>(2, limit));
        }
        return list.records.empty() ? all_addresses(kind, limit) : std::move(list.records);
    }

    [[nodiscard]] std::vector<WantedRecord> all_addresses(SteeredKind kind,
                                                          std::uint16_t limit) const {
        AddressList list{kind, limit, {}};
        for (std::size_t server = 0; server < hosts_.size(); ++server) {
            add_addresses(list, static_cast<ServerIndex>(server), limit);
        }
        return std::move(list.records);
    }

    struct AddressList {
        SteeredKind kind;
        std::size_t limit;
        std::vector<WantedRecord> records;
    };

    void add_addresses(AddressList& list, ServerIndex server, std::size_t most) const {
        const SteeredHost& host = *hosts_[server];
        for (const std::string& address :
             list.kind == SteeredKind::A ? host.addresses4 : host.addresses6) {
            const auto known = std::ranges::find(list.records, address, &WantedRecord::data);
            if (known != list.records.end()) {
                known->servers.push_back(server);
            } else if (list.records.size() < most) {
                list.records.push_back({0, address, {server}});
            }
        }
    }

    void add_extras(SteeredKind kind,
                    AnswerKey key,
                    std::uint16_t limit,
                    ImageBuilder& builder) const {
        if (kind == SteeredKind::A || kind == SteeredKind::Aaaa) {
            return;
        }
        for (const RowEntry& entry : steering::answer_entries(table_, key, limit)) {
            const Name& name = hosts_[entry.server]->name;
            const NameTable::Found found = names_.lookup(name);
            if (found.node == nullptr || found.node->is(Node::kDelegation)) {
                continue;
            }
            const ZoneImage& zone = names_.zone(found.zone);
            for (const RrType type : {RrType::A, RrType::Aaaa}) {
                const SetRef* const set =
                    zone.find_set(*found.node, static_cast<std::uint16_t>(type));
                // Beyond what a datagram holds they would only ever be cut off.
                if (set != nullptr && set->steered == SteeredKind::None &&
                    builder.size() < kUdpResponseMax) {
                    const ImageView view = zone.image(set->image_at);
                    builder.extra(
                        name, view.octets().first(view.header().size), view.header().records);
                }
            }
        }
    }

    const SteeredSource& source_;
    const steering::SteeringTable& table_;
    const NameTable& names_;
    std::vector<const SteeredHost*> hosts_;  // by the table's index
    transfer::SteeredContent canonical_;
    bool has4_ = false;
    bool has6_ = false;
    SteeredSet set_;
};

base::Result<std::shared_ptr<const SteeredSet>> SteeredSet::build(const SteeredSource& source,
                                                                  const NameTable& names) {
    return SteeredSetBuilder(source, names).run();
}

std::uint32_t SteeredSet::variant_of(SteeredKind kind, AnswerKey key) const noexcept {
    const RowImages& row = of(kind).rows[key.row];
    std::uint32_t variant = row.first;
    if (row.starts > 1) {
        const auto places = static_cast<std::uint32_t>(table_->rows[key.row].level0_by_id.size());
        variant += key.start * row.starts / places;
    }
    return variant;
}

std::uint32_t SteeredSet::source_variant(SteeredKind kind, SipWords source) const noexcept {
    return variant_of(kind, steering::choose_answer(*table_, source.x, source.y, of(kind).limit));
}

SteeredSet::Pick SteeredSet::turn_pick(SteeredKind kind, std::uint32_t turn) const noexcept {
    const std::uint32_t variant = variant_of(kind, steering::choose_turn(*table_, turn));
    // Each variant goes through its own orders.
    return turned(kind, variant, turn / static_cast<std::uint32_t>(of(kind).rows.size()));
}

const SteeredSet::Variant* SteeredSet::find_variant(SteeredKind kind,
                                                    std::uint64_t content) const noexcept {
    const auto& variants = of(kind).variants;
    const auto found = std::ranges::find(variants, content, &Variant::content);
    return found == variants.end() ? nullptr : &*found;
}

std::size_t SteeredSet::memory() const noexcept {
    std::size_t size = sizeof *this + arena_.capacity();
    for (const KindImages& kind : kinds_) {
        size += kind.images.capacity() * sizeof(std::uint32_t) +
                kind.rows.capacity() * sizeof(RowImages);
        for (const Variant& variant : kind.variants) {
            size += sizeof variant;
            for (const std::string& data : variant.records.data) {
                size += sizeof data + data.capacity();
            }
        }
    }
    return size;
}

}  // namespace dns
