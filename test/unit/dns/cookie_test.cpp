#include "dns/cookie.h"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/endpoint.h"

using dns::check_cookie;
using dns::CookieKeys;
using dns::CookieVerdict;
using dns::FullCookie;

namespace dns {
std::ostream& operator<<(std::ostream& out, CookieVerdict verdict) {
    return out << cookie_verdict_name(verdict);
}
}  // namespace dns

namespace {

constexpr std::uint32_t kNow = 1795660000;  // in November 2026
const std::string kClient = "2464c4abcf10c957";

std::vector<std::byte> bytes(std::string_view hex) {
    std::vector<std::byte> made;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        made.push_back(
            static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
    }
    return made;
}

std::string hex(std::span<const std::byte> octets) {
    std::string text;
    for (const std::byte octet : octets) {
        constexpr std::string_view kDigits = "0123456789abcdef";
        text += kDigits[std::to_integer<std::size_t>(octet) >> 4];
        text += kDigits[std::to_integer<std::size_t>(octet) & 15];
    }
    return text;
}

struct Checked {
    CookieVerdict verdict;
    std::string reply;
};

Checked check(std::string_view cookie,
              std::string_view address,
              std::uint32_t now,
              const CookieKeys& keys) {
    const auto ip = base::IpAddress::parse(address).take_value();
    FullCookie reply{};
    const CookieVerdict verdict = check_cookie(bytes(cookie), ip.bytes(), now, keys, reply);
    return {verdict, hex(reply)};
}

CookieKeys configured(std::string_view secrets) {
    return CookieKeys(dns::parse_cookie_secrets(secrets).take_value());
}

CookieKeys derived(std::uint32_t now, dns::SipKey steering = {1, 2}) {
    CookieKeys keys;
    keys.refresh(steering, now);
    return keys;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_cookie)

BOOST_AUTO_TEST_CASE(rfc_9018_appendix_a) {
    const std::string secret = "e5e973e5a6b2a43f48e7dc849e37bfcf\n";
    const std::string rolled =
        "445536bcd2513298075a5d379663c962\ndd3bdf9344b678b185a6f5cb60fca715\n";
    const std::string v6 = "2001:db8:220:1:59de:d0f4:8769:82b8";

    const struct {
        std::string secrets, address, cookie;
        std::uint32_t now;
        CookieVerdict verdict;
        std::string reply;
    } cases[] = {
        // A.1: a new cookie.
        {secret,
         "198.51.100.100",
         kClient,
         1559731985,
         CookieVerdict::ClientOnly,
         "2464c4abcf10c957010000005cf79f111f8130c3eee29480"},
        // A.2: the same client, 40 minutes later: it is good, and renewed.
        {secret,
         "198.51.100.100",
         "2464c4abcf10c957010000005cf79f111f8130c3eee29480",
         1559734385,
         CookieVerdict::Valid,
         "2464c4abcf10c957010000005cf7a871d4a564a1442aca77"},
        // A.3: another client, with reserved octets that are not zero.
        {secret,
         "203.0.113.203",
         "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5",
         1559734700,
         CookieVerdict::Bad,
         "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e"},
        {secret,
         "203.0.113.203",
         "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5",
         1559730000,
         CookieVerdict::Valid,
         ""},
        {secret,
         "203.0.113.203",
         "fc93fc62807ddb86",
         1559734700,
         CookieVerdict::ClientOnly,
         "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e"},
        // A.4: IPv6, and a secret that has been rolled.
        {rolled,
         v6,
         "22681ab97d52c298010000005cf7c57926556bd0934c72f8",
         1559741961,
         CookieVerdict::Valid,
         "22681ab97d52c298010000005cf7c609a6bb79d16625507a"},
    };

    for (const auto& c : cases) {
        const CookieKeys keys = configured(c.secrets);
        const Checked checked = check(c.cookie, c.address, c.now, keys);
        BOOST_TEST_CONTEXT(c.cookie << " at " << c.now) {
            BOOST_TEST(checked.verdict == c.verdict);
            if (!c.reply.empty()) {
                BOOST_TEST(checked.reply == c.reply);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(is_good_for_an_hour_and_renewed_after_half_of_it) {
    const CookieKeys keys = derived(kNow);
    const std::string made = check(kClient, "192.0.2.1", kNow, keys).reply;

    const struct {
        std::int64_t later;
        bool valid;
        bool same;
    } cases[] = {{0, true, true},
                 {1800, true, true},
                 {1801, true, false},
                 {3600, true, false},
                 {3601, false, false},
                 {-300, true, false},
                 {-301, false, false},
                 {86400, false, false}};

    for (const auto& c : cases) {
        const auto now = static_cast<std::uint32_t>(kNow + c.later);
        const Checked checked = check(made, "192.0.2.1", now, derived(now));
        BOOST_TEST_CONTEXT(c.later) {
            BOOST_TEST(checked.verdict == (c.valid ? CookieVerdict::Valid : CookieVerdict::Bad));
            BOOST_TEST((checked.reply == made) == c.same);
        }
    }
}

BOOST_AUTO_TEST_CASE(times_wrap) {
    // RFC 1982: 2^32 seconds are over in 2106. With configured secrets a cookie lives through it.
    const CookieKeys keys = configured("000102030405060708090a0b0c0d0e0f");
    for (const std::uint32_t now : {0xffffff00U, 0x7fffffffU}) {
        const std::string made = check(kClient, "192.0.2.1", now, keys).reply;
        BOOST_TEST(check(made, "192.0.2.1", now + 1000, keys).verdict == CookieVerdict::Valid);
        BOOST_TEST(check(made, "192.0.2.1", now - 200, keys).verdict == CookieVerdict::Valid);
        BOOST_TEST(check(made, "192.0.2.1", now + 4000, keys).verdict == CookieVerdict::Bad);
    }
}

BOOST_AUTO_TEST_CASE(belongs_to_one_client_at_one_address) {
    const CookieKeys keys = derived(kNow);
    const std::string made = check(kClient, "192.0.2.1", kNow, keys).reply;
    BOOST_TEST(check(made, "192.0.2.2", kNow, keys).verdict == CookieVerdict::Bad);
    for (std::size_t i = 0; i < made.size(); ++i) {
        std::string other = made;
        other[i] = other[i] == '0' ? '1' : '0';
        BOOST_TEST(check(other, "192.0.2.1", kNow, keys).verdict == CookieVerdict::Bad, "at " << i);
    }
    for (std::size_t size = 16; size <= 40; ++size) {
        std::string other = made + std::string(40, '0');
        other.resize(2 * size);
        BOOST_TEST((check(other, "192.0.2.1", kNow, keys).verdict == CookieVerdict::Valid) ==
                   (size == 24));
    }
}

BOOST_AUTO_TEST_CASE(name_servers_with_one_steering_key_agree) {
    const std::string made = check(kClient, "2001:db8::1", kNow, derived(kNow)).reply;
    BOOST_TEST(check(made, "2001:db8::1", kNow + 60, derived(kNow + 60)).verdict ==
               CookieVerdict::Valid);
    BOOST_TEST(check(made, "2001:db8::1", kNow, derived(kNow, {1, 3})).verdict ==
               CookieVerdict::Bad);
}

BOOST_AUTO_TEST_CASE(secrets_from_the_steering_key_roll_by_themselves) {
    constexpr std::uint32_t kMidnight = kNow / 86400 * 86400;
    CookieKeys keys = derived(kMidnight - 10);
    const std::string before = check(kClient, "192.0.2.1", kMidnight - 10, keys).reply;
    const std::string ahead = check(kClient, "192.0.2.1", kMidnight + 5, keys).reply;
    BOOST_TEST(check(ahead, "192.0.2.1", kMidnight - 10, keys).verdict == CookieVerdict::Valid);
    const dns::SipKey yesterday = keys.maker(kMidnight - 10);
    keys.refresh({1, 2}, kMidnight + 10);
    BOOST_TEST(check(before, "192.0.2.1", kMidnight + 10, keys).verdict == CookieVerdict::Valid);
    BOOST_TEST(check(ahead, "192.0.2.1", kMidnight + 10, keys).verdict == CookieVerdict::Valid);
    BOOST_TEST(keys.maker(kMidnight + 10).k0 != yesterday.k0);
    BOOST_TEST(keys.candidates(kMidnight - 10)[0].k0 == yesterday.k0);
    BOOST_TEST(keys.maker(kMidnight + 10).k0 != 1U, "it is not the steering key");
}

BOOST_AUTO_TEST_CASE(a_new_steering_key_is_taken) {
    CookieKeys keys = derived(kNow);
    const std::string made = check(kClient, "192.0.2.1", kNow, keys).reply;
    keys.refresh({3, 4}, kNow);
    BOOST_TEST(check(made, "192.0.2.1", kNow, keys).verdict == CookieVerdict::Bad);
}

BOOST_AUTO_TEST_CASE(rolls_configured_secrets_in_three_steps) {
    const std::string old_one = "000102030405060708090a0b0c0d0e0f";
    const std::string new_one = "f0e0d0c0b0a090807060504030201000";
    const CookieKeys steps[] = {configured(old_one),
                                configured("# first\n" + old_one + "\n\n" + new_one + "\n"),
                                configured(new_one + "\n" + old_one),
                                configured(new_one)};
    // Two servers that are one step apart believe each other.
    for (int i = 0; i < 3; ++i) {
        const std::string made = check(kClient, "192.0.2.1", kNow, steps[i]).reply;
        const std::string next = check(kClient, "192.0.2.1", kNow, steps[i + 1]).reply;
        if (i != 2) {  // the third step is taken when the cookies of the old one have run out
            BOOST_TEST(check(made, "192.0.2.1", kNow, steps[i + 1]).verdict ==
                       CookieVerdict::Valid);
        }
        BOOST_TEST(check(next, "192.0.2.1", kNow, steps[i]).verdict == CookieVerdict::Valid);
    }
    const std::string made = check(kClient, "192.0.2.1", kNow, steps[0]).reply;
    BOOST_TEST(check(made, "192.0.2.1", kNow, steps[3]).verdict == CookieVerdict::Bad);
}

BOOST_AUTO_TEST_CASE(says_what_is_wrong_with_a_file_and_not_what_is_in_it) {
    const std::string good = "000102030405060708090a0b0c0d0e0f\n";
    const std::pair<std::string, std::string> cases[] = {
        {"", "no cookie secret"},
        {"# nothing\n\n", "no cookie secret"},
        {good + "abc\n", "line 2"},
        {"g00102030405060708090a0b0c0d0e0f\n", "line 1"},
        {"000102030405060708090a0b0c0d0e0f \n", "line 1"},
        {good + good + good + good, "more than 3"}};
    for (const auto& [text, word] : cases) {
        const auto parsed = dns::parse_cookie_secrets(text);
        BOOST_REQUIRE(!parsed);
        BOOST_TEST((parsed.error().code == base::Errc::Invalid));
        BOOST_TEST(parsed.error().detail.find(word) != std::string::npos, parsed.error().detail);
        BOOST_TEST(parsed.error().detail.find("0102") == std::string::npos);
    }
    BOOST_TEST(dns::parse_cookie_secrets(good + good + good).value().size() == 3U);
}

BOOST_AUTO_TEST_SUITE_END()
