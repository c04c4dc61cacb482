#include "storage/tracking/failover_watch.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <utility>

#include "base/file.h"
#include "base/log.h"

namespace storage {
namespace {

using base::Deadline;
using base::Errc;
using base::Error;
using base::Result;
using base::Status;

constexpr std::size_t kFileMax = 64;
constexpr auto kFileDeadline = std::chrono::seconds(10);
constexpr auto kConnectMargin = std::chrono::seconds(10);  // before the jump's statement begins

Result<std::int64_t> read_number(const std::string& file) {
    const Result<std::string> text = base::read_file(file, kFileMax);
    if (!text && text.error().code == Errc::NotFound) {
        return std::int64_t{0};
    }
    std::int64_t number = 0;
    const std::string& digits = TRY(text);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    // Too low a number only misses a restored backup; it is not worth a tracker that does not run.
    return error == std::errc() && *end == '\n' && number > 0 ? number : std::int64_t{0};
}

}  // namespace

FailoverWatch::FailoverWatch(base::DbPool& pool,
                             base::WorkerPool& workers,
                             FailoverWatchOptions options)
    : pool_(pool), workers_(workers), options_(std::move(options)) {
}

Status FailoverWatch::load() {
    seen_ = TRY(workers_.run([file = options_.file] { return read_number(file); },
                             Deadline::after(kFileDeadline)));
    saved_ = seen_;
    return base::Done{};
}

Status FailoverWatch::save() {
    const base::Instant now = base::monotonic_now();
    if (seen_ == saved_ || (saved_ > 0 && now - saved_at_ < kSavePause)) {
        return base::Done{};
    }
    saved_at_ = now;
    TRY(workers_.run(
        [file = options_.file, seen = seen_] {
            return base::write_file_atomic(file, std::to_string(seen) + "\n", 0600);
        },
        Deadline::after(kFileDeadline)));
    saved_ = seen_;
    return base::Done{};
}

// On a connection of its own, whose statements may take that long.
Result<bool> FailoverWatch::jump_over(std::int64_t seen) {
    const auto patience = options_.jump_deadline;
    const auto work = [database = options_.database,
                       committer = options_.committer,
                       seen,
                       patience](base::Connection&) -> Result<bool> {
        base::DbTimeouts timeouts;
        timeouts.statement = patience;
        const auto connection = TRY(base::Connection::open(database, committer, timeouts));
        return jump(*connection, committer, seen);
    };
    const bool jumped = TRY(pool_.run(work, Deadline::after(patience + kConnectMargin)));
    if (jumped) {
        base::log::warning(
            "storage", "uids_jumped", {{"committer", options_.committer}, {"seen", seen}});
    }
    return jumped;
}

Result<bool> FailoverWatch::look() {
    if (saved_ < 0) {
        TRY(load());
    }
    const auto read = [](base::Connection& connection) { return read_lineage(connection); };
    Lineage now = TRY(pool_.run(read, Deadline::after(options_.statement_deadline)));
    if (now.is_promoted || now.newest < seen_) {
        (void)TRY(jump_over(seen_));
        now = TRY(pool_.run(read, Deadline::after(options_.statement_deadline)));
    }
    const bool changed = last_ && (last_->timeline != now.timeline || last_->jumps != now.jumps);
    last_ = now;
    seen_ = std::max(seen_, now.newest);
    TRY(save());
    return changed;
}

}  // namespace storage
