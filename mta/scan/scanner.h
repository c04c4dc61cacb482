#pragma once

// Scanner: the clamds of this mail server. It knows which of them answer, what they say they are,
// and how many scans each has; it chooses one for a scan. The scan itself is mta/scan/scan.h's.
//
// A clamd is up when it answered PING, and takes streams as long as our longest message. It is down
// as soon as a scan failed for its sake, and up again with its next answer: it is asked every 2 s
// while it is up; while it is down after half a second, then twice as long each time, up to 5 s.
// A scan that only took too long may do so for the message's sake: the clamd is asked within half a
// second, and is down if it does not answer.
//
// Messages that still arrive have half of the places at a clamd at the most: how long they arrive
// is the client's to say, and the others are for messages that are whole.
//
// Owner: the mail agent; it outlives all fibers that scan. Thread rule: create() and watch() on the
// main loop's thread, the rest from any thread. Limits: kClamdsMax, ScanSettings::scans_max.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/config.h"
#include "base/guarded.h"
#include "base/loop.h"
#include "base/result.h"
#include "mta/scan/clamd_address.h"

namespace mta {

inline constexpr std::size_t kClamdsMax = 16;

/// Octets of our trace fields, at the most: the message that is scanned has them in front.
inline constexpr std::uint64_t kTraceFieldsMax = 4096;

/// The section `scan` of the mail agent's YAML file.
struct ScanSettings {
    std::vector<ClamdAddress> clamds;  ///< in the order in which they are asked; none: no scans
    /// From the end of a message to its verdict, all clamds together. RFC 5321 4.5.3.2.6: the
    /// client waits 10 minutes, but RFC 1047 asks for little more than none.
    base::Duration timeout = std::chrono::seconds(30);
    std::size_t scans_max = 10;  ///< at once, of one clamd (its MaxThreads)
};

/// Reads the section; what is wrong is found by Config::finish().
///
///     scan:                                          # optional: without it nothing is scanned
///       clamd: ["unix:/run/clamav/clamd.ctl", "127.0.0.1:3310"]
///       timeout: 30s                                 # 1s to 2m
///       scans: 10                                    # at once, of one clamd
[[nodiscard]] ScanSettings read_scan_settings(const base::ConfigSection& scan);

/// See the top of this file.
class Scanner {
  public:
    /// What a place is for: a message that is whole, or one that arrives.
    enum class Use : std::uint8_t { Whole, Early };

    /// A place for one scan at a clamd; gives it back when it dies.
    class Place {
      public:
        Place(Scanner& scanner, std::size_t index, Use use) noexcept
            : scanner_(&scanner), index_(index), use_(use) {}

        ~Place();
        Place(Place&& other) noexcept;
        Place& operator=(Place&&) = delete;
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;

        [[nodiscard]] std::size_t index() const noexcept { return index_; }

        [[nodiscard]] const ClamdAddress& address() const;
        /// What the clamd says it is, or its address.
        [[nodiscard]] std::string identity() const;
        /// It failed: down until it answers again. Timeout: it is asked soon whether it is.
        void note_failure(const base::Error& error) const;

      private:
        Scanner* scanner_;
        std::size_t index_;
        Use use_;
    };

    /// Looks at each clamd once, at most kFirstLook for all together. `message_max`: octets of the
    /// longest message. Errors: Invalid, with what to do, if a clamd takes no stream as long as
    /// that. One that does not answer is no error. Blocks.
    [[nodiscard]] static base::Result<std::unique_ptr<Scanner>> create(ScanSettings settings,
                                                                       std::uint64_t message_max);
    ~Scanner();
    Scanner(const Scanner&) = delete;
    Scanner& operator=(const Scanner&) = delete;

    /// Looks at them again and again, until `loop` ends.
    [[nodiscard]] base::Status watch(base::Loop& loop);

    /// A place at the first clamd that is up, has room and is not among `tried` (one bit each).
    /// From a fiber: waits for room, and for one that went down within the last second. Errors:
    /// Unavailable (none is left; says what is wrong with each), Timeout (no room until
    /// `deadline`), Cancelled.
    [[nodiscard]] base::Result<Place> take_place(std::uint32_t tried,
                                                 base::Deadline deadline,
                                                 Use use = Use::Whole);

    /// How many are up and not among `tried`.
    [[nodiscard]] std::size_t up(std::uint32_t tried = 0) const;

    /// Empty while a clamd is up, or went down within the last second; else a word for the load
    /// report: "no-scanner", or "scanner-limit" when one answers but takes too short streams.
    [[nodiscard]] std::string_view unfit_reason() const;

    [[nodiscard]] const ScanSettings& settings() const { return settings_; }

  private:
    struct Clamd;

    Scanner(ScanSettings settings, std::uint64_t message_max);

    [[nodiscard]] base::Status look(base::Loop& loop, Clamd& clamd) const;
    [[nodiscard]] base::Status look_at_all();
    [[nodiscard]] base::Status judge_limits() const;
    void set_up(Clamd& clamd);
    void set_down(Clamd& clamd, const base::Error& error);
    [[nodiscard]] base::Error none_left(std::uint32_t tried) const;
    void follow(base::Loop& loop, Clamd& clamd);

    const ScanSettings settings_;
    const std::uint64_t stream_max_;
    std::vector<std::unique_ptr<Clamd>> clamds_;
};

}  // namespace mta
