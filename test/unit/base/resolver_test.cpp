#include "base/resolver.h"

#include <boost/test/unit_test.hpp>
#include <sys/socket.h>

#include "base/fiber.h"
#include "base/listener.h"
#include "base/stream.h"
#include "test/support/loop_runner.h"
#include "test/unit/base/dns_wire.h"

using base::Deadline;
using base::DnsRcode;
using base::DnsType;
using base::Endpoint;
using base::Errc;
using base::Fd;
using base::FdWatch;
using base::Interest;
using base::Loop;
using base::Result;
using base::SocketStream;
using namespace dns_wire;
using namespace std::chrono_literals;
using test_support::run_in_fiber;

namespace {

Deadline later() {
    return Deadline::after(30s);
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

BOOST_AUTO_TEST_SUITE_END()
