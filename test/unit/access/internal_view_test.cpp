#include <array>
#include <functional>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <sys/socket.h>

#include "access/sign_in.h"
#include "base/fd.h"
#include "base/loop.h"
#include "test/support/loop_runner.h"

using accessd::InternalView;
using base::Endpoint;
using base::Errc;
using test_support::run_in_fiber;

namespace {

const Endpoint kAnyPort(base::IpAddress::loopback_v4(), 0);

/// The internal view in a few lines: answers each query with an rcode and TXT records of the name
/// that was asked for.
class FakeView {
  public:
    FakeView(base::Loop& loop, unsigned rcode, std::vector<std::string> texts)
        : rcode_(rcode), texts_(std::move(texts)) {
        socket_ = base::Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        sockaddr_storage storage{};
        socklen_t length = kAnyPort.to_sockaddr(storage);
        auto* address = reinterpret_cast<sockaddr*>(&storage);
        BOOST_TEST_REQUIRE(::bind(socket_.get(), address, length) == 0);
        length = sizeof storage;
        BOOST_TEST_REQUIRE(::getsockname(socket_.get(), address, &length) == 0);
        endpoint = Endpoint::from_sockaddr(*address);
        watch_ =
            base::FdWatch::create(loop, socket_.get(), base::Interest::Read, [this] { answer(); });
    }

    Endpoint endpoint;
    int queries = 0;
    bool recursion_desired = false;

  private:
    void answer() {
        std::array<char, 1500> buffer{};
        sockaddr_storage storage{};
        socklen_t length = sizeof storage;
        auto* address = reinterpret_cast<sockaddr*>(&storage);
        const ssize_t count =
            ::recvfrom(socket_.get(), buffer.data(), buffer.size(), 0, address, &length);
        if (count < 16) {
            return;
        }
        ++queries;
        const std::string query(buffer.data(), static_cast<std::size_t>(count));
        recursion_desired = (query[2] & 1) != 0;
        const std::size_t question_end = query.find('\0', 12) + 5;
        std::string reply = query.substr(0, 2) + '\x84' + static_cast<char>(rcode_);
        reply += std::string("\0\1\0", 3) + static_cast<char>(texts_.size());
        reply += std::string(4, '\0') + query.substr(12, question_end - 12);
        for (const std::string& text : texts_) {
            const auto size = static_cast<char>(text.size());
            reply += std::string("\xC0\x0C\0\x10\0\1\0\0\0\1\0", 11) + static_cast<char>(size + 1);
            reply += size + text;
        }
        (void)::sendto(socket_.get(), reply.data(), reply.size(), 0, address, length);
    }

    unsigned rcode_;
    std::vector<std::string> texts_;
    base::Fd socket_;
    base::FdWatch watch_;
};

/// "17", "none" (no such address) or "unclear".
std::string ask(unsigned rcode, const std::vector<std::string>& texts) {
    std::string verdict;
    run_in_fiber([&](base::Loop& loop) {
        FakeView server(loop, rcode, texts);
        InternalView view({server.endpoint});
        const auto answer = view.ask("ann.example.org.verify");
        BOOST_TEST(server.queries > 0);
        BOOST_TEST(!server.recursion_desired);
        if (!answer) {
            BOOST_TEST(base::is_temporary(answer.error().code));
            verdict = "unclear";
        } else {
            verdict = answer.value() ? std::to_string(storage::number(*answer.value())) : "none";
        }
    });
    return verdict;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(internal_view)

BOOST_AUTO_TEST_CASE(reads_the_account_of_an_address) {
    BOOST_TEST(ask(0, {"v=1 account=17 state=active"}) == "17");
    BOOST_TEST(ask(0, {"account=17 v=1"}) == "17");
    BOOST_TEST(ask(0, {"v=1 account=17 later=thing"}) == "17");
    BOOST_TEST(ask(0, {"something else", "v=1 account=9223372036854775807"}) ==
               "9223372036854775807");
}

BOOST_AUTO_TEST_CASE(address_that_is_not_there_is_a_clear_answer) {
    BOOST_TEST(ask(3, {}) == "none");  // NXDOMAIN
    BOOST_TEST(ask(5, {}) == "none");  // REFUSED: no such domain
}

// Nothing may be concluded from these: not that the address is there, nor that it is not.
BOOST_AUTO_TEST_CASE(answer_that_is_not_understood_is_no_verdict) {
    BOOST_TEST(ask(0, {}) == "unclear");
    for (const char* text : {"",
                             "v=1",
                             "account=17",
                             "v=2 account=17",
                             "v=1 account=",
                             "v=1 account=0",
                             "v=1 account=-1",
                             "v=1 account=17x",
                             "v=1 account=99999999999999999999",
                             "v=1 ACCOUNT=17",
                             "v=1  xaccount=17"}) {
        BOOST_TEST(ask(0, {text}) == "unclear", text);
    }
    BOOST_TEST(ask(2, {}) == "unclear");  // SERVFAIL
}

BOOST_AUTO_TEST_CASE(asks_the_next_server_when_one_is_away) {
    run_in_fiber([&](base::Loop& loop) {
        FakeView broken(loop, 2, {});
        FakeView good(loop, 0, {"v=1 account=5"});
        InternalView view({broken.endpoint, good.endpoint});
        const auto answer = view.ask("ann.example.org.verify");
        BOOST_TEST_REQUIRE(bool(answer));
        BOOST_TEST(storage::number(answer.value().value()) == 5);
    });
}

BOOST_AUTO_TEST_SUITE_END()
