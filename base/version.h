#pragma once

// The version of the programs, as --version and the admin port show it.

#include <string_view>

namespace base {

constexpr std::string_view kVersion = "0.1.0";

}  // namespace base
