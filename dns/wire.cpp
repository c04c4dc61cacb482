#include "dns/wire.h"

#include <cstring>

#include "dns/name.h"

namespace dns {
namespace {

constexpr std::uint32_t kOptDnssecOk = 0x8000;
constexpr std::uint32_t kOptCompactOk = 0x4000;

// Walks a packet. Every read checks what is left first.
struct Reader {
    const std::byte* at;
    const std::byte* end;

    [[nodiscard]] std::size_t left() const noexcept { return static_cast<std::size_t>(end - at); }

    [[nodiscard]] std::uint16_t take_u16() noexcept {
        const std::uint16_t value = load_u16(at);
        at += 2;
        return value;
    }
};

QueryOutcome judge_type(RrType type) noexcept {
    switch (type) {
        case RrType::Opt:
        case RrType::Nxname:  // RFC 9824 3.5: as a question it is malformed
            return QueryOutcome::FormErrQuestion;
        case RrType::Tkey:
        case RrType::Tsig:
        case RrType::Ixfr:
        case RrType::Axfr:
        case RrType::Mailb:
        case RrType::Maila:
            return QueryOutcome::RefusedType;
        default:
            return QueryOutcome::Ok;
    }
}

// The first question, RFC 1035 4.1.2.
QueryOutcome parse_question(Reader& reader, Query& query) noexcept {
    if (!read_name({reader.at, reader.end}, query.name)) {
        return QueryOutcome::FormErrName;
    }
    reader.at += query.name.size;
    if (reader.left() < 4) {
        return QueryOutcome::FormErrQuestion;
    }
    query.type = static_cast<RrType>(reader.take_u16());
    query.rr_class = static_cast<RrClass>(reader.take_u16());
    query.has_question = true;
    return QueryOutcome::Ok;
}

// The OPT record after its (root) name: RFC 6891 6.1.2.
QueryOutcome parse_opt(Reader& reader,
                       std::span<const std::byte> packet,
                       Query& query,
                       std::uint8_t& version) noexcept {
    if (query.has_opt) {
        return QueryOutcome::FormErrTwoOpts;
    }
    const std::uint16_t udp_size = reader.take_u16();
    const std::uint16_t high = reader.take_u16();
    const std::uint16_t low = reader.take_u16();
    const std::uint16_t length = reader.take_u16();
    if (length > reader.left()) {
        return QueryOutcome::FormErrAdditional;
    }
    const auto origin = static_cast<std::uint16_t>(reader.at - packet.data());
    if (!read_edns_options({reader.at, length}, origin, query.options)) {
        query.options = EdnsOptions{};
        return QueryOutcome::FormErrOpt;
    }
    reader.at += length;
    query.has_opt = true;
    query.udp_size = udp_size;
    query.dnssec_ok = (low & kOptDnssecOk) != 0;
    query.compact_ok = (low & kOptCompactOk) != 0;
    version = static_cast<std::uint8_t>(high & 0xff);
    return QueryOutcome::Ok;
}

// What nearly every query ends with, in fewer steps: one OPT without options. False, and nothing
// done, if that is not what is left.
bool take_bare_opt(Reader& reader, Query& query, std::uint8_t& version) noexcept {
    const std::byte* const at = reader.at;
    if (reader.left() != 1 + 10 || at[0] != std::byte{0} ||
        static_cast<RrType>(load_u16(at + 1)) != RrType::Opt || load_u16(at + 9) != 0) {
        return false;
    }
    const std::uint16_t low = load_u16(at + 7);
    query.has_opt = true;
    query.udp_size = load_u16(at + 3);
    query.dnssec_ok = (low & kOptDnssecOk) != 0;
    query.compact_ok = (low & kOptCompactOk) != 0;
    version = std::to_integer<std::uint8_t>(at[6]);
    reader.at = reader.end;
    return true;
}

// Skips a record's name: labels, at most one pointer at its end. Nothing follows the pointer.
bool skip_name(Reader& reader) noexcept {
    while (reader.left() != 0) {
        const auto length = std::to_integer<std::size_t>(*reader.at);
        if (length == 0) {
            ++reader.at;
            return true;
        }
        if (length >= 0xc0) {
            if (reader.left() < 2) {
                return false;
            }
            reader.at += 2;
            return true;
        }
        if (length > kLabelMax || length + 1 > reader.left()) {
            return false;
        }
        reader.at += length + 1;
    }
    return false;
}

QueryOutcome parse_additional(Reader& reader,
                              std::span<const std::byte> packet,
                              Query& query,
                              std::uint8_t& version) noexcept {
    const bool at_root = reader.left() != 0 && *reader.at == std::byte{0};
    if (!skip_name(reader) || reader.left() < 10) {
        return QueryOutcome::FormErrAdditional;
    }
    const auto type = static_cast<RrType>(reader.take_u16());
    if (type == RrType::Opt) {
        return at_root ? parse_opt(reader, packet, query, version) : QueryOutcome::FormErrOpt;
    }
    reader.at += 6;
    const std::uint16_t length = reader.take_u16();
    if (length > reader.left()) {
        return QueryOutcome::FormErrAdditional;
    }
    reader.at += length;
    const bool signature = type == RrType::Tsig || type == RrType::Sig;
    return signature ? QueryOutcome::RefusedSignature : QueryOutcome::FormErrAdditional;
}

// lower_octet() of eight octets at a time, whatever their order: an octet gets the bit that makes
// it lower case if it has no top bit and lies at or above 'A' and not above 'Z'.
std::uint64_t lower_octets(std::uint64_t octets) noexcept {
    constexpr std::uint64_t kEach = 0x0101010101010101U;
    const std::uint64_t low = octets & (0x7f * kEach);
    const std::uint64_t from_a = low + (0x80 - 'A') * kEach;
    const std::uint64_t beyond_z = low + (0x7f - 'Z') * kEach;
    return octets | ((~octets & (from_a ^ beyond_z) & (0x80 * kEach)) >> 2);
}

// The first `size` octets of `from`. A length is below 'A', so that whole names go through it;
// what may be read or written behind them is, since calls and steps of one octet cost more.
void copy_name(std::span<const std::byte> from, std::size_t size, WireName& name) noexcept {
    static_assert(sizeof name.octets % 8 == 0 && sizeof name.octets >= kNameMax);
    static_assert(kLabelMax < 'A');
    std::byte* const to = name.octets.data();
    std::size_t at = 0;
    for (; at < size && from.size() - at >= 8; at += 8) {
        std::uint64_t octets = 0;
        std::memcpy(&octets, from.data() + at, 8);
        octets = lower_octets(octets);
        std::memcpy(to + at, &octets, 8);
    }
    for (; at < size; ++at) {
        to[at] = lower_octet(from.data()[at]);
    }
}

}  // namespace

bool read_name(std::span<const std::byte> bytes, WireName& name) noexcept {
    const std::size_t limit = bytes.size() < kNameMax ? bytes.size() : kNameMax;
    std::size_t at = 0;
    unsigned labels = 0;
    while (at < limit) {
        const auto length = std::to_integer<std::size_t>(bytes.data()[at]);
        name.label_at.data()[labels] = static_cast<std::uint8_t>(at);
        if (length == 0) {
            name.size = static_cast<std::uint8_t>(at + 1);
            name.label_count = static_cast<std::uint8_t>(labels);
            copy_name(bytes, at + 1, name);
            return true;
        }
        if (length > kLabelMax || length >= limit - at) {
            return false;
        }
        ++labels;
        at += length + 1;
    }
    return false;
}

std::string_view outcome_name(QueryOutcome outcome) noexcept {
    static constexpr std::array<std::string_view, kQueryOutcomes> kNames = {"ok",
                                                                            "ignore-short",
                                                                            "ignore-response",
                                                                            "notimp-opcode",
                                                                            "formerr-counts",
                                                                            "formerr-name",
                                                                            "formerr-question",
                                                                            "formerr-additional",
                                                                            "formerr-opt",
                                                                            "formerr-two-opts",
                                                                            "formerr-trailing",
                                                                            "bad-version",
                                                                            "refused-signature",
                                                                            "refused-class",
                                                                            "refused-type",
                                                                            "refused-update",
                                                                            "cookie-only"};
    return kNames[static_cast<std::size_t>(outcome)];
}

OutcomeAction outcome_action(QueryOutcome outcome) noexcept {
    switch (outcome) {
        case QueryOutcome::IgnoreShort:
        case QueryOutcome::IgnoreResponse:
            return {false, Rcode::NoError};
        case QueryOutcome::NotImpOpcode:
            return {true, Rcode::NotImp, ExtendedError::NotSupported};
        case QueryOutcome::FormErrCounts:
        case QueryOutcome::FormErrName:
        case QueryOutcome::FormErrQuestion:
        case QueryOutcome::FormErrAdditional:
        case QueryOutcome::FormErrOpt:
        case QueryOutcome::FormErrTwoOpts:
        case QueryOutcome::FormErrTrailing:
            return {true, Rcode::FormErr};
        case QueryOutcome::BadVersion:
            return {true, Rcode::BadVers};
        case QueryOutcome::RefusedSignature:
        case QueryOutcome::RefusedClass:
        case QueryOutcome::RefusedType:
        case QueryOutcome::RefusedUpdate:
            return {true, Rcode::Refused, ExtendedError::NotSupported};
        case QueryOutcome::CookieOnly:
        case QueryOutcome::Ok:
            break;
    }
    return {true, Rcode::NoError};
}

QueryOutcome parse_query(std::span<const std::byte> packet, Query& query) noexcept {
    query.has_question = false;
    query.has_opt = false;
    query.dnssec_ok = false;
    query.compact_ok = false;
    query.options = EdnsOptions{};
    if (packet.size() < kHeaderSize) {
        return QueryOutcome::IgnoreShort;
    }
    query.id = load_u16(packet.data());
    query.flags = load_u16(packet.data() + 2);
    if ((query.flags & kFlagResponse) != 0) {
        return QueryOutcome::IgnoreResponse;
    }
    if ((query.flags & kFlagOpcode) != 0) {
        return QueryOutcome::NotImpOpcode;
    }
    const std::uint16_t question_count = load_u16(packet.data() + 4);
    const std::uint16_t authority_count = load_u16(packet.data() + 8);
    const std::uint16_t additional_count = load_u16(packet.data() + 10);
    if (question_count > 1 || load_u16(packet.data() + 6) != 0 ||
        authority_count > question_count || additional_count > kQueryAdditionalMax) {
        return QueryOutcome::FormErrCounts;
    }
    Reader reader{packet.data() + kHeaderSize, packet.data() + packet.size()};
    if (question_count == 1) {
        const QueryOutcome outcome = parse_question(reader, query);
        if (outcome != QueryOutcome::Ok) {
            return outcome;
        }
    }
    if (authority_count != 0) {
        // Only an IXFR question has one (RFC 1995 3), and that is refused whatever it holds.
        return query.type == RrType::Ixfr ? QueryOutcome::RefusedType : QueryOutcome::FormErrCounts;
    }
    std::uint8_t version = 0;
    const bool bare = additional_count == 1 && take_bare_opt(reader, query, version);
    for (unsigned i = bare ? 1 : 0; i < additional_count; ++i) {
        const QueryOutcome outcome = parse_additional(reader, packet, query, version);
        if (outcome != QueryOutcome::Ok) {
            return outcome;
        }
    }
    if (reader.left() != 0) {
        return QueryOutcome::FormErrTrailing;
    }
    if (version != 0) {
        return QueryOutcome::BadVersion;
    }
    if (!query.has_question) {
        return query.options.cookie_size != 0 ? QueryOutcome::CookieOnly
                                              : QueryOutcome::FormErrCounts;
    }
    if (query.rr_class != RrClass::In) {
        return QueryOutcome::RefusedClass;
    }
    return judge_type(query.type);
}

}  // namespace dns
