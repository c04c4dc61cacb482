#pragma once

// The door to nlohmann-json, for the few files of this folder that write or read JSON.
// Thread rule: values.

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace ops {

/// Keeps members in the order they were written in.
using Json = nlohmann::ordered_json;

/// A text as a JSON string, quotes included.
[[nodiscard]] inline std::string json_text(std::string_view text) {
    return Json(text).dump();
}

}  // namespace ops
