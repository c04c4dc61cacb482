#pragma once

// Attributes: what is known of a message beside its envelope, by name: who called, how many pages a
// fax has, what a virus scanner said. They are kept in the frame with the envelope, so that the
// catalog can be rebuilt from it; which names mean what is in schema/README.md.
//
// Thread rule: values. Limits: kAttributesMax, kAttributeNameMax, kAttributeValueMax.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mail {

struct Attribute {
    std::string name;   ///< [a-z-]{1,32}
    std::string value;  ///< UTF-8 without control characters, at most 1,000 octets; may be empty

    friend bool operator==(const Attribute&, const Attribute&) = default;
};

/// See the top of this file. Ordered by name; each name once.
class Attributes {
  public:
    using Iterator = std::vector<Attribute>::const_iterator;

    /// Sets or replaces. Invalid: no name of an attribute, or a value that is no UTF-8 or has
    /// control characters. TooLarge: a value that is too long, or too many names. After an error
    /// nothing has changed.
    base::Status set(std::string_view name, std::string_view value);

    void erase(std::string_view name);

    /// Null if it is not there. Valid until the next change.
    [[nodiscard]] const std::string* find(std::string_view name) const noexcept;

    [[nodiscard]] Iterator begin() const noexcept { return entries_.begin(); }

    [[nodiscard]] Iterator end() const noexcept { return entries_.end(); }

    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

    [[nodiscard]] bool empty() const noexcept { return entries_.empty(); }

    friend bool operator==(const Attributes&, const Attributes&) = default;

  private:
    std::vector<Attribute> entries_;
};

/// True if `name` may name an attribute.
[[nodiscard]] bool is_attribute_name(std::string_view name) noexcept;

/// Well-formed UTF-8 (RFC 3629) without the control characters U+0000 to U+001F and U+007F to
/// U+009F.
[[nodiscard]] bool is_clean_text(std::string_view text) noexcept;

/// Whatever octets as the value of an attribute: octets that are not clean text become spaces,
/// spaces at both ends go, and it is cut at a character within kAttributeValueMax.
[[nodiscard]] std::string clean_text(std::string_view octets);

}  // namespace mail
