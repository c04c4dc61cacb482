#pragma once

// Where roundtable-path-helper is: beside the program that runs, unless told otherwise.
// Thread rule: any thread; touches the local disk: at start-up.

#include <string>

#include "base/result.h"

namespace storage {

/// `configured` empty: beside /proc/self/exe. NotFound: no such program.
[[nodiscard]] base::Result<std::string> find_helper_program(const std::string& configured);

}  // namespace storage
