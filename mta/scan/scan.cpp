#include "mta/scan/scan.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/fiber.h"
#include "base/log.h"
#include "base/metrics.h"
#include "mta/scan/clamd_stream.h"

namespace mta {

namespace {

constexpr base::Duration kConnectTimeout = std::chrono::seconds(2);
constexpr base::Duration kChunkTimeout = std::chrono::seconds(5);
constexpr std::array<std::string_view, 3> kNames = {"clean", "infected", "unscanned"};

void count(const ScanVerdict& verdict, base::Duration took) {
    static const auto counters = [] {
        std::array<base::Counter*, kNames.size()> all{};
        for (std::size_t i = 0; i < all.size(); ++i) {
            all[i] = &base::counter("roundtable_scan_verdicts_total",
                                    "Messages scanned for viruses, by verdict",
                                    {{"folder", "mta"}, {"verdict", kNames[i]}});
        }
        return all;
    }();
    static base::Histogram& waited =
        base::seconds_histogram("roundtable_scan_seconds",
                                "From the end of a message to the verdict about it",
                                {{"folder", "mta"}});
    counters[static_cast<std::size_t>(verdict.kind)]->add();
    waited.observe(std::chrono::duration<double>(took).count());
}

}  // namespace

std::string_view verdict_name(ScanVerdict::Kind kind) noexcept {
    return kNames[static_cast<std::size_t>(kind)];
}

// What the receiving fiber and the one that feeds share. The latter may outlive the Scan for as
// long as it takes it to notice.
struct Scan::Feed {
    Feed(base::Loop& home, Scanner& clamds, Source octets)
        : loop(home), scanner(clamds), source(std::move(octets)) {}

    void run();
    [[nodiscard]] base::Result<Scanner::Place> take_place();
    [[nodiscard]] base::Result<ClamdReply> converse(const Scanner::Place& place);
    [[nodiscard]] base::Status feed(ClamdStream& clamd, std::optional<ClamdReply>& early);
    [[nodiscard]] base::Deadline turn(base::Duration most) const;
    [[nodiscard]] bool settle(const Scanner::Place& place, const base::Result<ClamdReply>& reply);

    [[nodiscard]] bool given_up() const { return source == nullptr; }

    base::Loop& loop;
    Scanner& scanner;
    Source source;  ///< null: nobody wants the verdict any more
    bool whole = false;
    bool paused = false;  ///< the client let clamd wait: not again before the message is whole
    /// While it is not whole, once a clamd has it.
    base::Deadline early_until{base::Instant::max()};
    base::Deadline deadline{base::Instant::max()};  ///< once it is whole
    std::uint32_t tried = 0;
    base::FiberEvent more;
    base::FiberEvent over;
    std::optional<ScanVerdict> verdict;
    std::string problem = "no clamd is up";
};

// When the clamd that has the message now must have moved on. Half of the time at the most while
// the message is not whole: it may become so any moment, and another one needs the rest.
base::Deadline Scan::Feed::turn(base::Duration most) const {
    const base::Duration share =
        whole ? deadline.remaining() / std::max(static_cast<int>(scanner.up(tried)), 1)
              : scanner.settings().timeout / 2;
    return base::Deadline::after(std::min(share, most));
}

// Clamd after clamd, until one has a verdict, none is left, or the client pauses.
void Scan::Feed::run() {
    while (!given_up() && !verdict) {
        if (whole && deadline.passed()) {
            problem = "out of time: " + problem;
            break;
        }
        base::Result<Scanner::Place> place = take_place();
        if (!place) {
            // Nobody left: what the last one said says more.
            if (tried == 0 || place.error().code != base::Errc::Unavailable) {
                problem = place.error().detail;
            }
            break;
        }
        if (settle(place.value(), converse(place.value()))) {
            return;
        }
    }
    if (!verdict && whole) {
        verdict = ScanVerdict{ScanVerdict::Kind::Unscanned, {}, {}, problem};
    }
}

// Before the message is whole nothing is waited for but more of it: all places may be given away
// to messages that are.
base::Result<Scanner::Place> Scan::Feed::take_place() {
    while (!whole) {
        base::Result<Scanner::Place> place = scanner.take_place(
            tried, base::Deadline::after(base::Duration::zero()), Scanner::Use::Early);
        if (place && early_until.at() == base::Instant::max()) {
            early_until = base::Deadline::after(scanner.settings().timeout / 2);
        }
        if (place || place.error().code != base::Errc::Timeout) {
            return place;
        }
        const base::Status waited = more.wait(early_until);
        if (given_up()) {
            return base::Error{base::Errc::Cancelled, "the message was given up"};
        }
        if (!waited && !whole) {
            return waited.error();
        }
    }
    return scanner.take_place(tried, deadline);
}

// True when there is nothing more to do for now.
bool Scan::Feed::settle(const Scanner::Place& place, const base::Result<ClamdReply>& reply) {
    if (given_up() || paused) {
        return true;
    }
    if (!reply) {
        if (reply.error().code == base::Errc::Cancelled) {
            return true;
        }
        problem = place.address().text() + ": " + reply.error().detail;
        if (reply.error().code != base::Errc::Busy) {
            place.note_failure(reply.error());
        }
        tried |= std::uint32_t{1} << place.index();
        return false;
    }
    switch (reply.value().kind) {
        case ClamdReply::Kind::Clean:
            verdict = ScanVerdict{ScanVerdict::Kind::Clean, {}, place.identity(), {}};
            return true;
        case ClamdReply::Kind::Infected:
            verdict =
                ScanVerdict{ScanVerdict::Kind::Infected, reply.value().text, place.identity(), {}};
            return true;
        case ClamdReply::Kind::TooLarge:
        case ClamdReply::Kind::NotAll:
        case ClamdReply::Kind::Failed:
        case ClamdReply::Kind::Pong:
            break;
    }
    // It answers, so it is not down: this message is not for it.
    problem = place.address().text() + ": " + reply.value().text;
    base::log::warning("mta",
                       "clamd did not scan",
                       {{"clamd", place.address().text()}, {"answer", reply.value().text}});
    tried |= std::uint32_t{1} << place.index();
    return false;
}

base::Result<ClamdReply> Scan::Feed::converse(const Scanner::Place& place) {
    const std::unique_ptr<base::SocketStream> stream =
        TRY(place.address().connect(loop, turn(kConnectTimeout)));
    ClamdStream clamd(*stream);
    TRY(clamd.begin());
    std::optional<ClamdReply> early;
    TRY(feed(clamd, early));
    if (early) {
        return std::move(*early);
    }
    return clamd.finish(turn(scanner.settings().timeout));
}

// All of the message, as it comes.
base::Status Scan::Feed::feed(ClamdStream& clamd, std::optional<ClamdReply>& early) {
    std::size_t sent = 0;
    for (;;) {
        if (!whole && early_until.passed()) {
            paused = true;
            return base::Error{base::Errc::Timeout, "the message takes too long to arrive"};
        }
        early = TRY(clamd.room(turn(kChunkTimeout)));
        if (early) {
            return base::Done{};
        }
        const std::string_view message = given_up() ? std::string_view() : source();
        if (given_up() || message.size() < sent) {
            return base::Error{base::Errc::Cancelled, "the message was given up"};
        }
        if (message.size() > sent) {
            const std::string_view chunk = message.substr(sent, ClamdStream::kChunkMax);
            TRY(clamd.put(chunk));
            sent += chunk.size();
            continue;
        }
        if (whole) {
            return base::Done{};
        }
        const base::Status waited = more.wait(base::Deadline::after(kPauseMax).sooner(early_until));
        if (waited || (waited.error().code == base::Errc::Timeout && whole)) {
            continue;
        }
        paused = waited.error().code == base::Errc::Timeout;
        return waited.error();
    }
}

Scan::Scan(base::Loop& loop, Scanner& scanner, Source source)
    : loop_(loop), feed_(std::make_shared<Feed>(loop, scanner, std::move(source))) {
}

Scan::~Scan() {
    feed_->source = nullptr;
    feed_->more.notify();
}

void Scan::on_data() {
    if (feeding_) {
        feed_->more.notify();
        return;
    }
    if (feed_->paused || feed_->source().size() < kEarlyBytes) {
        return;
    }
    // No fiber is no reason not to scan: finish() does all of it then.
    feeding_ = bool(base::spawn(loop_, "scan", [feed = feed_] {
        feed->run();
        feed->over.notify();
    }));
}

ScanVerdict Scan::finish() {
    const base::Instant started = base::monotonic_now();
    Feed& feed = *feed_;
    feed.deadline = base::Deadline::after(feed.scanner.settings().timeout);
    feed.whole = true;
    if (feeding_) {
        feed.more.notify();
        const base::Status over = feed.over.wait(feed.deadline);
        if (!over) {
            feed.source = nullptr;
            feed.problem = "out of time";
        }
    }
    if (!feed.verdict && !feed.given_up()) {
        feed.paused = false;
        feed.tried = 0;
        feed.run();
    }
    ScanVerdict verdict = feed.verdict
                              ? *feed.verdict
                              : ScanVerdict{ScanVerdict::Kind::Unscanned, {}, {}, feed.problem};
    count(verdict, base::monotonic_now() - started);
    return verdict;
}

ScanVerdict Scan::whole(base::Loop& loop, Scanner& scanner, std::string_view message) {
    Scan scan(loop, scanner, [message] { return message; });
    return scan.finish();
}

}  // namespace mta
