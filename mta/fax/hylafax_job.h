#pragma once

// HylaFAX's own files of jobs to be sent (sendq(5), doneq(5)): what became of a job that carries
// our key as its tag. Thread rule: functions of their arguments; find_hylafax_job() blocks. Limits:
// kQFileMax octets of one file, kQFilesMax files.

#include <cstddef>
#include <cstdint>
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

/// The job with this tag in doneq/ or sendq/ of the spool; of several the last. Errors: as
/// errno_error for a folder that cannot be read, TooLarge.
[[nodiscard]] base::Result<std::optional<HylafaxJob>> find_hylafax_job(const std::string& spool,
                                                                       std::string_view tag);

/// What sendfax prints: "request id is 12 (group id 12) for host localhost (1 file)".
[[nodiscard]] std::optional<std::int64_t> parse_request_id(std::string_view output);

}  // namespace mta
