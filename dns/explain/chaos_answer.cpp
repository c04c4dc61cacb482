#include "dns/explain/chaos_answer.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "dns/explain/explain_request.h"
#include "dns/image.h"
#include "dns/limits.h"

namespace dns::explain {
namespace {

constexpr std::size_t kRecordFixed = 12;  // pointer, type, class, TTL, length
constexpr std::string_view kCut = "...";
constexpr std::string_view kMore = "... and more: ask at the explain socket";

// Octets of the character-strings that hold `text`.
constexpr std::size_t strings_size(std::size_t text) noexcept {
    return text + std::max<std::size_t>(1, (text + kChaosTextMax - 1) / kChaosTextMax);
}

// False: it does not fit.
bool append_txt(Message& message, std::string_view text) noexcept {
    const std::size_t size = strings_size(text.size());
    std::byte* at =
        size > 0xffff ? nullptr : message.append_record(Section::Answer, kRecordFixed + size);
    if (at == nullptr) {
        return false;
    }
    store_u16(at, kQuestionPointer);
    store_u16(at + 2, static_cast<std::uint16_t>(RrType::Txt));
    store_u16(at + 4, static_cast<std::uint16_t>(RrClass::Chaos));
    store_u32(at + 6, 0);
    store_u16(at + 10, static_cast<std::uint16_t>(size));
    at += kRecordFixed;
    do {
        const std::size_t piece = std::min(text.size(), kChaosTextMax);
        *at = static_cast<std::byte>(piece);
        std::memcpy(at + 1, text.data(), piece);
        at += 1 + piece;
        text.remove_prefix(piece);
    } while (!text.empty());
    return true;
}

bool is_name(const WireName& name, std::string_view wire) noexcept {
    return std::ranges::equal(name.wire(), std::as_bytes(std::span(wire)));
}

// What an identity's name asks for; null: it is none.
const std::string* identity(const ChaosPolicy& policy, const WireName& name) noexcept {
    using namespace std::string_view_literals;
    if (is_name(name, "\7version\4bind\0"sv) || is_name(name, "\7version\6server\0"sv)) {
        return &policy.version;
    }
    if (is_name(name, "\10hostname\4bind\0"sv)) {
        return &policy.hostname;
    }
    return is_name(name, "\2id\6server\0"sv) ? &policy.id : nullptr;
}

bool is_admin(const ChaosPolicy& policy, const Client& client) noexcept {
    base::IpAddress address;
    if (client.family == Family::V6) {
        address = base::IpAddress::v6(client.address);
    } else {
        std::array<std::byte, 4> v4{};
        std::copy_n(client.address.begin(), v4.size(), v4.begin());
        address = base::IpAddress::v4(v4);
    }
    return std::ranges::any_of(policy.admins, [&address](const base::Network& network) {
        return network.contains(address);
    });
}

// At most kChaosTextMax octets, not cut within a character of UTF-8.
std::string cut(const std::string& line) {
    if (line.size() <= kChaosTextMax) {
        return line;
    }
    std::size_t size = kChaosTextMax - kCut.size();
    while (size > 0 && (static_cast<unsigned char>(line[size]) >> 6) == 2) {
        --size;
    }
    return line.substr(0, size) + std::string(kCut);
}

}  // namespace

bool answer_chaos(const ChaosPolicy& policy,
                  const Query& query,
                  const Client& client,
                  Message& message) noexcept {
    if (!query.has_question || query.rr_class != RrClass::Chaos || query.type != RrType::Txt) {
        return false;
    }
    if (const std::string* const text = identity(policy, query.name)) {
        if (text->empty()) {
            return false;
        }
        message.set_authoritative();
        if (!append_txt(message, *text)) {
            message.truncate();
        }
        return true;
    }
    if (!is_explain_name(query.name) || !is_admin(policy, client)) {
        return false;
    }
    message.truncate();
    return true;
}

std::size_t reply_lines(const Query& query,
                        std::span<const std::byte> packet,
                        const std::vector<std::string>& lines,
                        std::span<std::byte> out) {
    // What is kept free for the last line, if not all of them fit.
    const std::size_t last = kRecordFixed + strings_size(kMore.size());
    Message message(query, packet, Transport::Tcp, out);
    message.set_authoritative();
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const std::string line = cut(lines[i]);
        const std::size_t left = out.size() - message.size() - kOptSize;
        const bool is_last = i + 1 == lines.size();
        if (kRecordFixed + strings_size(line.size()) + (is_last ? 0 : last) > left ||
            !append_txt(message, line)) {
            (void)append_txt(message, kMore);  // its room was kept
            break;
        }
    }
    return message.finish();
}

bool reply_text(const Query& query,
                std::span<const std::byte> packet,
                std::string_view text,
                std::span<std::byte> out,
                std::size_t& size) {
    Message message(query, packet, Transport::Tcp, out);
    message.set_authoritative();
    if (!append_txt(message, text)) {
        return false;
    }
    size = message.finish();
    return true;
}

}  // namespace dns::explain
