#pragma once

// A report as lines for people (what `roundtable mx explain` and `dig CH TXT` show) and as JSON for
// programs. Both say the same; the JSON says all of it, lines leave out what would not be read.
//
// Pure. Thread rule: any thread. Texts are as the sources have them: causes and reasons are
// operators' and servers' words, with control characters shown as '?'.

#include <string>
#include <vector>

#include "dns/explain/explain_report.h"

namespace dns::explain {

/// Rows of a table that are shown one by one; the rest is counted.
inline constexpr std::size_t kRowsShown = 32;

/// Commits that lines show; the JSON has kCommitsShown.
inline constexpr std::size_t kCommitLines = 5;

/// Without line ends. Of a domain: with rows and overrides; of pools: with the last commits.
[[nodiscard]] std::vector<std::string> report_lines(const ExplainReport& report);

/// One JSON object in one line, without a line end. ops/README.md has its members.
[[nodiscard]] std::string report_json(const ExplainReport& report);

}  // namespace dns::explain
