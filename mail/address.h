#pragma once

// E-mail addresses as SMTP knows them (RFC 5321 4.1.2): mailboxes and paths, the form in which they
// are looked up, the DNS name under which the internal view answers for them, and the keys under
// which the sender blocklist may name them.
//
// No 8-bit octet is taken: SMTPUTF8 is not offered. IDNA A-labels ("xn--...") are plain labels.
// Addresses in header fields are another, laxer grammar: header_address.h.
//
// Thread rule: values; functions of their arguments alone.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mail {

/// One address. `local_part` is the meaning, without quotes and backslashes: "a b"@x and the
/// unquoted a.b@x differ only in octets. `domain` is a name, an address literal with its brackets,
/// or empty for the bare <Postmaster> of RFC 5321 4.1.1.3. Case is as received; see normalised().
struct Address {
    std::string local_part;
    std::string domain;

    /// Wire form, quoted where the grammar needs it: `"a b"@example.org`.
    [[nodiscard]] std::string text() const;

    /// True for user@[192.0.2.1] and user@[IPv6:2001:db8::1].
    [[nodiscard]] bool has_literal() const noexcept;

    friend bool operator==(const Address&, const Address&) = default;
};

/// A path read from the front of a command's argument.
struct Path {
    std::optional<Address> address;  ///< none: the null reverse-path "<>"
    std::size_t size = 0;            ///< octets read, "<" and ">" included
};

enum class PathUse { Reverse, Forward };

/// Reads "<...>" at the start of `text`; what follows it is the caller's. A source route is checked
/// and dropped (RFC 5321 4.1.1.3). Reverse: "<>" is allowed. Forward: "<>" is refused, and
/// <Postmaster> without a domain is allowed, in any case. Errors: Invalid, TooLarge (a part over
/// RFC 5321 4.5.3.1).
[[nodiscard]] base::Result<Path> parse_path(std::string_view text, PathUse use);

/// The whole of `text` is one mailbox, local-part "@" (domain / literal). Errors as parse_path.
[[nodiscard]] base::Result<Address> parse_mailbox(std::string_view text);

/// The whole of `text` is one domain name by RFC 5321 4.1.2 (letters, digits, hyphens inside,
/// labels up to 63, an underscore is tolerated because hosts announce themselves with it). No final
/// dot.
[[nodiscard]] bool is_domain(std::string_view text) noexcept;

/// The whole of `text` is "[192.0.2.1]", "[IPv6:...]" or a general literal of RFC 5321 4.1.3.
[[nodiscard]] bool is_address_literal(std::string_view text) noexcept;

/// As it is looked up: domain and local part in lower case (ASCII). RFC 5321 2.4 leaves the case of
/// local parts to the receiving host: ours never tells two accounts apart by case.
[[nodiscard]] Address normalised(const Address& address);

/// The DNS name that the internal view answers for an address: the first 28 octets of the SHA-256
/// of the lower-case local part in 56 hex digits, "._account.", the lower-case domain, no final dot
/// (the pattern of RFC 7929 3). Invalid for an address literal, an empty domain, or a name that
/// would exceed 253 octets.
[[nodiscard]] base::Result<std::string> verification_name(const Address& address);

enum class SenderKeyType { Address, Domain, Subtree };

/// A key of the sender blocklist. `text` is lower case: "user@example.org" for Address, a domain
/// for the other two. Domain is that domain alone; Subtree is the domain and everything below it.
struct SenderKey {
    SenderKeyType type = SenderKeyType::Address;
    std::string text;

    friend bool operator==(const SenderKey&, const SenderKey&) = default;
};

/// All keys that match an address, the most specific first: the address, its domain, the subtree of
/// its domain and of each parent domain up to the top-level one. A literal has no parents.
[[nodiscard]] std::vector<SenderKey> sender_match_keys(const Address& address);

/// "address", "domain", "subtree".
[[nodiscard]] std::string_view sender_key_type_name(SenderKeyType type) noexcept;

}  // namespace mail
