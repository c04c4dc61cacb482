#pragma once

// HylaFAX's own files of jobs to be sent (sendq(5), doneq(5)): what became of a job that carries
// our key as its tag. Thread rule: functions of their arguments; HylafaxQueue::read() blocks.
// Limits: kQFileMax octets of one file, kQFilesMax files.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mta {

inline constexpr std::size_t kQFileMax = 256U << 10U;
inline constexpr std::size_t kQFilesMax = 100'000;

/// How HylaFAX numbers the states of a job (sendq(5), "state").
/// Active: it is being sent now.
enum class HylafaxState : std::uint8_t { Waiting, Active, Done, Failed };

/// One job.
struct HylafaxJob {
    std::int64_t id = 0;
    std::string tag;  ///< "jobtag", the -i of sendfax
    std::string number;
    std::string status;  ///< HylaFAX's text about the last try
    HylafaxState state = HylafaxState::Waiting;
    std::int64_t pages = 0;
};

/// The content of a file of sendq/ or doneq/. Errors: Corrupt (no job id in it).
[[nodiscard]] base::Result<HylafaxJob> parse_hylafax_job(std::string_view text);

/// All jobs with a tag of ours, as they were when it was read: one reading serves a whole pass.
///
/// doneq/ and sendq/ of the spool come first. faxqclean(8) empties doneq/ (after 15 minutes if it
/// is not told otherwise): for what has gone from there the last line about it in xferfaxlog
/// counts. One without a reason is a fax that was sent; with one, the job counts as waiting, its
/// status is the reason: it may be tried again, and it has an end when the time is up.
class HylafaxQueue {
  public:
    /// Errors: as errno_error for what cannot be read, TooLarge.
    [[nodiscard]] static base::Result<HylafaxQueue> read(const std::string& spool);

    /// Of several jobs with the tag the last.
    [[nodiscard]] std::optional<HylafaxJob> find(const std::string& tag) const;

  private:
    void take_log(std::string_view text);

    std::map<std::string, HylafaxJob, std::less<>> jobs_;
};

/// What sendfax prints: "request id is 12 (group id 12) for host localhost (1 file)".
[[nodiscard]] std::optional<std::int64_t> parse_request_id(std::string_view output);

}  // namespace mta
