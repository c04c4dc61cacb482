#include "dns/explain/chaos_reply.h"

#include <span>

#include "base/hash.h"
#include "dns/packet_cursor.h"

namespace dns::explain {
namespace {

constexpr std::string_view kErrorLine = "error: ";
constexpr std::string_view kNoDomain = "there is no domain ";

// The strings of one TXT record, joined.
base::Result<std::string> read_strings(std::span<const std::byte> data) {
    std::string text;
    PacketCursor cursor(data, 0);
    while (cursor.left() > 0) {
        const auto size = std::to_integer<std::size_t>(cursor.take(1)[0]);
        const auto piece = cursor.take(size);
        if (cursor.failed()) {
            return base::Error{base::Errc::Invalid, "malformed reply"};
        }
        text += base::as_text(piece);
    }
    return text;
}

base::Error error_of(std::string_view words) {
    return {words.starts_with(kNoDomain) ? base::Errc::NotFound : base::Errc::Unavailable,
            std::string(words)};
}

}  // namespace

base::Result<std::string> read_chaos_reply(std::string_view query,
                                           std::string_view reply,
                                           Format format) {
    const base::Error malformed{base::Errc::Invalid, "malformed reply"};
    const auto bytes = base::as_bytes(reply);
    if (reply.size() < query.size() || reply.substr(0, 2) != query.substr(0, 2) ||
        reply.substr(kHeaderSize, query.size() - kHeaderSize) != query.substr(kHeaderSize)) {
        return malformed;
    }
    const std::uint16_t flags = load_u16(bytes.data() + 2);
    const auto rcode = static_cast<Rcode>(flags & 0xf);
    if (rcode != Rcode::NoError) {
        return base::Error{base::Errc::Refused,
                           "it refuses: is this machine in its admin_acl, and is it a "
                           "roundtable-dnsd?"};
    }
    PacketCursor cursor(bytes, query.size());
    std::string text;
    for (unsigned left = load_u16(bytes.data() + 6); left > 0; --left) {
        cursor.skip_name();
        const std::uint16_t type = cursor.take_u16();
        (void)cursor.take(6);  // class, TTL; cut: failed() tells
        const auto data = cursor.take(cursor.take_u16());
        if (cursor.failed() || type != static_cast<std::uint16_t>(RrType::Txt)) {
            return malformed;
        }
        const std::string line = TRY(read_strings(data));
        if (text.empty() && line.starts_with(kErrorLine)) {
            return error_of(std::string_view(line).substr(kErrorLine.size()));
        }
        text += line + "\n";
    }
    const bool is_whole = !text.empty() && (format == Format::Text || text.starts_with('{'));
    return is_whole ? base::Result<std::string>(text) : malformed;
}

}  // namespace dns::explain
