#include "dns/cookie.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "dns/wire.h"

namespace dns {
namespace {

constexpr std::uint32_t kDay = 86400;
constexpr std::uint32_t kAgeMax = 3600;
constexpr std::uint32_t kAheadMax = 300;
constexpr std::uint32_t kRenewAfter = 1800;

constexpr std::size_t kTimeAt = kClientCookieSize + 4;
constexpr std::size_t kHashAt = kClientCookieSize + 8;
constexpr std::byte kVersion{1};

std::uint32_t load_u32(const std::byte* at) noexcept {
    return (std::uint32_t{load_u16(at)} << 16) | load_u16(at + 2);
}

bool same_key(const SipKey& a, const SipKey& b) noexcept {
    return a.k0 == b.k0 && a.k1 == b.k1;
}

// Cookies must tell nothing about the steering key: its only use here is as the key of a hash.
SipKey day_key(const SipKey& steering_key, std::uint32_t day) noexcept {
    static constexpr std::string_view kPurpose = "roundtable dns cookie";
    std::array<std::byte, kPurpose.size() + 4> input{};
    std::memcpy(input.data(), kPurpose.data(), kPurpose.size());
    store_u32(input.data() + kPurpose.size(), day);
    const SipWords words = siphash_2_4_128(steering_key, input);
    return {words.x, words.y};
}

// The hash of what stands before it in a cookie, and of the address. RFC 9018 4.4; its octets are
// in the order of the reference SipHash, little-endian.
std::array<std::byte, 8> cookie_hash(const std::byte* cookie,
                                     std::span<const std::byte> address,
                                     const SipKey& key) noexcept {
    std::array<std::byte, kHashAt + 16> input;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    std::memcpy(input.data(), cookie, kHashAt);
    std::memcpy(input.data() + kHashAt, address.data(), address.size());
    const std::uint64_t hash =
        siphash_2_4(key, std::span<const std::byte>(input).first(kHashAt + address.size()));
    std::array<std::byte, 8> octets{};
    for (std::size_t i = 0; i < octets.size(); ++i) {
        octets[i] = static_cast<std::byte>(hash >> (8 * i));
    }
    return octets;
}

void make_cookie(const std::byte* client_cookie,
                 std::span<const std::byte> address,
                 std::uint32_t now_s,
                 const CookieKeys& keys,
                 FullCookie& out) noexcept {
    std::memcpy(out.data(), client_cookie, kClientCookieSize);
    out[kClientCookieSize] = kVersion;
    std::memset(out.data() + kClientCookieSize + 1, 0, 3);
    store_u32(out.data() + kTimeAt, now_s);
    const auto hash = cookie_hash(out.data(), address, keys.maker(now_s));
    std::memcpy(out.data() + kHashAt, hash.data(), hash.size());
}

// In constant time: how much of a guess was right must not show.
bool same_octets(const std::byte* a, const std::byte* b, std::size_t size) noexcept {
    std::byte difference{0};
    for (std::size_t i = 0; i < size; ++i) {
        difference |= a[i] ^ b[i];
    }
    return difference == std::byte{0};
}

// The secret that made it; null: none of ours. The reserved octets are those that came (RFC 9018
// 4.2).
const SipKey* find_maker(std::span<const std::byte> cookie,
                         std::span<const std::byte> address,
                         std::uint32_t time_s,
                         const CookieKeys& keys) noexcept {
    for (const SipKey& key : keys.candidates(time_s)) {
        const auto hash = cookie_hash(cookie.data(), address, key);
        if (same_octets(hash.data(), cookie.data() + kHashAt, hash.size())) {
            return &key;
        }
    }
    return nullptr;
}

int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

std::optional<SipKey> parse_secret(std::string_view line) {
    std::array<std::byte, 16> bytes{};
    if (line.size() != 2 * bytes.size()) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const int high = hex_digit(line[2 * i]);
        const int low = hex_digit(line[2 * i + 1]);
        if (high < 0 || low < 0) {
            return std::nullopt;
        }
        bytes[i] = static_cast<std::byte>(high * 16 + low);
    }
    return sip_key(bytes);
}

}  // namespace

std::string_view cookie_verdict_name(CookieVerdict verdict) noexcept {
    static constexpr std::array<std::string_view, kCookieVerdicts> kNames = {
        "none", "client-only", "bad", "valid"};
    return kNames[static_cast<std::size_t>(verdict)];
}

CookieKeys::CookieKeys(std::span<const SipKey> configured) noexcept
    : count_(std::min(configured.size(), kCookieSecretsMax)) {
    std::copy_n(configured.begin(), count_, keys_.begin());
}

void CookieKeys::refresh(const SipKey& steering_key, std::uint32_t now_s) noexcept {
    const std::uint32_t day = now_s / kDay;
    if (count_ != 0 || (today_ == day && same_key(steering_key, steering_key_))) {
        return;
    }
    today_ = day;
    steering_key_ = steering_key;
    for (std::uint32_t i = 0; i < keys_.size(); ++i) {
        keys_[i] = day_key(steering_key, day - 1 + i);
    }
}

// Cookies that are looked at are of yesterday, today or tomorrow; another day's is refused by its
// age before.
std::size_t CookieKeys::day_index(std::uint32_t time_s) const noexcept {
    return std::min<std::size_t>(time_s / kDay - today_.value_or(0) + 1, keys_.size() - 1);
}

const SipKey& CookieKeys::maker(std::uint32_t time_s) const noexcept {
    return keys_[count_ != 0 ? 0 : day_index(time_s)];
}

std::span<const SipKey> CookieKeys::candidates(std::uint32_t time_s) const noexcept {
    return count_ != 0 ? std::span(keys_).first(count_)
                       : std::span(keys_).subspan(day_index(time_s), 1);
}

CookieVerdict check_cookie(std::span<const std::byte> cookie,
                           std::span<const std::byte> address,
                           std::uint32_t now_s,
                           const CookieKeys& keys,
                           FullCookie& reply) noexcept {
    CookieVerdict verdict =
        cookie.size() == kClientCookieSize ? CookieVerdict::ClientOnly : CookieVerdict::Bad;
    if (cookie.size() == kFullCookieSize && cookie[kClientCookieSize] == kVersion) {
        const std::uint32_t time_s = load_u32(cookie.data() + kTimeAt);
        // Serial arithmetic: right past 2038 and 2106. Its age, or how far it is ahead.
        const std::uint32_t age = now_s - time_s;
        const std::uint32_t ahead = time_s - now_s;
        const SipKey* const made_by = age <= kAgeMax || ahead <= kAheadMax
                                          ? find_maker(cookie, address, time_s, keys)
                                          : nullptr;
        if (made_by != nullptr) {
            verdict = CookieVerdict::Valid;
            if (age <= kRenewAfter && made_by == &keys.maker(time_s)) {
                std::memcpy(reply.data(), cookie.data(), reply.size());
                return verdict;
            }
        }
    }
    make_cookie(cookie.data(), address, now_s, keys, reply);
    return verdict;
}

base::Result<std::vector<SipKey>> parse_cookie_secrets(std::string_view text) {
    std::vector<SipKey> secrets;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty() || line.front() == '#') {
            continue;
        }
        const std::optional<SipKey> secret = parse_secret(line);
        if (!secret) {
            return base::Error{
                base::Errc::Invalid,
                "line " + std::to_string(number) + ": a cookie secret is 32 hexadecimal digits"};
        }
        if (secrets.size() == kCookieSecretsMax) {
            return base::Error{
                base::Errc::Invalid,
                "more than " + std::to_string(kCookieSecretsMax) + " cookie secrets"};
        }
        secrets.push_back(*secret);
    }
    if (secrets.empty()) {
        return base::Error{base::Errc::Invalid, "no cookie secret: give 32 hexadecimal digits"};
    }
    return secrets;
}

}  // namespace dns
