#include <algorithm>
#include <array>
#include <utility>

#include "base/resolver.h"

namespace base {

namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kNameMax = 255;
constexpr std::size_t kLabelMax = 63;
constexpr std::size_t kDsHeadBytes = 4;  // RFC 4034 5.1: tag, algorithm, digest type
constexpr int kChainMax = 16;
constexpr std::uint16_t kClassIn = 1;
constexpr std::uint16_t kTypeOpt = 41;
constexpr std::uint16_t kUdpBytes = 1232;  // RFC 6891 6.2.5, as the DNS flag day of 2020 set it

void put16(std::string& out, std::size_t value) {
    out += static_cast<char>((value >> 8U) & 0xFFU);
    out += static_cast<char>(value & 0xFFU);
}

char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

bool is_plain(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

// One character of a name in text form, "\046" and "\." included. False: malformed.
bool take_character(std::string_view text, std::size_t& at, char& out) {
    if (text[at] != '\\') {
        out = text[at++];
        return true;
    }
    const std::string_view rest = text.substr(at + 1);
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    if (rest.size() >= 3 && digit(rest[0]) && digit(rest[1]) && digit(rest[2])) {
        const int value = (rest[0] - '0') * 100 + (rest[1] - '0') * 10 + (rest[2] - '0');
        out = static_cast<char>(value);
        at += 4;
        return value <= 255;
    }
    if (rest.empty() || digit(rest[0])) {
        return false;
    }
    out = rest[0];
    at += 2;
    return true;
}

// Wire form, without compression.
Result<std::string> encode_name(std::string_view name) {
    const Error malformed{Errc::Invalid, "not a domain name"};
    std::string wire;
    std::string label;
    const auto close_label = [&] {
        wire += static_cast<char>(label.size());
        wire += label;
        label.clear();
    };
    for (std::size_t at = 0; at < name.size();) {
        if (name[at] == '.') {
            if (label.empty() && name.size() > 1) {
                return malformed;
            }
            if (!label.empty()) {
                close_label();
            }
            ++at;
            continue;
        }
        char character = 0;
        if (!take_character(name, at, character) || label.size() == kLabelMax) {
            return malformed;
        }
        label += character;
    }
    if (!label.empty()) {
        close_label();
    }
    wire += '\0';
    if (wire.size() > kNameMax || name.empty()) {
        return malformed;
    }
    return wire;
}

// Reads a message; every step checks what is left. After a failure `ok` stays false.
class Reader {
  public:
    explicit Reader(std::string_view message) noexcept : message_(message) {}

    [[nodiscard]] bool ok() const noexcept { return ok_; }

    [[nodiscard]] std::size_t at() const noexcept { return at_; }

    void go_to(std::size_t at) noexcept { at_ = at; }

    std::uint8_t u8() noexcept {
        if (at_ >= message_.size()) {
            ok_ = false;
            return 0;
        }
        return static_cast<std::uint8_t>(message_[at_++]);
    }

    std::uint16_t u16() noexcept {
        const unsigned high = u8();
        return static_cast<std::uint16_t>(high << 8U | u8());
    }

    std::uint32_t u32() noexcept {
        const std::uint32_t high = u16();
        return high << 16U | u16();
    }

    std::string_view bytes(std::size_t count) noexcept {
        if (count > message_.size() - std::min(at_, message_.size())) {
            ok_ = false;
            return {};
        }
        at_ += count;
        return message_.substr(at_ - count, count);
    }

    // In text form, lower case, without the final dot. Pointers must lead backwards, each further
    // than the one before, so that a loop cannot be made: RFC 1035 4.1.4.
    std::string name() {
        std::string text;
        std::size_t wire_bytes = 1;
        std::size_t place = at_;
        std::size_t limit = at_;
        bool jumped = false;
        while (ok_) {
            if (place >= message_.size()) {
                ok_ = false;
                break;
            }
            const auto length = static_cast<std::uint8_t>(message_[place]);
            if ((length & 0xC0U) == 0xC0U) {
                if (place + 1 >= message_.size()) {
                    ok_ = false;
                    break;
                }
                const std::size_t target =
                    (length & 0x3FU) << 8U | static_cast<std::uint8_t>(message_[place + 1]);
                ok_ = target < limit;
                if (!jumped) {
                    at_ = place + 2;
                }
                jumped = true;
                limit = target;
                place = target;
                continue;
            }
            wire_bytes += length + 1U;
            if (length > kLabelMax || length >= message_.size() - place ||
                wire_bytes > kNameMax + 1) {
                ok_ = false;
                break;
            }
            if (length == 0) {
                if (!jumped) {
                    at_ = place + 1;
                }
                break;
            }
            append_label(text, message_.substr(place + 1, length));
            place += length + 1U;
        }
        return ok_ ? text : std::string();
    }

  private:
    static void append_label(std::string& text, std::string_view label) {
        if (!text.empty()) {
            text += '.';
        }
        for (const char c : label) {
            if (is_plain(c)) {
                text += lower(c);
                continue;
            }
            const auto value = static_cast<unsigned char>(c);
            text += '\\';
            text += static_cast<char>('0' + value / 100);
            text += static_cast<char>('0' + value / 10 % 10);
            text += static_cast<char>('0' + value % 10);
        }
    }

    std::string_view message_;
    std::size_t at_ = 0;
    bool ok_ = true;
};

struct Record {
    std::string owner;
    std::uint16_t type = 0;
    std::uint32_t ttl = 0;
    std::size_t data_at = 0;
    std::size_t data_bytes = 0;
};

// Records of class IN of the answer section. False: malformed.
bool read_records(Reader& reader, std::size_t count, std::vector<Record>& records) {
    for (std::size_t i = 0; i < count; ++i) {
        Record record;
        record.owner = reader.name();
        record.type = reader.u16();
        const std::uint16_t record_class = reader.u16();
        record.ttl = reader.u32();
        record.data_bytes = reader.u16();
        record.data_at = reader.at();
        (void)reader.bytes(record.data_bytes);
        if (!reader.ok()) {
            return false;
        }
        if (record_class == kClassIn && records.size() < kDnsRecordsMax) {
            // RFC 2181 8: a TTL with the top bit set is zero.
            record.ttl = record.ttl > INT32_MAX ? 0 : record.ttl;
            records.push_back(std::move(record));
        }
    }
    return true;
}

bool read_text(Reader& reader, const Record& record, std::string& text) {
    const std::size_t end = record.data_at + record.data_bytes;
    while (reader.ok() && reader.at() < end) {
        text += reader.bytes(reader.u8());
    }
    return reader.ok() && reader.at() == end;
}

template <std::size_t N>
std::array<std::byte, N> to_array(std::string_view bytes) noexcept {
    std::array<std::byte, N> result{};
    std::transform(bytes.begin(), bytes.end(), result.begin(), [](char c) {
        return static_cast<std::byte>(c);
    });
    return result;
}

// The record's data into the reply. False: malformed.
bool add_data(std::string_view message, const Record& record, DnsReply& reply) {
    Reader reader(message);
    reader.go_to(record.data_at);
    const std::size_t end = record.data_at + record.data_bytes;
    switch (static_cast<DnsType>(record.type)) {
        case DnsType::A:
            reply.addresses.push_back(IpAddress::v4(to_array<4>(reader.bytes(4))));
            break;
        case DnsType::Aaaa:
            reply.addresses.push_back(IpAddress::v6(to_array<16>(reader.bytes(16))));
            break;
        case DnsType::Txt:
            reply.texts.emplace_back();
            return read_text(reader, record, reply.texts.back());
        case DnsType::Mx: {
            const std::uint16_t preference = reader.u16();
            reply.exchanges.push_back(DnsMx{preference, reader.name()});
            break;
        }
        case DnsType::Ds: {
            if (record.data_bytes < kDsHeadBytes) {
                return false;
            }
            DnsDs ds;
            ds.key_tag = reader.u16();
            ds.algorithm = reader.u8();
            ds.digest_type = reader.u8();
            ds.digest = reader.bytes(record.data_bytes - kDsHeadBytes);
            reply.delegations.push_back(std::move(ds));
            break;
        }
        case DnsType::Ptr:
        case DnsType::Ns:
        case DnsType::Cname:
            reply.names.push_back(reader.name());
            break;
    }
    return reader.ok() && reader.at() == end;
}

// Follows CNAMEs from the name asked for; the TTL is that of the whole chain.
bool collect(std::string_view message,
             const std::vector<Record>& records,
             std::string name,
             DnsType type,
             DnsReply& reply) {
    std::uint32_t ttl = UINT32_MAX;
    for (int step = 0; type != DnsType::Cname && step < kChainMax; ++step) {
        const auto alias = std::find_if(records.begin(), records.end(), [&](const Record& record) {
            return record.owner == name &&
                   record.type == static_cast<std::uint16_t>(DnsType::Cname);
        });
        if (alias == records.end()) {
            break;
        }
        Reader reader(message);
        reader.go_to(alias->data_at);
        name = reader.name();
        ttl = std::min(ttl, alias->ttl);
        if (!reader.ok()) {
            return false;
        }
    }
    for (const Record& record : records) {
        if (record.owner == name && record.type == static_cast<std::uint16_t>(type)) {
            ttl = std::min(ttl, record.ttl);
            if (!add_data(message, record, reply)) {
                return false;
            }
        }
    }
    reply.ttl = ttl == UINT32_MAX ? 0 : ttl;
    return true;
}

}  // namespace

Result<std::string> encode_dns_query(std::uint16_t id,
                                     std::string_view name,
                                     DnsType type,
                                     bool recursion_desired) {
    const std::string wire_name = TRY(encode_name(name));
    std::string message;
    put16(message, id);
    put16(message, recursion_desired ? 0x0100U : 0U);
    put16(message, 1);
    put16(message, 0);
    put16(message, 0);
    put16(message, 1);
    message += wire_name;
    put16(message, static_cast<std::uint16_t>(type));
    put16(message, kClassIn);
    message += '\0';  // OPT: root, type, payload size, no flags, no options
    put16(message, kTypeOpt);
    put16(message, kUdpBytes);
    put16(message, 0);
    put16(message, 0);
    put16(message, 0);
    return message;
}

Result<DnsMessage> parse_dns_reply(std::string_view message,
                                   std::uint16_t id,
                                   std::string_view name,
                                   DnsType type) {
    const Error malformed{Errc::Invalid, "malformed DNS reply"};
    const std::string wire_name = TRY(encode_name(name));
    Reader asked(wire_name);
    const std::string wanted = asked.name();
    Reader reader(message);
    const std::uint16_t got_id = reader.u16();
    const std::uint16_t flags = reader.u16();
    const std::uint16_t questions = reader.u16();
    const std::uint16_t answers = reader.u16();
    (void)reader.u32();  // authority and additional sections are not read
    if (!reader.ok() || message.size() < kHeaderBytes || got_id != id || (flags & 0x8000U) == 0 ||
        (flags & 0x7800U) != 0 || questions != 1) {
        return Error{Errc::Invalid, "not a reply to the query"};
    }
    const std::string question = reader.name();
    const std::uint16_t question_type = reader.u16();
    const std::uint16_t question_class = reader.u16();
    if (!reader.ok() || question != wanted || question_type != static_cast<std::uint16_t>(type) ||
        question_class != kClassIn) {
        return Error{Errc::Invalid, "not a reply to the query"};
    }
    DnsMessage result;
    result.reply.rcode = static_cast<DnsRcode>(flags & 0x000FU);
    result.reply.authoritative = (flags & 0x0400U) != 0;
    result.reply.authenticated = (flags & 0x0020U) != 0;
    result.truncated = (flags & 0x0200U) != 0;
    if (result.truncated) {
        return result;  // it is asked again over TCP; what is here may end anywhere
    }
    std::vector<Record> records;
    if (!read_records(reader, answers, records) ||
        !collect(message, records, question, type, result.reply)) {
        return malformed;
    }
    return result;
}

std::string reverse_name(const IpAddress& address) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    const std::span<const std::byte> bytes = address.bytes();
    std::string name;
    for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte) {
        const auto value = std::to_integer<unsigned>(*byte);
        if (address.family() == IpFamily::V4) {
            name += std::to_string(value) + ".";
        } else {
            name.append({kDigits[value & 0xFU], '.', kDigits[value >> 4U], '.'});
        }
    }
    return name + (address.family() == IpFamily::V4 ? "in-addr.arpa" : "ip6.arpa");
}

}  // namespace base
