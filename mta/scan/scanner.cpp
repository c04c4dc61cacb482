#include "mta/scan/scanner.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/fiber.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/stream.h"
#include "mta/scan/clamd_stream.h"

namespace mta {

namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr base::Duration kFirstLook = seconds(3);
constexpr base::Duration kLookTimeout = seconds(2);
constexpr base::Duration kLookEvery = seconds(2);
constexpr base::Duration kRetryMin = milliseconds(500);
constexpr base::Duration kRetryMax = seconds(5);
constexpr base::Duration kFellLately = seconds(1);
constexpr base::Duration kIdentifyEvery = minutes(1);
constexpr base::Duration kRoomPoll = milliseconds(20);
constexpr base::Duration kTimeoutMin = seconds(1);
constexpr base::Duration kTimeoutMax = minutes(2);

base::Counter& failures() {
    static base::Counter& instance =
        base::counter("roundtable_scan_failures_total",
                      "Scans that a clamd did not finish: the next one was asked, if there was one",
                      {{"folder", "mta"}});
    return instance;
}

base::Gauge& scanners_up() {
    static base::Gauge& instance =
        base::gauge("roundtable_scan_clamds_up", "clamds that answer", {{"folder", "mta"}});
    return instance;
}

}  // namespace

// One clamd. Shared by the main loop, which looks at it, and the sessions' loops, which use it.
struct Scanner::Clamd {
    explicit Clamd(ClamdAddress where) : address(std::move(where)), identity(address.text()) {}

    const ClamdAddress address;

    // Down for so short a time that it is waited for: it may only have been started again.
    [[nodiscard]] bool fell_lately() const {
        return !up.load() && fell.load() + kFellLately > base::monotonic_now();
    }

    // Both counters are raised first and looked at then: never more places than there are.
    [[nodiscard]] bool take(Use use, std::size_t scans_max) {
        if (use == Use::Early && early.fetch_add(1) >= scans_max / 2) {
            early.fetch_sub(1);
            return false;
        }
        if (scans.fetch_add(1) < scans_max) {
            return true;
        }
        scans.fetch_sub(1);
        if (use == Use::Early) {
            early.fetch_sub(1);
        }
        return false;
    }

    std::atomic<bool> up{false};
    std::atomic<bool> doubted{false};    ///< a scan took too long: it is to be asked
    std::atomic<bool> too_short{false};  ///< its StreamMaxLength is below our longest message
    std::atomic<base::Instant> fell{};   ///< when it went down
    std::atomic<std::size_t> scans{0};
    std::atomic<std::size_t> early{0};  ///< of them, for messages that arrive
    base::Guarded<std::string> identity;
    base::Guarded<std::string> problem;  ///< why it is down; empty while it is up
    base::Instant identified{};          ///< the thread that looks
};

ScanSettings read_scan_settings(const base::ConfigSection& scan) {
    ScanSettings settings;
    for (const std::string& text : scan.texts("clamd")) {
        base::Result<ClamdAddress> address = ClamdAddress::parse(text);
        if (address) {
            settings.clamds.push_back(std::move(address).take_value());
        } else {
            scan.problem("clamd", "takes \"unix:/path\" or \"address:port\"");
        }
    }
    if (settings.clamds.empty() || settings.clamds.size() > kClamdsMax) {
        scan.problem("clamd", "needs one to 16 addresses");
    }
    settings.timeout = scan.duration("timeout", settings.timeout);
    if (settings.timeout < kTimeoutMin || settings.timeout > kTimeoutMax) {
        scan.problem("timeout", "must be from 1s to 2m");
    }
    settings.scans_max = static_cast<std::size_t>(
        scan.integer("scans", 1, 1'000, static_cast<std::int64_t>(settings.scans_max)));
    return settings;
}

Scanner::Place::~Place() {
    if (scanner_ == nullptr) {
        return;
    }
    Clamd& clamd = *scanner_->clamds_[index_];
    if (use_ == Use::Early) {
        clamd.early.fetch_sub(1);
    }
    clamd.scans.fetch_sub(1);
}

Scanner::Place::Place(Place&& other) noexcept
    : scanner_(std::exchange(other.scanner_, nullptr)), index_(other.index_), use_(other.use_) {
}

const ClamdAddress& Scanner::Place::address() const {
    return scanner_->clamds_[index_]->address;
}

std::string Scanner::Place::identity() const {
    return scanner_->clamds_[index_]->identity.with([](const std::string& text) { return text; });
}

void Scanner::Place::note_failure(const base::Error& error) const {
    failures().add();
    Clamd& clamd = *scanner_->clamds_[index_];
    if (error.code == base::Errc::Timeout) {
        clamd.doubted.store(true);
    } else {
        scanner_->set_down(clamd, error);
    }
}

Scanner::Scanner(ScanSettings settings, std::uint64_t message_max)
    : settings_(std::move(settings)), stream_max_(message_max + kTraceFieldsMax) {
    for (const ClamdAddress& address : settings_.clamds) {
        clamds_.push_back(std::make_unique<Clamd>(address));
    }
}

Scanner::~Scanner() = default;

base::Result<std::unique_ptr<Scanner>> Scanner::create(ScanSettings settings,
                                                       std::uint64_t message_max) {
    std::unique_ptr<Scanner> scanner(new Scanner(std::move(settings), message_max));
    TRY(scanner->look_at_all());
    TRY(scanner->judge_limits());
    scanners_up().set(static_cast<double>(scanner->up()));
    return scanner;
}

// On a loop of its own: the agent's does not run yet.
base::Status Scanner::look_at_all() {
    const std::unique_ptr<base::Loop> loop = TRY(base::Loop::create("scan-start"));
    std::size_t left = clamds_.size();
    for (const std::unique_ptr<Clamd>& clamd : clamds_) {
        TRY(base::spawn(*loop, "look at clamd", [this, &loop, &left, &clamd = *clamd] {
            const base::Status seen = look(*loop, clamd);
            if (seen) {
                set_up(clamd);
            } else {
                set_down(clamd, seen.error());
            }
            if (--left == 0) {
                loop->stop();
            }
        }));
    }
    const base::Timer last = base::Timer::after(*loop, kFirstLook, [&loop] { loop->stop(); });
    loop->run();
    return base::Done{};
}

base::Status Scanner::judge_limits() const {
    for (const std::unique_ptr<Clamd>& clamd : clamds_) {
        if (clamd->too_short.load()) {
            return base::Error{
                base::Errc::Invalid,
                "scan: " + clamd->address.text() + " does not take streams of " +
                    std::to_string(stream_max_) +
                    " octets, the longest message with its trace fields: raise StreamMaxLength "
                    "(and MaxScanSize, MaxFileSize) in its clamd.conf, or lower "
                    "limits.message_size"};
        }
    }
    return base::Done{};
}

// PING, and now and then what else is to be known. Waits; on the fiber that looks at this clamd.
base::Status Scanner::look(base::Loop& loop, Clamd& clamd) const {
    const base::Deadline deadline = base::Deadline::after(kLookTimeout);
    {
        const auto stream = TRY(clamd.address.connect(loop, deadline));
        TRY(ClamdStream(*stream).ping(deadline));
    }
    const base::Instant now = base::monotonic_now();
    if (clamd.up.load() && now - clamd.identified < kIdentifyEvery) {
        return base::Done{};
    }
    {
        const auto stream = TRY(clamd.address.connect(loop, deadline));
        const bool taken =
            TRY(ClamdStream::takes(*stream, static_cast<std::uint32_t>(stream_max_), deadline));
        if (!taken) {
            return base::Error{base::Errc::TooLarge,
                               "its StreamMaxLength is below " + std::to_string(stream_max_) +
                                   ", the longest message with its trace fields: raise it"};
        }
    }
    const auto stream = TRY(clamd.address.connect(loop, deadline));
    std::string version = TRY(ClamdStream(*stream).version(deadline));
    clamd.identity.with([&](std::string& text) { text.swap(version); });
    clamd.identified = now;
    return base::Done{};
}

base::Status Scanner::watch(base::Loop& loop) {
    for (const std::unique_ptr<Clamd>& clamd : clamds_) {
        TRY(base::spawn(
            loop, "watch clamd", [this, &loop, &clamd = *clamd] { follow(loop, clamd); }));
    }
    return base::Done{};
}

void Scanner::follow(base::Loop& loop, Clamd& clamd) {
    base::Duration retry = kRetryMin;
    for (;;) {
        base::Duration pause = kLookEvery;
        if (!clamd.up.load()) {
            pause = retry;
            retry = std::min(retry * 2, kRetryMax);
        }
        // In small steps: a clamd that a scan found down or slow meanwhile is looked at soon.
        const base::Deadline next = base::Deadline::after(pause);
        const bool was_up = clamd.up.load();
        while (!next.passed() && clamd.up.load() == was_up && !clamd.doubted.load()) {
            if (!base::sleep_until(base::Deadline::after(kRetryMin).sooner(next))) {
                return;
            }
        }
        clamd.doubted.store(false);
        const base::Status seen = look(loop, clamd);
        if (seen) {
            retry = kRetryMin;
            set_up(clamd);
        } else if (seen.error().code == base::Errc::Cancelled) {
            return;
        } else {
            set_down(clamd, seen.error());
        }
    }
}

void Scanner::set_up(Clamd& clamd) {
    clamd.too_short.store(false);
    clamd.problem.with([](std::string& text) { text.clear(); });
    if (!clamd.up.exchange(true)) {
        scanners_up().set(static_cast<double>(up()));
        base::log::info("mta", "clamd up", {{"clamd", clamd.address.text()}});
    }
}

// Says so when it goes down, and when something else keeps it down than before: a clamd that loads
// its signatures first does not listen, and may then turn out to take too little.
void Scanner::set_down(Clamd& clamd, const base::Error& error) {
    clamd.too_short.store(error.code == base::Errc::TooLarge);
    const bool other = clamd.problem.with(
        [&](std::string& text) { return std::exchange(text, error.detail) != error.detail; });
    if (clamd.up.load()) {
        clamd.fell.store(base::monotonic_now());  // first: a moment of neither would be an answer
    }
    const bool was_up = clamd.up.exchange(false);
    if (was_up) {
        scanners_up().set(static_cast<double>(up()));
    }
    if (was_up || other) {
        base::log::warning(
            "mta", "clamd down", {{"clamd", clamd.address.text()}, {"error", error}});
    }
}

base::Result<Scanner::Place> Scanner::take_place(std::uint32_t tried,
                                                 base::Deadline deadline,
                                                 Use use) {
    for (;;) {
        bool any = false;
        for (std::size_t i = 0; i < clamds_.size(); ++i) {
            Clamd& clamd = *clamds_[i];
            if ((tried >> i & 1U) != 0) {
                continue;
            }
            any = any || clamd.up.load() || clamd.fell_lately();
            if (clamd.up.load() && clamd.take(use, settings_.scans_max)) {
                return Place(*this, i, use);
            }
        }
        if (!any) {
            return none_left(tried);
        }
        if (deadline.passed()) {
            return base::Error{base::Errc::Timeout, "every clamd has as many scans as it may"};
        }
        // The one that gives a place back may be of another loop: asking again is cheaper than
        // telling all who wait.
        TRY(base::sleep_until(base::Deadline::after(kRoomPoll).sooner(deadline)));
    }
}

base::Error Scanner::none_left(std::uint32_t tried) const {
    std::string detail = "no clamd is up";
    std::string_view before = ": ";
    for (std::size_t i = 0; i < clamds_.size(); ++i) {
        if ((tried >> i & 1U) == 0) {
            const Clamd& clamd = *clamds_[i];
            detail += before;
            detail += clamd.address.text() + ": " +
                      clamd.problem.with([](const std::string& text) { return text; });
            before = "; ";
        }
    }
    return {base::Errc::Unavailable, std::move(detail)};
}

std::string_view Scanner::unfit_reason() const {
    std::string_view reason = "no-scanner";
    for (const std::unique_ptr<Clamd>& clamd : clamds_) {
        if (clamd->up.load() || clamd->fell_lately()) {
            return {};
        }
        if (clamd->too_short.load()) {
            reason = "scanner-limit";
        }
    }
    return reason;
}

std::size_t Scanner::up(std::uint32_t tried) const {
    std::size_t count = 0;
    for (std::size_t i = 0; i < clamds_.size(); ++i) {
        if ((tried >> i & 1U) == 0 && clamds_[i]->up.load()) {
            ++count;
        }
    }
    return count;
}

}  // namespace mta
