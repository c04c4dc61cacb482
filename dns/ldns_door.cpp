#include "dns/ldns_door.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <vector>

#include <ldns/ldns.h>
#include <strings.h>

#include "base/handle.h"
#include "dns/limits.h"
#include "dns/wire.h"

namespace dns {
namespace {

using Record = base::Handle<ldns_rr, ldns_rr_free>;
using Field = base::Handle<ldns_rdf, ldns_rdf_deep_free>;
using Buffer = base::Handle<ldns_buffer, ldns_buffer_free>;
using CText = base::Handle<char, std::free>;

base::Error invalid(std::string_view what) {
    return {base::Errc::Invalid, std::string(what)};
}

bool all_digits(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string_view without_zeros(std::string_view digits) {
    const std::size_t first = digits.find_first_not_of('0');
    return first == std::string_view::npos ? digits.substr(digits.size() - 1)
                                           : digits.substr(first);
}

std::vector<std::string_view> tokens_of(std::string_view text) {
    std::vector<std::string_view> tokens;
    std::size_t at = 0;
    while ((at = text.find_first_not_of(" \t", at)) != std::string_view::npos) {
        const std::size_t end = std::min(text.find_first_of(" \t", at), text.size());
        tokens.push_back(text.substr(at, end - at));
        at = end;
    }
    return tokens;
}

// What ldns accepts without a word and no operator can have meant.
base::Status check_text(std::string_view text) {
    bool quoted = false;
    bool escaped = false;
    for (const char c : text) {
        if (static_cast<unsigned char>(c) < 0x20 && c != '\t') {
            return invalid("control character in record data");
        }
        if (escaped) {
            escaped = false;
        } else if (c == '\\') {
            escaped = true;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (c == ';' && !quoted) {
            return invalid("comment in record data (quote the semicolon)");
        }
    }
    if (quoted || escaped) {
        return invalid("record data ends inside a quote or an escape");
    }
    return base::Done{};
}

// Certificate type 0 is reserved (RFC 4398 2.1). ldns says so as well, and loses memory each time:
// it makes the field before it looks at it.
base::Status check_certificate_type(std::string_view text) {
    constexpr std::string_view kBetween = " \t()";
    text.remove_prefix(std::min(text.find_first_not_of(kBetween), text.size()));
    const std::string first(text.substr(0, text.find_first_of(kBetween)));
    char* end = nullptr;
    const auto value = std::strtoul(first.c_str(), &end, 10);
    if (!first.empty() && *end == '\0' && (value & 0xffffU) == 0) {
        return invalid("certificate type 0 is reserved");
    }
    return base::Done{};
}

std::string fields_text(const ldns_rr* record) {
    std::string text;
    for (std::size_t i = 0; i < ldns_rr_rd_count(record); ++i) {
        const CText field(ldns_rdf2str(ldns_rr_rdf(record, i)));
        if (i != 0) {
            text.push_back(' ');
        }
        text += field ? field.get() : "";
    }
    return text;
}

// ldns wraps a number that is too large for its field. Reading the record back shows it: a number
// that was written must be read.
base::Status check_numbers(std::string_view written, const ldns_rr* record) {
    const auto before = tokens_of(written);
    if (std::ranges::none_of(before, all_digits)) {
        return base::Done{};
    }
    const std::string read_back = fields_text(record);
    const auto after = tokens_of(read_back);
    if (before.size() != after.size()) {
        return base::Done{};
    }
    for (std::size_t i = 0; i < before.size(); ++i) {
        if (all_digits(before[i]) && all_digits(after[i]) &&
            without_zeros(before[i]) != without_zeros(after[i])) {
            return invalid("number " + std::string(before[i]) + " does not fit its field");
        }
    }
    return base::Done{};
}

base::Result<std::string> wire_of(const ldns_rr* record) {
    std::size_t size = 0;
    for (std::size_t i = 0; i < ldns_rr_rd_count(record); ++i) {
        size += ldns_rdf_size(ldns_rr_rdf(record, i));
    }
    const Buffer buffer(ldns_buffer_new(std::max<std::size_t>(size, 1)));
    if (!buffer || size > kMessageMax ||
        ldns_rr_rdata2buffer_wire(buffer.get(), record) != LDNS_STATUS_OK) {
        return base::Error{base::Errc::TooLarge, "record data does not fit a message"};
    }
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): octets as char
    const auto* data = reinterpret_cast<const char*>(ldns_buffer_begin(buffer.get()));
    return std::string(data, ldns_buffer_position(buffer.get()));
}

}  // namespace

base::Result<std::uint16_t> record_type(std::string_view text) {
    // ldns takes TYPE99999, too, as another type, and TYPE0 for no type.
    if (text.size() > 4 && strncasecmp(text.data(), "TYPE", 4) == 0) {
        std::uint16_t number = 0;
        const char* end = text.data() + text.size();
        const auto [rest, error] = std::from_chars(text.data() + 4, end, number);
        if (rest != end || error != std::errc() || number == 0) {
            return invalid("unknown record type " + std::string(text.substr(0, 32)));
        }
        return number;
    }
    const ldns_rr_type type = ldns_get_rr_type_by_name(std::string(text).c_str());
    if (type == 0) {
        return invalid("unknown record type " + std::string(text.substr(0, 32)));
    }
    return static_cast<std::uint16_t>(type);
}

std::string record_type_name(std::uint16_t type) {
    const CText text(ldns_rr_type2str(static_cast<ldns_rr_type>(type)));
    return text ? text.get() : "TYPE" + std::to_string(type);
}

base::Result<std::string> record_data(std::uint16_t type,
                                      std::string_view text,
                                      const Name& origin) {
    if (text.size() > kRecordTextMax) {
        return base::Error{base::Errc::TooLarge, "record data longer than its limit"};
    }
    TRY(check_text(text));
    if (type == LDNS_RR_TYPE_CERT) {
        TRY(check_certificate_type(text));
    }
    const Field origin_field(
        ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, origin.wire().size(), origin.wire().data()));
    const std::string line = ". 0 IN " + record_type_name(type) + " " + std::string(text);
    ldns_rr* made = nullptr;
    const ldns_status status =
        ldns_rr_new_frm_str(&made, line.c_str(), 0, origin_field.get(), nullptr);
    const Record record(made);
    if (status != LDNS_STATUS_OK || !record) {
        return invalid(record_type_name(type) + " data \"" + std::string(text.substr(0, 200)) +
                       "\": " + ldns_get_errorstr_by_id(status));
    }
    TRY(check_numbers(text, record.get()));
    return wire_of(record.get());
}

base::Result<std::string> record_data_text(std::uint16_t type, std::string_view data) {
    if (data.size() > kMessageMax) {
        return base::Error{base::Errc::TooLarge, "record data longer than a message"};
    }
    std::vector<std::uint8_t> wire = {0};
    const auto append_u16 = [&wire](unsigned value) {
        wire.push_back(static_cast<std::uint8_t>(value >> 8));
        wire.push_back(static_cast<std::uint8_t>(value & 0xff));
    };
    append_u16(type);
    append_u16(static_cast<unsigned>(RrClass::In));
    append_u16(0);
    append_u16(0);
    append_u16(static_cast<unsigned>(data.size()));
    wire.insert(wire.end(), data.begin(), data.end());
    ldns_rr* made = nullptr;
    std::size_t at = 0;
    const ldns_status status =
        ldns_wire2rr(&made, wire.data(), wire.size(), &at, LDNS_SECTION_ANSWER);
    const Record record(made);
    if (status != LDNS_STATUS_OK || !record) {
        return invalid(std::string("record data: ") + ldns_get_errorstr_by_id(status));
    }
    return fields_text(record.get());
}

}  // namespace dns
