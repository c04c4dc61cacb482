#pragma once

// What commands print: a listing as an aligned table or as a JSON array, one thing as "name: value"
// lines or as a JSON object. PostgreSQL itself makes the JSON, so that both forms are one query.
//
// Thread rule: one thread. Errors: those of the query; Errc::NotFound where said.

#include <string>
#include <string_view>

#include "base/db.h"
#include "base/result.h"
#include "ops/command.h"

namespace ops {

/// Runs `sql` (a SELECT without a final semicolon) and prints its rows; `if_empty` is printed in
/// text form when there are none.
base::Status print_rows(CommandContext& context,
                        const std::string& sql,
                        const base::Params& params,
                        std::string_view if_empty);

/// Prints the one row of `sql`. Errc::NotFound with `if_missing` when there is none.
base::Status print_one(CommandContext& context,
                       const std::string& sql,
                       const base::Params& params,
                       const std::string& if_missing);

/// A line for people after something was done; nothing with --json.
void say(const CommandContext& context, std::string_view line);

/// Columns aligned under their names; control characters are shown as '?'.
[[nodiscard]] std::string format_table(const base::Rows& rows);

}  // namespace ops
