#pragma once

// The MIME structure of a message (RFC 2045, 2046), found in one pass over the stored octets,
// without recursion: the part tree with offsets, and of each part what BODYSTRUCTURE shows, raw.
//
// Nothing is decoded: a message/rfc822 within base64 stays a leaf, RFC 2231 parameters stay split
// and encoded. Every message has a structure; what is malformed or over a limit becomes a leaf.
// Limits: kPartDepthMax, kPartsMax, kPartHeaderMax, kParametersMax, kLanguagesMax, kBoundaryMax.
//
// Thread rule: values; a function of its argument.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mail/part_tree.h"

namespace mail {

/// name=value of a Content-Type or Content-Disposition, value unquoted.
struct Parameter {
    std::string name;
    std::string value;

    friend bool operator==(const Parameter&, const Parameter&) = default;
};

/// What a part's header says about it. Unset: the field is absent or unusable.
struct PartInfo {
    std::string type = "text";  ///< case as written
    std::string subtype = "plain";
    std::vector<Parameter> parameters;
    std::optional<std::string> id;           ///< Content-ID
    std::optional<std::string> description;  ///< Content-Description, unfolded
    std::optional<std::string> encoding;     ///< Content-Transfer-Encoding, as written
    std::optional<std::string> md5;          ///< Content-MD5
    std::optional<std::string> disposition;  ///< Content-Disposition without parameters
    std::vector<Parameter> disposition_parameters;
    std::vector<std::string> languages;   ///< Content-Language
    std::optional<std::string> location;  ///< Content-Location, unfolded
};

/// The tree and, at the same index, what each part says.
struct Structure {
    PartTree tree;
    std::vector<PartInfo> infos;  ///< as many as tree.nodes()
    bool truncated = false;       ///< a limit made a leaf of something that had parts
};

/// How far to go; the defaults are the limits.
struct StructureLimits {
    std::size_t depth;
    std::size_t parts;
};

[[nodiscard]] Structure parse_structure(std::string_view message);
[[nodiscard]] Structure parse_structure(std::string_view message, const StructureLimits& limits);

/// First parameter of that name (ASCII case ignored), or empty.
[[nodiscard]] std::string_view parameter_value(const std::vector<Parameter>& parameters,
                                               std::string_view name) noexcept;

}  // namespace mail
