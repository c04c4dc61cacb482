#include "dns/rate_limit.h"

#include <random>

#include <boost/test/unit_test.hpp>

#include "base/endpoint.h"

using dns::AnswerClass;
using dns::Client;
using dns::RateLimiter;
using dns::RateLimits;

namespace {

constexpr std::uint64_t kStart = 5'000'000'000'000;
constexpr std::uint64_t kSecond = 1'000'000;

Client client(std::string_view text) {
    const auto ip = base::IpAddress::parse(text).take_value();
    Client made;
    made.family = ip.family() == base::IpFamily::V4 ? dns::Family::V4 : dns::Family::V6;
    std::copy(ip.bytes().begin(), ip.bytes().end(), made.address.begin());
    return made;
}

RateLimits limits() {
    RateLimits made;
    made.answers_per_second = 100;
    made.errors_per_second = 10;
    made.entries = 1024;
    return made;
}

// How many of `per_second` a second are admitted in so many seconds.
unsigned admitted(RateLimiter& limiter,
                  const Client& who,
                  unsigned per_second,
                  unsigned seconds,
                  std::uint64_t start = kStart,
                  AnswerClass kind = AnswerClass::Records) {
    unsigned count = 0;
    for (unsigned i = 0; i < per_second * seconds; ++i) {
        count += limiter.admit(who, kind, start + i * kSecond / per_second) ? 1U : 0U;
    }
    return count;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_rate_limit)

BOOST_AUTO_TEST_CASE(does_nothing_and_takes_nothing_unless_asked) {
    RateLimiter limiter;
    BOOST_TEST(admitted(limiter, client("192.0.2.1"), 100000, 1) == 100000U);
    BOOST_TEST(limiter.memory_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(who_stays_within_the_rate_is_always_answered) {
    RateLimiter limiter(limits());
    BOOST_TEST(admitted(limiter, client("192.0.2.1"), 100, 60) == 6000U);
}

BOOST_AUTO_TEST_CASE(a_window_s_worth_may_come_at_once) {
    RateLimiter limiter(limits());
    unsigned count = 0;
    for (int i = 0; i < 500; ++i) {
        count += limiter.admit(client("192.0.2.1"), AnswerClass::Records, kStart) ? 1U : 0U;
    }
    BOOST_TEST(count == 100U);
}

BOOST_AUTO_TEST_CASE(a_flood_gets_its_first_window_and_then_nothing_while_it_lasts) {
    RateLimiter limiter(limits());
    const Client victim = client("192.0.2.1");
    BOOST_TEST(admitted(limiter, victim, 1000, 60) < 130U);
    // Two windows later it is forgotten.
    BOOST_TEST(admitted(limiter, victim, 100, 1, kStart + 62 * kSecond) == 100U);
}

BOOST_AUTO_TEST_CASE(networks_and_classes_are_apart) {
    RateLimiter limiter(limits());
    (void)admitted(limiter, client("192.0.2.1"), 1000, 1);
    const std::uint64_t now = kStart + kSecond;
    BOOST_TEST(!limiter.admit(client("192.0.2.200"), AnswerClass::Records, now), "the same /24");
    BOOST_TEST(limiter.admit(client("192.0.3.1"), AnswerClass::Records, now));
    BOOST_TEST(limiter.admit(client("192.0.2.1"), AnswerClass::Denial, now));
    BOOST_TEST(limiter.admit(client("192.0.2.1"), AnswerClass::Referral, now));
    BOOST_TEST(limiter.admit(client("192.0.2.1"), AnswerClass::Error, now));

    (void)admitted(limiter, client("2001:db8:0:100::1"), 1000, 1);
    BOOST_TEST(!limiter.admit(client("2001:db8:0:1ff::2"), AnswerClass::Records, now), "one /56");
    BOOST_TEST(limiter.admit(client("2001:db8:0:200::1"), AnswerClass::Records, now));
}

BOOST_AUTO_TEST_CASE(errors_have_their_own_rate) {
    RateLimiter limiter(limits());
    BOOST_TEST(admitted(limiter, client("192.0.2.1"), 10, 5, kStart, AnswerClass::Error) == 50U);
    BOOST_TEST(admitted(limiter, client("192.0.9.1"), 1000, 5, kStart, AnswerClass::Error) < 20U);
}

BOOST_AUTO_TEST_CASE(threads_share_the_rate) {
    RateLimiter one_of_four(limits(), 4);
    BOOST_TEST(admitted(one_of_four, client("192.0.2.1"), 25, 10) == 250U);
    BOOST_TEST(admitted(one_of_four, client("192.0.9.1"), 100, 10) < 50U);
}

BOOST_AUTO_TEST_CASE(one_answer_is_admitted_however_low_the_rate) {
    RateLimits low = limits();
    low.errors_per_second = 1;
    low.window = std::chrono::milliseconds(10);
    RateLimiter limiter(low, 64);
    BOOST_TEST(limiter.admit(client("192.0.2.1"), AnswerClass::Error, kStart));
    BOOST_TEST(!limiter.admit(client("192.0.2.1"), AnswerClass::Error, kStart));
}

BOOST_AUTO_TEST_CASE(a_flood_from_everywhere_limits_nobody_who_sends_little) {
    RateLimiter limiter(limits());
    std::mt19937 random(20261126);
    Client spoofed = client("10.0.0.0");
    unsigned legitimate = 0;
    // 100,000 forged sources a second, 1024 entries, and one who asks 50 times a second.
    for (unsigned i = 0; i < 300000; ++i) {
        const std::uint64_t now = kStart + i * 10;
        for (int octet = 1; octet < 4; ++octet) {
            spoofed.address[static_cast<std::size_t>(octet)] = static_cast<std::byte>(random());
        }
        (void)limiter.admit(spoofed, AnswerClass::Records, now);
        if (i % 2000 == 0) {
            legitimate += limiter.admit(client("192.0.2.1"), AnswerClass::Records, now) ? 1U : 0U;
        }
    }
    BOOST_TEST(legitimate == 150U);
}

BOOST_AUTO_TEST_CASE(a_flood_from_everywhere_makes_nobody_forget_a_victim) {
    RateLimiter limiter(limits());
    std::mt19937 random(20261126);
    Client spoofed = client("10.0.0.0");
    unsigned reflected = 0;
    for (unsigned i = 0; i < 300000; ++i) {
        const std::uint64_t now = kStart + i * 10;
        for (int octet = 1; octet < 4; ++octet) {
            spoofed.address[static_cast<std::size_t>(octet)] = static_cast<std::byte>(random());
        }
        (void)limiter.admit(spoofed, AnswerClass::Records, now);
        reflected += limiter.admit(client("192.0.2.1"), AnswerClass::Records, now) ? 1U : 0U;
    }
    BOOST_TEST(reflected < 200U);
}

BOOST_AUTO_TEST_CASE(memory_is_what_was_asked_for) {
    RateLimits wanted = limits();
    wanted.entries = 65536;
    BOOST_TEST(RateLimiter(wanted).memory_bytes() == 65536U * 8);
    wanted.entries = 1;
    BOOST_TEST(RateLimiter(wanted).memory_bytes() == 64U);
}

BOOST_AUTO_TEST_CASE(time_may_pass_and_wrap) {
    RateLimiter limiter(limits());
    const Client who = client("192.0.2.1");
    for (const std::uint64_t start : {kSecond, (std::uint64_t{1} << 40) - kSecond / 2}) {
        BOOST_TEST(admitted(limiter, who, 100, 2, start) == 200U);
    }
}

BOOST_AUTO_TEST_SUITE_END()
