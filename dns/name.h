#pragma once

// Name: an absolute domain name in wire form (RFC 1035 3.1), lowercased (RFC 4343), so that equal
// names are equal bytes. For zone data and configuration; the answer path works on the bytes of the
// query (dns/wire.h) and uses only name_hash() from here.
//
// Thread rule: a value; immutable once made. Limits: 255 octets, labels of 63, 127 labels.
// Errors: Invalid (empty label, bad escape, cut wire form), TooLarge (a limit).

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace dns {

class Name {
  public:
    /// The root.
    Name() : wire_(1, '\0') {}

    /// Presentation form (RFC 1035 5.1): "example.com", "example.com.", "\." and "\DDD" escapes.
    /// Without a final dot it is absolute all the same. "." is the root; "" is Invalid.
    static base::Result<Name> from_text(std::string_view text);

    /// Presentation form as in a zone: "@" and names without a final dot are below `origin`.
    static base::Result<Name> from_text(std::string_view text, const Name& origin);

    /// Uncompressed wire form that fills `bytes` exactly.
    static base::Result<Name> from_wire(std::span<const std::byte> bytes);

    /// This name with one label before it.
    [[nodiscard]] base::Result<Name> below(std::string_view label) const;

    [[nodiscard]] std::span<const std::byte> wire() const noexcept {
        return std::as_bytes(std::span(wire_));
    }

    [[nodiscard]] std::size_t size() const noexcept { return wire_.size(); }

    [[nodiscard]] bool is_root() const noexcept { return wire_.size() == 1; }

    /// The leftmost label is "*" (RFC 4592 2.1.1).
    [[nodiscard]] bool is_wildcard() const noexcept;

    /// Labels without the root's.
    [[nodiscard]] std::size_t label_count() const noexcept;

    /// The leftmost label; empty for the root.
    [[nodiscard]] std::string_view first_label() const noexcept;

    /// Without the leftmost label. The root's parent is the root.
    [[nodiscard]] Name parent() const;

    /// This name is `ancestor` or below it.
    [[nodiscard]] bool is_within(const Name& ancestor) const noexcept;

    /// "example.com." with escapes where needed; "." for the root.
    [[nodiscard]] std::string to_text() const;

    /// Canonical order (RFC 4034 6.1): by labels from the right. A name comes right before those
    /// below it, and all of those before the next name that is not.
    [[nodiscard]] std::strong_ordering operator<=>(const Name& other) const noexcept;

    [[nodiscard]] bool operator==(const Name& other) const noexcept = default;

  private:
    explicit Name(std::string wire) : wire_(std::move(wire)) {}

    std::string wire_;
};

/// ASCII only (RFC 4343 3): the lower case of one octet.
[[nodiscard]] constexpr std::byte lower_octet(std::byte octet) noexcept {
    const auto value = std::to_integer<unsigned>(octet);
    return static_cast<std::byte>(value - 'A' < 26U ? value + 32U : value);
}

/// Hash of a lowercased wire name for tables inside this process; the same seed gives the same
/// hash. Not stable between builds: never store it.
[[nodiscard]] std::uint64_t name_hash(std::span<const std::byte> wire, std::uint64_t seed) noexcept;

}  // namespace dns
