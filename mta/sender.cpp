#include "mta/sender.h"

#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/file.h"

namespace mta {

namespace {

constexpr base::Statement kVersion = {"mta_directory_version",
                                      "SELECT version FROM directory.version"};
// One more than the limit, so that a list that is too long is seen to be.
constexpr base::Statement kList = {
    "mta_sender_block",
    "SELECT id, kind, pattern,"
    "       coalesce((extract(epoch FROM expires_at) * 1000000)::bigint, 0)"
    "  FROM directory.sender_block"
    " WHERE expires_at IS NULL OR expires_at > now()"
    " ORDER BY id LIMIT 1000001"};
constexpr base::Statement kCountHits = {"mta_count_block_hits",
                                        "SELECT directory.count_block_hits($1, $2)"};

base::Result<SenderList::Entry> read_row(const base::Row& row) {
    SenderList::Entry entry;
    entry.id = SenderBlockId{row.int64(0)};
    entry.key.type = TRY(parse_sender_key_type(row.text(1)));
    entry.key.text = row.string(2);
    entry.expires_us = row.int64(3);
    if (entry.key.text.size() > SenderList::kPatternMax) {
        return base::Error{base::Errc::TooLarge, "pattern too long"};
    }
    return entry;
}

}  // namespace

SenderPolicy::SenderPolicy(std::string path)
    : path_(std::move(path)),
      list_(std::make_shared<const SenderList>()),
      polling_("sender list not refreshed",
               [this](base::Connection& connection) { return refresh(connection); }) {
}

base::Status SenderPolicy::load() {
    const base::Result<std::string> file = base::read_file(path_, kSenderListFileMax);
    if (!file) {
        return file.error().code == base::Errc::NotFound ? base::Status(base::Done{})
                                                         : base::Status(file.error());
    }
    adopt(TRY(decode_sender_list(file.value())));
    return base::Done{};
}

base::Status SenderPolicy::check(const std::optional<mail::Address>& sender) {
    if (!sender) {
        return base::Done{};
    }
    const std::optional<SenderBlockId> entry = list()->find(*sender, base::wall_us());
    if (!entry) {
        return base::Done{};
    }
    const auto id = static_cast<std::int64_t>(*entry);
    hits_.with([&](Hits& hits) { ++hits[id]; });
    return base::Error{base::Errc::Refused, "sender_block " + std::to_string(id)};
}

void SenderPolicy::poll(base::DbPool& pool) {
    polling_.poll(pool);
}

base::Status SenderPolicy::refresh(base::Connection& connection) {
    const base::Status written = write_hits(connection);
    const base::Rows rows = TRY(connection.query(kVersion));
    if (!rows.empty() && rows[0].int64(0) != version_) {
        // The version is read before the list: a change in between is read once more.
        TRY(read_list(connection));
        version_ = rows[0].int64(0);
    }
    return written;
}

base::Status SenderPolicy::read_list(base::Connection& connection) {
    const base::Rows rows = TRY(connection.query(kList));
    if (rows.size() > SenderList::kEntriesMax) {
        return base::Error{base::Errc::TooLarge, "more senders are blocked than can be held"};
    }
    std::vector<SenderList::Entry> entries;
    entries.reserve(rows.size());
    for (const base::Row row : rows) {
        entries.push_back(TRY(read_row(row)));
    }
    SenderList fresh(std::move(entries));
    const std::string file = encode_sender_list(fresh);
    adopt(std::move(fresh));
    return base::write_file_atomic(path_, file, 0600);
}

base::Status SenderPolicy::write_hits(base::Connection& connection) {
    Hits taken;
    hits_.with([&](Hits& hits) { taken.swap(hits); });
    if (taken.empty()) {
        return base::Done{};
    }
    std::vector<std::int64_t> ids;
    std::vector<std::int64_t> counts;
    for (const auto& [id, count] : taken) {
        ids.push_back(id);
        counts.push_back(count);
    }
    const base::Result<base::Rows> done =
        connection.query(kCountHits, {std::move(ids), std::move(counts)});
    if (done) {
        return base::Done{};
    }
    if (done.error().code != base::Errc::UnknownOutcome) {
        hits_.with([&](Hits& hits) {
            for (const auto& [id, count] : taken) {
                hits[id] += count;
            }
        });
    }
    return done.error();
}

void SenderPolicy::adopt(SenderList fresh) {
    auto shared = std::make_shared<const SenderList>(std::move(fresh));
    list_.with([&](std::shared_ptr<const SenderList>& current) { current.swap(shared); });
    known_.store(true);
    // `shared` has the old list now: it is freed here, outside of the lock.
}

std::shared_ptr<const SenderList> SenderPolicy::list() const {
    return list_.with([](const std::shared_ptr<const SenderList>& current) { return current; });
}

std::size_t SenderPolicy::size() const {
    return list()->entries().size();
}

}  // namespace mta
