#include "dns/answer_guard.h"

#include <map>
#include <string>

#include <boost/test/unit_test.hpp>

#include "base/hash.h"
#include "dns/answer.h"
#include "test/unit/dns/world.h"

using dns::RrType;
using dns_test::QueryBuilder;

namespace {

constexpr std::uint32_t kNow = 1795660000;

std::string option(unsigned code, std::string_view data) {
    std::string text = {'\0', static_cast<char>(code), '\0', static_cast<char>(data.size())};
    return text.append(data);
}

struct Reply {
    std::vector<std::byte> octets;
    dns_test::PacketText text;
    std::map<unsigned, std::string> options;  // by code
};

// The options of the OPT record, which is the last of the message; a name of one octet and no
// record behind it are the server's promise.
std::map<unsigned, std::string> options_of(const std::vector<std::byte>& octets) {
    std::map<unsigned, std::string> found;
    const std::string_view text = base::as_text(octets);
    std::size_t at = text.rfind(std::string_view("\0\0\x29\x04\xd0", 5));
    if (at == std::string_view::npos) {
        return found;
    }
    BOOST_REQUIRE(at + 11U + dns::load_u16(octets.data() + at + 9) == octets.size());
    at += 11;
    while (at + 4 <= octets.size()) {
        const std::size_t size = dns::load_u16(octets.data() + at + 2);
        found[dns::load_u16(octets.data() + at)] = text.substr(at + 4, size);
        at += 4 + size;
    }
    return found;
}

struct World {
    explicit World(dns::AnswerPolicy policy = {}) : state(0, std::move(policy)) {
        client.address[0] = std::byte{192};
        set_time(0);
    }

    void set_time(std::uint32_t seconds) {
        state.guard.set_time({kNow + seconds, (std::uint64_t{kNow} + seconds) * 1'000'000});
    }

    Reply ask(const QueryBuilder& query) {
        Reply reply;
        reply.octets.resize(client.transport == dns::Transport::Udp ? dns::kUdpResponseMax
                                                                    : dns::kMessageMax);
        reply.octets.resize(
            dns::answer(*snapshot, query.bytes(), client, state, std::span(reply.octets)));
        reply.text = dns_test::read_packet(reply.octets);
        reply.options = options_of(reply.octets);
        return reply;
    }

    Reply ask(std::string_view options, std::string_view name = "www.example.test") {
        return ask(QueryBuilder().question(name, RrType::A).opt(1232, 0, options));
    }

    [[nodiscard]] std::uint64_t limited(dns::LimitAction action) const {
        return state.guard.counters().limited[static_cast<std::size_t>(action)].value();
    }

    std::unique_ptr<const dns::Snapshot> snapshot = dns_test::snapshot({dns_test::zone_source(
        "example.test", {"www A 192.0.2.1", "sub NS ns.sub", "ns.sub A 192.0.2.2"})});
    dns::ThreadState state;
    dns::Client client;
};

dns::AnswerPolicy with_cookies() {
    dns::AnswerPolicy policy;
    policy.cookies = true;
    return policy;
}

dns::AnswerPolicy limited_to(std::uint32_t answers, unsigned slip) {
    dns::AnswerPolicy policy = with_cookies();
    policy.rate_limits.answers_per_second = answers;
    policy.rate_limits.errors_per_second = answers;
    policy.slip = slip;
    return policy;
}

const std::string kClientCookie = "clientck";

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_answer_guard)

BOOST_AUTO_TEST_CASE(by_default_no_option_is_answered) {
    World world;
    const Reply reply = world.ask(option(3, "") + option(10, kClientCookie) + option(11, ""));
    BOOST_TEST(reply.text.answer.size() == 1U);
    BOOST_TEST(reply.options.empty());
}

BOOST_AUTO_TEST_CASE(nsid_is_told_to_who_asks) {
    dns::AnswerPolicy policy;
    policy.nsid = "ns1.here";
    World world(policy);
    BOOST_TEST(world.ask(option(3, "")).options.at(3) == "ns1.here");
    BOOST_TEST(world.ask("").options.empty());
}

BOOST_AUTO_TEST_CASE(keepalive_is_told_over_tcp_only) {
    dns::AnswerPolicy policy;
    policy.tcp_idle = 600;
    World world(policy);
    BOOST_TEST(world.ask(option(11, "")).options.count(11) == 0U);
    world.client.transport = dns::Transport::Tcp;
    BOOST_TEST(world.ask(option(11, "")).options.at(11) == std::string("\2\x58"));
    BOOST_TEST(world.ask("").options.count(11) == 0U);
}

BOOST_AUTO_TEST_CASE(gives_a_cookie_and_believes_it) {
    World world(with_cookies());
    const std::string cookie = world.ask(option(10, kClientCookie)).options.at(10);
    BOOST_TEST(cookie.size() == 24U);
    BOOST_TEST(cookie.substr(0, 8) == kClientCookie);
    BOOST_TEST(world.ask(option(10, cookie)).options.at(10) == cookie);
    world.client.address[3] = std::byte{9};
    const Reply other = world.ask(option(10, cookie));
    BOOST_TEST(other.text.answer.size() == 1U,
               "a bad cookie is no reason to refuse (RFC 7873 5.2.4)");
    BOOST_TEST(other.options.at(10) != cookie);
    const auto& seen = world.state.guard.counters().cookies;
    BOOST_TEST(seen[static_cast<std::size_t>(dns::CookieVerdict::ClientOnly)].value() == 1U);
    BOOST_TEST(seen[static_cast<std::size_t>(dns::CookieVerdict::Valid)].value() == 1U);
    BOOST_TEST(seen[static_cast<std::size_t>(dns::CookieVerdict::Bad)].value() == 1U);
}

BOOST_AUTO_TEST_CASE(a_query_for_a_cookie_alone) {
    // RFC 7873 5.4.
    World world(with_cookies());
    const Reply reply = world.ask(QueryBuilder().opt(1232, 0, option(10, kClientCookie)));
    BOOST_TEST(reply.text.parsed);
    BOOST_TEST(reply.text.rcode == 0U);
    BOOST_TEST(reply.text.question.empty());
    BOOST_TEST(reply.options.at(10).size() == 24U);
    BOOST_TEST(world.ask(QueryBuilder().opt()).text.rcode == 1U);
}

BOOST_AUTO_TEST_CASE(errors_say_why) {
    World world;
    const auto code = [](const Reply& reply) {
        const auto found = reply.options.find(15);
        return found == reply.options.end() ? -1 : static_cast<int>(found->second[1]);
    };
    BOOST_TEST(code(world.ask("", "elsewhere.example")) == 20);
    BOOST_TEST(code(world.ask("", "x._account.example.test")) == 18);
    BOOST_TEST(code(world.ask(QueryBuilder().question("example.test", RrType::Axfr).opt())) == 21);
    BOOST_TEST(code(world.ask(QueryBuilder().question("example.test", 16, 3).opt())) == 21);
    BOOST_TEST(code(world.ask("")) == -1);
    BOOST_TEST(code(world.ask("", "nothing.example.test")) == -1);
    const Reply plain = world.ask(QueryBuilder().question("elsewhere.example", RrType::A));
    BOOST_TEST(plain.text.rcode == 5U);
    BOOST_TEST(!plain.text.has_opt);
}

BOOST_AUTO_TEST_CASE(all_options_fit_the_smallest_response) {
    dns::AnswerPolicy policy = with_cookies();
    policy.nsid = std::string(dns::kNsidMax, 'n');
    policy.tcp_idle = 100;
    World world(policy);
    world.client.transport = dns::Transport::Tcp;
    std::string name;
    for (int i = 0; i < 3; ++i) {
        name += std::string(63, 'a') + ".";
    }
    name += std::string(61, 'b');
    const std::string asked = option(3, "") + option(10, kClientCookie) + option(11, "");
    Reply reply = world.ask(QueryBuilder().question(name, RrType::A).opt(512, 0, asked));
    BOOST_TEST(reply.text.rcode == 5U);
    BOOST_TEST(reply.options.size() == 4U);
    world.client.transport = dns::Transport::Udp;
    reply = world.ask(QueryBuilder().question(name, RrType::A).opt(512, 0, asked));
    BOOST_TEST(reply.options.size() == 3U);
    BOOST_TEST(reply.octets.size() <= 512U);
}

BOOST_AUTO_TEST_CASE(a_cookie_has_its_room_kept_from_the_records) {
    World world(with_cookies());
    std::vector<std::string> lines;
    for (int i = 0; i < 60; ++i) {
        lines.push_back("big A 192.0.2." + std::to_string(i));
    }
    world.snapshot = dns_test::snapshot({dns_test::zone_source("example.test", lines)});
    for (unsigned size = 512; size <= 1232; ++size) {
        const Reply reply =
            world.ask(QueryBuilder()
                          .question("big.example.test", RrType::A)
                          .opt(static_cast<std::uint16_t>(size), 0, option(10, kClientCookie)));
        BOOST_REQUIRE(reply.text.parsed);
        BOOST_REQUIRE(reply.octets.size() <= size);
        BOOST_REQUIRE(reply.options.count(10) == 1U);
        // 60 records, header, question, OPT and cookie are 1033 octets.
        BOOST_REQUIRE(reply.text.truncated == (size < 1033));
    }
}

BOOST_AUTO_TEST_CASE(beyond_the_rate_a_stranger_is_sent_to_tcp) {
    World world(limited_to(10, 1));
    for (int i = 0; i < 10; ++i) {
        BOOST_TEST(!world.ask("").text.truncated);
    }
    const Reply reply = world.ask("");
    BOOST_TEST(reply.text.truncated);
    BOOST_TEST(reply.text.answer.empty());
    BOOST_TEST(reply.text.rcode == 0U);
    BOOST_TEST(world.limited(dns::LimitAction::Truncated) == 1U);
    world.client.transport = dns::Transport::Tcp;
    BOOST_TEST(world.ask("").text.answer.size() == 1U, "TCP is no reflector");
}

BOOST_AUTO_TEST_CASE(beyond_the_rate_a_cookie_is_the_way_back) {
    World world(limited_to(10, 1));
    for (int i = 0; i < 30; ++i) {
        (void)world.ask("");
    }
    const Reply reply = world.ask(option(10, kClientCookie));
    BOOST_TEST(reply.text.rcode == 23U);
    BOOST_TEST(reply.text.answer.empty());
    BOOST_TEST(!reply.text.truncated);
    BOOST_TEST(world.limited(dns::LimitAction::BadCookie) == 1U);
    for (int i = 0; i < 100; ++i) {
        BOOST_TEST(world.ask(option(10, reply.options.at(10))).text.answer.size() == 1U);
    }
}

BOOST_AUTO_TEST_CASE(slip_says_how_many_leave) {
    for (const unsigned slip : {0U, 1U, 2U, 5U}) {
        World world(limited_to(10, slip));
        for (int i = 0; i < 10; ++i) {
            (void)world.ask("");
        }
        unsigned sent = 0;
        for (int i = 0; i < 100; ++i) {
            sent += world.ask("").octets.empty() ? 0U : 1U;
        }
        BOOST_TEST(sent == (slip == 0 ? 0U : 100U / slip), "slip " << slip);
        BOOST_TEST(world.limited(dns::LimitAction::Dropped) == 100U - sent);
    }
}

BOOST_AUTO_TEST_CASE(a_limited_answer_is_no_larger_than_its_query) {
    World world(limited_to(1, 1));
    for (int i = 0; i < 10; ++i) {
        const auto query = QueryBuilder().question("www.example.test", RrType::A).opt();
        const Reply reply = world.ask(query);
        BOOST_TEST((i == 0 || reply.octets.size() <= query.bytes().size()));
    }
}

BOOST_AUTO_TEST_CASE(classes_are_limited_apart) {
    World world(limited_to(10, 0));
    for (int i = 0; i < 20; ++i) {
        (void)world.ask("", "nothing.example.test");
    }
    BOOST_TEST(world.ask("", "nothing.example.test").octets.empty());
    BOOST_TEST(!world.ask("").octets.empty());
    BOOST_TEST(!world.ask("", "x.sub.example.test").octets.empty());
    BOOST_TEST(!world.ask("", "elsewhere.example").octets.empty());
    for (int i = 0; i < 20; ++i) {
        (void)world.ask(QueryBuilder().question("a", RrType::Opt));
    }
    BOOST_TEST(world.ask("", "elsewhere.example").octets.empty(), "errors are one class");
}

BOOST_AUTO_TEST_CASE(exempt_networks_are_never_limited) {
    dns::AnswerPolicy policy = limited_to(1, 0);
    policy.exempt = {base::Network::parse("192.0.0.0/16").take_value(),
                     base::Network::parse("2001:db8::/32").take_value()};
    World world(policy);
    for (int i = 0; i < 20; ++i) {
        BOOST_TEST(!world.ask("").octets.empty());
    }
    world.client.family = dns::Family::V6;
    world.client.address = {std::byte{0x20}, std::byte{1}, std::byte{0x0d}, std::byte{0xb8}};
    for (int i = 0; i < 20; ++i) {
        BOOST_TEST(!world.ask("").octets.empty());
    }
    world.client.address[0] = std::byte{0x30};
    (void)world.ask("");
    BOOST_TEST(world.ask("").octets.empty());
}

BOOST_AUTO_TEST_SUITE_END()
