#include "base/resolver.h"

#include <boost/test/unit_test.hpp>
#include <sys/socket.h>

#include "base/fiber.h"
#include "base/listener.h"
#include "base/random.h"
#include "base/stream.h"
#include "test/support/loop_runner.h"

using base::Deadline;
using base::DnsMessage;
using base::DnsRcode;
using base::DnsReply;
using base::DnsType;
using base::Endpoint;
using base::Errc;
using base::Fd;
using base::FdWatch;
using base::Interest;
using base::Loop;
using base::Result;
using base::SocketStream;
using namespace std::chrono_literals;
using test_support::run_in_fiber;

namespace {

Deadline later() {
    return Deadline::after(30s);
}

std::string u16(unsigned value) {
    return {static_cast<char>(value >> 8U), static_cast<char>(value & 0xFFU)};
}

std::string u32(unsigned value) {
    return u16(value >> 16U) + u16(value & 0xFFFFU);
}

// Labels of at most 63 bytes, no escapes.
std::string wire(std::string_view name) {
    std::string out;
    while (!name.empty()) {
        const std::size_t dot = std::min(name.find('.'), name.size());
        out += static_cast<char>(dot);
        out += name.substr(0, dot);
        name.remove_prefix(std::min(dot + 1, name.size()));
    }
    return out + '\0';
}

std::string record(const std::string& owner, unsigned type, unsigned ttl, const std::string& data) {
    return owner + u16(type) + u16(1) + u32(ttl) + u16(static_cast<unsigned>(data.size())) + data;
}

const std::string kPointer = "\xC0\x0C";  // to the question's name

// Header, question, and `answers` (count given).
std::string reply(unsigned id,
                  unsigned flags,
                  const std::string& name,
                  DnsType type,
                  unsigned count,
                  const std::string& answers) {
    return u16(id) + u16(0x8000U | flags) + u16(1) + u16(count) + u32(0) + wire(name) +
           u16(static_cast<unsigned>(type)) + u16(1) + answers;
}

DnsReply parsed(const std::string& message, std::string_view name, DnsType type) {
    auto result = base::parse_dns_reply(message, 7, name, type);
    BOOST_REQUIRE_MESSAGE(bool(result), (result ? std::string() : result.error().detail));
    return result.value().reply;
}

bool refused(const std::string& message, std::string_view name, DnsType type) {
    auto result = base::parse_dns_reply(message, 7, name, type);
    return !result && result.error().code == Errc::Invalid;
}

// A name server of a few lines: answers each query with what `answer` makes of it ("" for silence).
class FakeServer {
  public:
    using Answer = std::function<std::string(const std::string& query)>;

    FakeServer(Loop& loop, Answer answer) : answer_(std::move(answer)) {
        socket_ = Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        sockaddr_storage storage{};
        socklen_t length = Endpoint(base::IpAddress::loopback_v4(), 0).to_sockaddr(storage);
        auto* address = reinterpret_cast<sockaddr*>(&storage);
        BOOST_REQUIRE(::bind(socket_.get(), address, length) == 0);
        length = sizeof storage;
        BOOST_REQUIRE(::getsockname(socket_.get(), address, &length) == 0);
        endpoint_ = Endpoint::from_sockaddr(*address);
        watch_ = FdWatch::create(loop, socket_.get(), Interest::Read, [this] { serve(); });
    }

    [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }

    int queries = 0;

  private:
    void serve() {
        char buffer[1500];
        sockaddr_storage storage{};
        socklen_t length = sizeof storage;
        auto* address = reinterpret_cast<sockaddr*>(&storage);
        const ssize_t count = ::recvfrom(socket_.get(), buffer, sizeof buffer, 0, address, &length);
        if (count > 0) {
            ++queries;
            const std::string text = answer_({buffer, static_cast<std::size_t>(count)});
            if (!text.empty()) {
                (void)::sendto(socket_.get(), text.data(), text.size(), 0, address, length);
            }
        }
    }

    Answer answer_;
    Fd socket_;
    Endpoint endpoint_;
    FdWatch watch_;
};

unsigned id_of(const std::string& query) {
    return static_cast<unsigned>(static_cast<unsigned char>(query[0])) << 8U |
           static_cast<unsigned char>(query[1]);
}

std::string text_answer(const std::string& query, const std::string& text) {
    return reply(id_of(query),
                 0x0400,
                 "a.example",
                 DnsType::Txt,
                 1,
                 record(kPointer, 16, 60, static_cast<char>(text.size()) + text));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(resolver)

BOOST_AUTO_TEST_CASE(queries_are_encoded) {
    auto query = base::encode_dns_query(0x1234, "Example.ORG.", DnsType::Mx, true);
    BOOST_REQUIRE(query);
    BOOST_TEST(query.value() == u16(0x1234) + u16(0x0100) + u16(1) + u16(0) + u16(0) + u16(1) +
                                    wire("Example.ORG") + u16(15) + u16(1) + '\0' + u16(41) +
                                    u16(1232) + u32(0) + u16(0));
    BOOST_TEST(bool(base::encode_dns_query(1, ".", DnsType::A, false)));
    auto escaped = base::encode_dns_query(1, "a\\.b\\065.x", DnsType::A, false);
    BOOST_REQUIRE(escaped);
    BOOST_TEST(escaped.value().substr(12, 8) == std::string("\4a.bA\1x\0", 8));
}

BOOST_AUTO_TEST_CASE(what_is_no_name_is_refused) {
    const std::string label63(63, 'a');
    const std::string name255 = label63 + "." + label63 + "." + label63 + "." + label63.substr(2);
    BOOST_TEST(bool(base::encode_dns_query(1, name255, DnsType::A, true)));
    for (const std::string& name : {std::string(),
                                    std::string(".."),
                                    std::string(".a"),
                                    std::string("a..b"),
                                    label63 + "a",
                                    name255 + "a",
                                    std::string("a\\"),
                                    std::string("a\\25"),
                                    std::string("a\\256")}) {
        BOOST_TEST(!base::encode_dns_query(1, name, DnsType::A, true), name);
    }
}

BOOST_AUTO_TEST_CASE(addresses_texts_and_exchanges_are_read) {
    const DnsReply a = parsed(reply(7,
                                    0x0420,
                                    "Mx.example",
                                    DnsType::A,
                                    2,
                                    record(kPointer, 1, 300, std::string("\xC0\0\x02\x01", 4)) +
                                        record(kPointer, 1, 60, std::string("\xC0\0\x02\x02", 4))),
                              "mX.exAmple",
                              DnsType::A);
    BOOST_REQUIRE(a.addresses.size() == 2U);
    BOOST_TEST(a.addresses[0].to_text() == "192.0.2.1");
    BOOST_TEST(a.ttl == 60U);
    BOOST_TEST(a.authoritative);
    BOOST_TEST(a.authenticated);
    const DnsReply txt =
        parsed(reply(7, 0, "t.example", DnsType::Txt, 1, record(kPointer, 16, 5, "\3abc\2de")),
               "t.example",
               DnsType::Txt);
    BOOST_TEST(txt.texts.at(0) == "abcde");
    const DnsReply mx = parsed(reply(7,
                                     0,
                                     "e.example",
                                     DnsType::Mx,
                                     2,
                                     record(kPointer, 15, 5, u16(10) + "\2mX" + kPointer) +
                                         record(kPointer, 15, 5, u16(0) + std::string(1, '\0'))),
                               "e.example",
                               DnsType::Mx);
    BOOST_REQUIRE(mx.exchanges.size() == 2U);
    BOOST_TEST(mx.exchanges[0].preference == 10);
    BOOST_TEST(mx.exchanges[0].host == "mx.e.example");
    BOOST_TEST(mx.exchanges[1].host == "");
    const DnsReply ptr = parsed(reply(7,
                                      0,
                                      "1.in-addr.arpa",
                                      DnsType::Ptr,
                                      1,
                                      record(kPointer, 12, 5, "\4a b.\1c" + std::string(1, '\0'))),
                                "1.in-addr.arpa",
                                DnsType::Ptr);
    BOOST_TEST(ptr.names.at(0) == "a\\032b\\046.c");
}

BOOST_AUTO_TEST_CASE(aliases_are_followed_and_strangers_ignored) {
    const std::string answers = record(wire("b.example"), 1, 300, std::string("\x7F\0\0\1", 4)) +
                                record(wire("evil.example"), 1, 1, std::string("\x7F\0\0\2", 4)) +
                                record(kPointer, 5, 20, wire("B.example"));
    const DnsReply found =
        parsed(reply(7, 0, "a.example", DnsType::A, 3, answers), "a.example", DnsType::A);
    BOOST_REQUIRE(found.addresses.size() == 1U);
    BOOST_TEST(found.addresses[0].to_text() == "127.0.0.1");
    BOOST_TEST(found.ttl == 20U);
    // A loop of aliases ends.
    const std::string loop = record(kPointer, 5, 20, wire("b.example")) +
                             record(wire("b.example"), 5, 20, wire("a.example"));
    BOOST_TEST(parsed(reply(7, 0, "a.example", DnsType::A, 2, loop), "a.example", DnsType::A)
                   .addresses.empty());
}

BOOST_AUTO_TEST_CASE(only_a_reply_to_the_query_counts) {
    const std::string good = reply(7, 3, "a.example", DnsType::A, 0, "");
    BOOST_CHECK(parsed(good, "a.example", DnsType::A).rcode == DnsRcode::NxDomain);
    BOOST_TEST(refused(good, "b.example", DnsType::A));
    BOOST_TEST(refused(good, "a.example", DnsType::Txt));
    BOOST_TEST(refused(reply(8, 3, "a.example", DnsType::A, 0, ""), "a.example", DnsType::A));
    BOOST_TEST(refused(reply(7, 0x0800, "a.example", DnsType::A, 0, ""), "a.example", DnsType::A));
    std::string query = good;
    query[2] = 0;  // QR
    BOOST_TEST(refused(query, "a.example", DnsType::A));
}

BOOST_AUTO_TEST_CASE(no_cut_and_no_flipped_bit_breaks_the_parser) {
    const std::string good =
        reply(7,
              0,
              "a.example",
              DnsType::Mx,
              3,
              record(kPointer, 15, 5, u16(10) + "\2mx" + kPointer) +
                  record(kPointer, 5, 5, wire("b.example")) +
                  record(wire("b.example"), 15, 5, u16(5) + wire("x.example")));
    for (std::size_t cut = 0; cut < good.size(); ++cut) {
        BOOST_TEST(refused(good.substr(0, cut), "a.example", DnsType::Mx));
    }
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
        std::string bad = good;
        bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
        (void)base::parse_dns_reply(bad, 7, "a.example", DnsType::Mx);
    }
    for (int round = 0; round < 2000; ++round) {
        std::string noise = good;
        for (int i = 0; i < 4; ++i) {
            noise[12 + base::random_below(noise.size() - 12)] =
                static_cast<char>(base::random_below(256));
        }
        (void)base::parse_dns_reply(noise, 7, "a.example", DnsType::Mx);
    }
}

BOOST_AUTO_TEST_CASE(pointers_that_lead_nowhere_are_refused) {
    for (const std::string& data : {std::string("\xC0\x0C"),  // fine, but see the record before
                                    std::string("\xC0\xFF"),
                                    std::string("\xC0"),
                                    std::string("\1a\xC0\x2B"),
                                    std::string("\x40"),
                                    std::string("\x80")}) {
        const std::string message =
            reply(7, 0, "a.example", DnsType::Ptr, 1, record(kPointer, 12, 5, data));
        BOOST_TEST(refused(message, "a.example", DnsType::Ptr) == (data != "\xC0\x0C"));
    }
}

BOOST_AUTO_TEST_CASE(a_server_is_asked_and_noise_is_passed_over) {
    run_in_fiber([](Loop& loop) {
        std::string last_query;
        FakeServer server(loop, [&](const std::string& query) {
            last_query = query;
            return text_answer(query, "ok");
        });
        const Endpoint servers[] = {server.endpoint()};
        auto found = base::dns_query(servers, "a.example", DnsType::Txt, later());
        BOOST_REQUIRE(found);
        BOOST_TEST(found.value().texts.at(0) == "ok");
        BOOST_TEST(found.value().authoritative);
        BOOST_TEST(server.queries == 1);
        auto bad = base::dns_query(servers, "a..b", DnsType::Txt, later());
        BOOST_REQUIRE(!bad);
        BOOST_CHECK(bad.error().code == Errc::Invalid);
        BOOST_TEST(server.queries == 1);
    });
}

BOOST_AUTO_TEST_CASE(a_forged_reply_does_not_count) {
    run_in_fiber([](Loop& loop) {
        FakeServer forger(loop, [](const std::string& query) {
            std::string forged = text_answer(query, "forged");
            forged[0] = static_cast<char>(forged[0] ^ 1);
            return forged;
        });
        const Endpoint servers[] = {forger.endpoint()};
        base::DnsQueryOptions options;
        options.try_timeout = 20ms;
        options.rounds = 1;
        auto nothing = base::dns_query(servers, "a.example", DnsType::Txt, later(), options);
        BOOST_REQUIRE(!nothing);
        BOOST_CHECK(nothing.error().code == Errc::Timeout);
    });
}

BOOST_AUTO_TEST_CASE(the_next_server_is_asked_when_one_fails) {
    run_in_fiber([](Loop& loop) {
        FakeServer silent(loop, [](const std::string&) { return std::string(); });
        FakeServer broken(loop, [](const std::string& query) {
            return reply(id_of(query), 2, "a.example", DnsType::Txt, 0, "");
        });
        FakeServer good(loop, [](const std::string& query) { return text_answer(query, "ok"); });
        base::DnsQueryOptions options;
        options.try_timeout = 20ms;
        const Endpoint closed = Endpoint::parse("127.0.0.1:1").value();
        const Endpoint servers[] = {silent.endpoint(), closed, broken.endpoint(), good.endpoint()};
        auto found = base::dns_query(servers, "a.example", DnsType::Txt, later(), options);
        BOOST_REQUIRE(found);
        BOOST_TEST(found.value().texts.at(0) == "ok");
        // All fail: what the last one said is better than nothing.
        const Endpoint failing[] = {silent.endpoint(), broken.endpoint()};
        auto failed = base::dns_query(failing, "a.example", DnsType::Txt, later(), options);
        BOOST_REQUIRE(failed);
        BOOST_CHECK(failed.value().rcode == DnsRcode::ServFail);
        BOOST_TEST(broken.queries == 3);  // one above, two rounds here
        auto none = base::dns_query({}, "a.example", DnsType::Txt, later(), options);
        BOOST_REQUIRE(!none);
        BOOST_CHECK(none.error().code == Errc::Unavailable);
        auto nobody = base::dns_query({&closed, 1}, "a.example", DnsType::Txt, later(), options);
        BOOST_REQUIRE(!nobody);
        BOOST_CHECK(nobody.error().code == Errc::Unavailable);
    });
}

BOOST_AUTO_TEST_CASE(a_truncated_reply_is_asked_again_over_tcp) {
    run_in_fiber([](Loop& loop) {
        FakeServer server(loop, [](const std::string& query) {
            return reply(id_of(query), 0x0200, "a.example", DnsType::Txt, 0, "");
        });
        const std::string long_text(250, 'x');
        auto listener =
            base::Listener::create(loop, server.endpoint(), 4, [&](Fd socket, const Endpoint&) {
                auto stream = std::make_shared<std::unique_ptr<SocketStream>>(
                    SocketStream::adopt(loop, std::move(socket)).take_value());
                BOOST_REQUIRE(base::spawn(loop, "tcp", [stream, &long_text] {
                    SocketStream& tcp = **stream;
                    BOOST_REQUIRE(tcp.fill(later()));
                    while (tcp.buffered().size() < 14) {
                        BOOST_REQUIRE(tcp.fill(later()));
                    }
                    const std::string answer =
                        text_answer(std::string(tcp.buffered().substr(2)), long_text);
                    const std::string framed = u16(static_cast<unsigned>(answer.size())) + answer;
                    // In two pieces, the first within the length.
                    BOOST_REQUIRE(tcp.write(framed.substr(0, 1)));
                    BOOST_REQUIRE(tcp.flush(later()));
                    BOOST_REQUIRE(base::sleep_until(Deadline::after(5ms)));
                    BOOST_REQUIRE(tcp.write(framed.substr(1)));
                    BOOST_REQUIRE(tcp.flush(later()));
                }));
            });
        BOOST_REQUIRE(listener);
        const Endpoint servers[] = {server.endpoint()};
        auto found = base::dns_query(servers, "a.example", DnsType::Txt, later());
        BOOST_REQUIRE_MESSAGE(bool(found), (found ? std::string() : found.error().detail));
        BOOST_TEST(found.value().texts.at(0) == long_text);
    });
}

BOOST_AUTO_TEST_CASE(reverse_names_are_made) {
    BOOST_TEST(base::reverse_name(base::IpAddress::parse("192.0.2.1").value()) ==
               "1.2.0.192.in-addr.arpa");
    BOOST_TEST(base::reverse_name(base::IpAddress::parse("2001:db8::1f").value()) ==
               "f.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa");
}

BOOST_AUTO_TEST_SUITE_END()
