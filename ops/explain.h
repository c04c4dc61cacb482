#pragma once

// What a person reads when the database refused a row: the rule in words, instead of the name of a
// constraint. The rules themselves are the schema's (schema/0002_directory.sql).
//
// Thread rule: pure functions.

#include <string>

#include "base/result.h"

namespace ops {

/// The error's detail, or the rule that the constraint it names stands for.
[[nodiscard]] std::string explain(const base::Error& error);

}  // namespace ops
