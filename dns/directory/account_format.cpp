#include "dns/directory/account_format.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "base/hash.h"
#include "dns/directory/byte_format.h"

namespace dns {
namespace {

enum class Kind : std::uint8_t {
    Domains = 1,
    Gone = 2,
    Addresses = 3,
    Changes = 4,
    Position = 5,
};

constexpr std::size_t kHead = 8;
// A body that is longer is closed; what is added at once is far below the rest of a block.
constexpr std::size_t kBodyFull = std::size_t{64} * 1024;
constexpr std::size_t kMarkMax = 64;

std::string block_of(std::string body) {
    ByteWriter out;
    out.u32(static_cast<std::uint32_t>(body.size()));
    out.u32(base::crc32c(base::as_bytes(body)));
    out.raw(body);
    return out.take();
}

// Collects items of one kind and gives blocks of them to a sink.
class BlockWriter {
  public:
    explicit BlockWriter(const ByteSink& sink) : sink_(&sink) {}

    // Where to write the next item. A block starts with its kind, and of addresses the domain.
    base::Result<ByteWriter*> item(Kind kind, std::int64_t domain = 0) {
        if (size_ >= kBodyFull || kind != kind_ || domain != domain_) {
            TRY(close());
            kind_ = kind;
            domain_ = domain;
            body_.u8(static_cast<std::uint8_t>(kind));
            if (kind == Kind::Addresses) {
                body_.i64(domain);
            }
        }
        size_ += kAccountEntry + 9;  // about: kBodyFull is far below the limit
        return &body_;
    }

    base::Status close() {
        if (size_ > 0) {
            TRY((*sink_)(block_of(body_.take())));
            body_ = ByteWriter();
        }
        size_ = 0;
        kind_ = Kind::Position;
        return base::Done{};
    }

    base::Status position(const FeedPosition& position) {
        TRY(close());
        body_.u8(static_cast<std::uint8_t>(Kind::Position));
        body_.i64(position.configuration);
        body_.i64(position.number);
        body_.text(position.mark);
        size_ = 1;
        return close();
    }

  private:
    const ByteSink* sink_;
    ByteWriter body_;
    std::size_t size_ = 0;
    Kind kind_ = Kind::Position;  // none is open
    std::int64_t domain_ = 0;
};

base::Status write_domain(const AccountDomain& domain, BlockWriter& blocks) {
    ByteWriter& out = *TRY(blocks.item(Kind::Domains));
    out.i64(domain.id);
    out.text(base::as_text(domain.name.wire()));
    return base::Done{};
}

base::Status write_list(const DomainAccounts& domain, BlockWriter& blocks) {
    base::Status written = base::Done{};
    domain.entries.for_each([&](const AccountEntry& entry) {
        if (written) {
            auto out = blocks.item(Kind::Addresses, domain.domain.id);
            if (out) {
                out.value()->raw(base::as_text(entry.octets()));
            } else {
                written = std::move(out).take_error();
            }
        }
    });
    return written;
}

base::Status write_update(const AccountUpdate& update, BlockWriter& blocks) {
    for (const std::int64_t domain : update.gone) {
        (*TRY(blocks.item(Kind::Gone))).i64(domain);
    }
    for (const AccountDomain& domain : update.domains) {
        TRY(write_domain(domain, blocks));
    }
    for (const AccountChange& change : update.changes) {
        ByteWriter& out = *TRY(blocks.item(Kind::Changes));
        out.i64(change.domain);
        out.raw(base::as_text(change.entry.octets()));
        out.u8(change.presence == Presence::There ? 1 : 0);
    }
    return blocks.position(update.position);
}

std::optional<AccountEntry> take_entry(ByteReader& in) {
    const std::string_view octets = in.raw(kAccountEntry);
    if (!in.ok()) {
        return std::nullopt;
    }
    return AccountEntry(base::as_bytes(octets).first<kAccountEntry>());
}

// Sorted by domain and digest; of several changes of an address the last one counts.
void settle(std::vector<AccountChange>& changes) {
    std::ranges::stable_sort(changes, [](const AccountChange& left, const AccountChange& right) {
        return std::pair(left.domain, left.entry.digest()) <
               std::pair(right.domain, right.entry.digest());
    });
    const auto kept =
        std::unique(changes.rbegin(), changes.rend(), [](const auto& later, const auto& earlier) {
            return later.domain == earlier.domain && later.entry.digest() == earlier.entry.digest();
        });
    changes.erase(changes.begin(), kept.base());
}

// Changes are settled once, at the end: there may be many small updates.
void append(AccountUpdate& all, AccountUpdate& part) {
    std::vector<AccountChange> changes = std::move(part.changes);
    part.changes.clear();
    if (part.gone.empty()) {
        std::ranges::move(part.domains, std::back_inserter(all.domains));
        all.position = std::move(part.position);
    } else {
        std::vector<AccountChange> before = std::exchange(all.changes, {});
        all.add(std::move(part));
        all.changes = std::move(before);
    }
    std::ranges::move(changes, std::back_inserter(all.changes));
    part = {};
}

// Of a domain that was named twice the later name counts.
void settle(std::vector<AccountDomain>& domains) {
    std::ranges::stable_sort(domains, {}, &AccountDomain::id);
    const auto kept = std::unique(domains.rbegin(),
                                  domains.rend(),
                                  [](const auto& a, const auto& b) { return a.id == b.id; });
    domains.erase(domains.begin(), kept.base());
}

bool names_differ(const AccountView& view) {
    const auto& domains = view.domains();
    return std::ranges::adjacent_find(domains, {}, [](const auto& domain) {
               return domain->domain.name;
           }) == domains.end();
}

}  // namespace

base::Status write_accounts(const AccountView& view, const ByteSink& sink) {
    TRY(sink(kAccountMagic));
    BlockWriter blocks(sink);
    for (const auto& domain : view.domains()) {
        TRY(write_domain(domain->domain, blocks));
    }
    for (const auto& domain : view.domains()) {
        TRY(write_list(*domain, blocks));
    }
    return blocks.position(view.position());
}

std::string encode_update(const AccountUpdate& update) {
    std::string bytes;
    const ByteSink sink = [&bytes](std::string_view piece) -> base::Status {
        bytes += piece;
        return base::Done{};
    };
    BlockWriter blocks(sink);
    (void)write_update(update, blocks);  // this sink takes everything
    return bytes;
}

void AccountFileReader::take(std::string_view bytes) {
    rest_ += bytes;
    std::size_t at = 0;
    while (!ended_) {
        const std::string_view left = std::string_view(rest_).substr(at);
        if (left.size() < kHead) {
            break;
        }
        if (!has_magic_) {
            has_magic_ = left.starts_with(kAccountMagic);
            ended_ = !has_magic_;
            at += kAccountMagic.size();
            taken_ += kAccountMagic.size();
            continue;
        }
        ByteReader head(left);
        const std::size_t size = head.u32();
        const std::uint32_t crc = head.u32();
        if (size == 0 || size > kAccountBlockMax) {
            ended_ = true;
            break;
        }
        if (left.size() - kHead < size) {
            break;
        }
        const std::string_view body = left.substr(kHead, size);
        at += kHead + size;
        taken_ += kHead + size;
        ended_ = base::crc32c(base::as_bytes(body)) != crc || !take_block(body);
    }
    rest_.erase(0, ended_ ? std::string::npos : at);
}

bool AccountFileReader::take_block(std::string_view body) {
    ByteReader in(body);
    switch (static_cast<Kind>(in.u8())) {
        case Kind::Domains:
            return take_domains(in);
        case Kind::Gone:
            return take_gone(in);
        case Kind::Addresses:
            return take_addresses(in);
        case Kind::Changes:
            return take_changes(in);
        case Kind::Position:
            return take_position(in);
    }
    return false;
}

bool AccountFileReader::take_domains(ByteReader& in) {
    while (in.ok() && !in.at_end()) {
        const std::int64_t id = in.i64();
        auto name = Name::from_wire(base::as_bytes(in.raw(in.u32())));
        if (!in.ok() || !name) {
            return false;
        }
        if (outcome_.whole != 0) {
            pending_.domains.push_back({id, std::move(name).take_value()});
        } else if (!lists_.try_emplace(id, List{std::move(name).take_value(), {}}).second) {
            return false;
        }
    }
    return in.ok();
}

bool AccountFileReader::take_gone(ByteReader& in) {
    while (in.ok() && !in.at_end()) {
        pending_.gone.push_back(in.i64());
    }
    return in.ok() && outcome_.whole != 0;
}

bool AccountFileReader::close_list() {
    if (open_list_.last() == nullptr) {
        return true;
    }
    const auto found = lists_.find(open_domain_);
    if (found == lists_.end() || found->second.entries.size() != 0) {
        return false;
    }
    found->second.entries = open_list_.finish();
    return true;
}

bool AccountFileReader::take_addresses(ByteReader& in) {
    const std::int64_t domain = in.i64();
    if (outcome_.whole != 0 || !in.ok() || (domain != open_domain_ && !close_list())) {
        return false;
    }
    open_domain_ = domain;
    while (!in.at_end()) {
        const auto entry = take_entry(in);
        if (!entry ||
            (open_list_.last() != nullptr && open_list_.last()->digest() >= entry->digest())) {
            return false;
        }
        open_list_.add(*entry);
    }
    return true;
}

bool AccountFileReader::take_changes(ByteReader& in) {
    while (in.ok() && !in.at_end()) {
        const std::int64_t domain = in.i64();
        const auto entry = take_entry(in);
        const std::uint8_t presence = in.u8();
        if (!in.ok() || !entry || presence > 1) {
            return false;
        }
        pending_.changes.push_back(
            {domain, *entry, presence == 1 ? Presence::There : Presence::Gone});
    }
    return in.ok() && outcome_.whole != 0 &&
           outcome_.changes + pending_.changes.size() <= kAccountTailMax;
}

bool AccountFileReader::take_position(ByteReader& in) {
    FeedPosition position;
    position.configuration = in.i64();
    position.number = in.i64();
    position.mark = in.text();
    if (!in.at_end() || position.mark.size() > kMarkMax || !close_list()) {
        return false;
    }
    if (outcome_.whole == 0) {
        outcome_.view = make_view(std::move(position));
        outcome_.whole = taken_;
    } else {
        outcome_.changes += pending_.changes.size();
        pending_.position = std::move(position);
        append(update_, pending_);
    }
    outcome_.good = taken_;
    return true;
}

AccountView AccountFileReader::make_view(FeedPosition position) {
    AccountView::Domains domains;
    domains.reserve(lists_.size());
    for (auto& [id, list] : lists_) {
        domains.push_back(std::make_shared<const DomainAccounts>(
            DomainAccounts{{id, std::move(list.name)}, std::move(list.entries)}));
    }
    lists_.clear();
    return {std::move(domains), std::move(position)};
}

base::Result<AccountFileReader::Outcome> AccountFileReader::finish() {
    if (outcome_.whole == 0) {
        return base::Error{base::Errc::Corrupt, "not a whole file of addresses of this version"};
    }
    if (outcome_.good > outcome_.whole) {
        settle(update_.changes);
        settle(update_.domains);
        outcome_.view = outcome_.view.with(update_);
    }
    if (!names_differ(outcome_.view)) {
        return base::Error{base::Errc::Corrupt, "two domains in the file have one name"};
    }
    return std::move(outcome_);
}

}  // namespace dns
