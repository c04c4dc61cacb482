#pragma once

// The query parser: header, one question, OPT, nothing else. Our own, because these bytes come from
// anybody; no ldns on them.
//
// Pure, bounded, no allocation. Any thread. All numbers of a Query are in host order. What may be
// wrong with a packet is a closed set, one name each, and outcome_action() is the one place that
// says what is answered to it.
//
// Sources: RFC 1035 4.1; RFC 2181; RFC 6891 6.1; RFC 8906 3 (what unknown things get);
// RFC 9619 (QDCOUNT); RFC 4343 (case); RFC 7873 5.4 (a query for a cookie alone).

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "dns/edns.h"
#include "dns/limits.h"

namespace dns {

/// Record types that the code treats specially. Any other number is plain data (RFC 3597).
enum class RrType : std::uint16_t {
    A = 1,
    Ns = 2,
    Cname = 5,
    Soa = 6,
    Ptr = 12,
    Hinfo = 13,
    Mx = 15,
    Txt = 16,
    Sig = 24,
    Aaaa = 28,
    Srv = 33,
    Dname = 39,
    Opt = 41,
    Ds = 43,
    Rrsig = 46,
    Nsec = 47,
    Nxname = 128,
    Tkey = 249,
    Tsig = 250,
    Ixfr = 251,
    Axfr = 252,
    Mailb = 253,
    Maila = 254,
    Any = 255,
};

enum class RrClass : std::uint16_t { In = 1, Chaos = 3, None = 254, Any = 255 };

/// The extended RCODE, RFC 6895 2.3.
enum class Rcode : std::uint16_t {
    NoError = 0,
    FormErr = 1,
    ServFail = 2,
    NxDomain = 3,
    NotImp = 4,
    Refused = 5,
    YxDomain = 6,
    BadVers = 16,
    BadCookie = 23,  ///< RFC 7873 8
};

/// What the parser made of a packet.
enum class QueryOutcome : std::uint8_t {
    Ok,
    IgnoreShort,        ///< fewer than 12 octets: there is no header to answer
    IgnoreResponse,     ///< QR=1 is never answered (RFC 8906 3.1.4 and loops)
    NotImpOpcode,       ///< anything but QUERY
    FormErrCounts,      ///< QDCOUNT is not 1 (RFC 9619), or answer or authority records
    FormErrName,        ///< the question's name is compressed, extended, cut or too long
    FormErrQuestion,    ///< type or class cut off, or a type that is no question
    FormErrAdditional,  ///< a record cut off, or one that is not OPT
    FormErrOpt,         ///< OPT with a name, or with options that do not fill it
    FormErrTwoOpts,     ///< a second OPT (RFC 6891 6.1.1)
    FormErrTrailing,    ///< octets after the last record
    BadVersion,         ///< EDNS version above 0 (RFC 6891 6.1.3)
    RefusedSignature,   ///< TSIG or SIG(0): no key of ours
    RefusedClass,       ///< not class IN
    RefusedType,        ///< transfers and other meta types
    RefusedUpdate,      ///< an UPDATE without a signature
    CookieOnly,         ///< no question, but a cookie (RFC 7873 5.4)
};
inline constexpr std::size_t kQueryOutcomes = 17;

/// "ok", "ignore-short", "formerr-counts", ...: the label of its counter.
[[nodiscard]] std::string_view outcome_name(QueryOutcome outcome) noexcept;

/// Whether, and with which RCODE and extended error, an outcome is answered.
struct OutcomeAction {
    bool answered = true;
    Rcode rcode = Rcode::NoError;
    ExtendedError error = ExtendedError::None;
};

[[nodiscard]] OutcomeAction outcome_action(QueryOutcome outcome) noexcept;

/// A lowercased wire name with the places of its labels. Not initialised: its octets are written
/// before they are read, and clearing 400 octets for every query is not free.
struct WireName {
    std::uint8_t size;         ///< octets, with the root
    std::uint8_t label_count;  ///< without the root
    std::array<std::byte, kNameMax + 1> octets;
    std::array<std::uint8_t, kLabelsMax + 1> label_at;  ///< offset of each label, and of the root

    [[nodiscard]] std::span<const std::byte> wire() const noexcept { return {octets.data(), size}; }

    /// The name without its first `labels` labels.
    [[nodiscard]] std::span<const std::byte> suffix(std::size_t labels) const noexcept {
        return wire().subspan(label_at[labels]);
    }
};

/// A parsed query. Which fields are set depends on how far the parser came; the flags tell.
struct Query {
    std::uint16_t id;
    std::uint16_t flags;  ///< the second word of the header, as sent
    RrType type;
    RrClass rr_class;
    std::uint16_t udp_size;  ///< the OPT's payload size; only if has_opt
    bool has_question;       ///< name, type and class are set; may be copied into the answer
    bool has_opt;
    bool dnssec_ok;       ///< DO, RFC 3225; only if has_opt
    bool compact_ok;      ///< CO, RFC 9824 5.1; only if has_opt
    EdnsOptions options;  ///< none unless has_opt
    WireName name;

    [[nodiscard]] std::size_t question_size() const noexcept { return name.size + 4U; }
};

/// Reads plain labels up to the root from the start of `bytes`. False if they are cut, compressed,
/// or longer than a name may be; `name` is then undefined.
[[nodiscard]] bool read_name(std::span<const std::byte> bytes, WireName& name) noexcept;

/// Parses a packet. On any outcome but the Ignore ones, id and flags are set and has_question and
/// has_opt tell what else is.
[[nodiscard]] QueryOutcome parse_query(std::span<const std::byte> packet, Query& query) noexcept;

[[nodiscard]] inline std::uint16_t load_u16(const std::byte* at) noexcept {
    return static_cast<std::uint16_t>((std::to_integer<unsigned>(at[0]) << 8) |
                                      std::to_integer<unsigned>(at[1]));
}

inline void store_u16(std::byte* at, std::uint16_t value) noexcept {
    at[0] = static_cast<std::byte>(value >> 8);
    at[1] = static_cast<std::byte>(value & 0xff);
}

inline void store_u32(std::byte* at, std::uint32_t value) noexcept {
    store_u16(at, static_cast<std::uint16_t>(value >> 16));
    store_u16(at + 2, static_cast<std::uint16_t>(value & 0xffff));
}

// Bits of the header's second word, RFC 1035 4.1.1.
inline constexpr std::uint16_t kFlagResponse = 0x8000;
inline constexpr std::uint16_t kFlagOpcode = 0x7800;
inline constexpr std::uint16_t kFlagAuthoritative = 0x0400;
inline constexpr std::uint16_t kFlagTruncated = 0x0200;
inline constexpr std::uint16_t kFlagRecursionDesired = 0x0100;

/// RFC 2136 1.3: opcode 5, at its place.
inline constexpr std::uint16_t kOpcodeUpdate = 0x2800;

}  // namespace dns
