#pragma once

// `roundtable mx watch`: what name servers' steering looks like, once a second, until a signal. On
// a terminal the screen is redrawn in place and given back at the end; else lines follow each
// other.
//
// Thread rule: one thread, the only one that may take SIGINT and SIGTERM meanwhile; blocks.

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "ops/steering_client.h"

namespace ops {

struct WatchOptions {
    bool json = false;        ///< a line of JSON for each name server and look; no redrawing
    std::int64_t rounds = 0;  ///< looks; 0: until a signal
};

/// A name server that cannot be asked is shown with why, and asked again. Errors: only of this
/// process (Io); that of the last look, if none of the targets could be asked in any.
[[nodiscard]] base::Status watch_steering(const std::vector<SteeringTarget>& targets,
                                          const WatchOptions& options);

/// A screen of at most `rows` lines of at most `columns` characters, each cleared to its end, from
/// the top of the screen. Characters are counted as UTF-8; control characters are shown as '?'.
[[nodiscard]] std::string screen_of(std::string_view text, std::size_t rows, std::size_t columns);

}  // namespace ops
