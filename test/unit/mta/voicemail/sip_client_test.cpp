#include "mta/voicemail/sip_client.h"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/worker_pool.h"

namespace {

using std::chrono::milliseconds;

// A telephone: reads NOTIFYs and answers each with the next of its answers; "" is silence.
struct Telephone {
    explicit Telephone(std::vector<std::string> statuses)
        : fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)), answers(std::move(statuses)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        BOOST_REQUIRE(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        socklen_t size = sizeof address;
        BOOST_REQUIRE(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
        target.user = "1234";
        target.endpoint = base::Endpoint(base::IpAddress::loopback_v4(), ntohs(address.sin_port));
    }

    static std::string field(const std::string& request, const std::string& name) {
        const std::size_t at = request.find("\r\n" + name + ":");
        return request.substr(at + 2, request.find("\r\n", at + 2) - at);
    }

    // Until all answers are used up, or nothing has come for 5 s.
    void serve() {
        for (const std::string& status : answers) {
            pollfd entry{fd.get(), POLLIN, 0};
            if (::poll(&entry, 1, 5000) <= 0) {
                return;
            }
            std::string request(70'000, '\0');
            sockaddr_storage from{};
            socklen_t length = sizeof from;
            const ssize_t size = ::recvfrom(fd.get(),
                                            request.data(),
                                            request.size(),
                                            0,
                                            reinterpret_cast<sockaddr*>(&from),
                                            &length);
            request.resize(static_cast<std::size_t>(size));
            requests.push_back(request);
            if (!status.empty()) {
                const std::string answer = "SIP/2.0 " + status + "\r\n" + field(request, "Via") +
                                           field(request, "Call-ID") + field(request, "CSeq") +
                                           "\r\n";
                (void)::sendto(fd.get(),
                               answer.data(),
                               answer.size(),
                               0,
                               reinterpret_cast<sockaddr*>(&from),
                               length);
            }
        }
    }

    base::Fd fd;
    std::vector<std::string> answers;
    std::vector<std::string> requests;
    mta::SipTarget target;
};

constexpr mta::SipTimers kQuick{milliseconds(20), milliseconds(100)};

base::Status notify(Telephone& telephone) {
    base::WorkerPool pool("telephone", 1, 1);
    BOOST_REQUIRE(pool.submit([&telephone] { telephone.serve(); }));
    return mta::send_notify(telephone.target, "body\r\n", nullptr, kQuick);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(voicemail_sip_client)

BOOST_AUTO_TEST_CASE(is_done_when_200_comes) {
    Telephone telephone({"200 OK"});
    BOOST_TEST(static_cast<bool>(notify(telephone)));
    BOOST_REQUIRE(telephone.requests.size() == 1U);
    BOOST_TEST(telephone.requests[0].ends_with("\r\n\r\nbody\r\n"));
}

BOOST_AUTO_TEST_CASE(sends_again_until_it_is_answered) {
    Telephone telephone({"", "", "100 Trying", "200 OK"});
    BOOST_TEST(static_cast<bool>(notify(telephone)));
    BOOST_REQUIRE(telephone.requests.size() == 4U);
    // The same transaction: the same octets.
    BOOST_TEST(telephone.requests[0] == telephone.requests[3]);
}

BOOST_AUTO_TEST_CASE(says_what_was_refused) {
    Telephone telephone({"489 Bad Event"});
    const base::Status told = notify(telephone);
    BOOST_REQUIRE(!told);
    BOOST_TEST((told.error().code == base::Errc::Refused));
    BOOST_TEST(told.error().detail == "answered 489");
}

BOOST_AUTO_TEST_CASE(gives_up_after_64_t1) {
    const Telephone silent({});
    const base::Status told = mta::send_notify(
        silent.target, "", nullptr, {std::chrono::milliseconds(2), std::chrono::milliseconds(8)});
    BOOST_REQUIRE(!told);
    BOOST_TEST((told.error().code == base::Errc::Timeout));
}

BOOST_AUTO_TEST_CASE(nobody_there_is_told_at_once) {
    mta::SipTarget gone;
    {
        const Telephone telephone({});
        gone = telephone.target;
    }
    const base::Status told = mta::send_notify(gone, "");
    BOOST_REQUIRE(!told);
    BOOST_TEST((told.error().code == base::Errc::Unavailable));
}

BOOST_AUTO_TEST_CASE(ends_when_it_is_told_to) {
    const Telephone silent({});
    const std::atomic<bool> stop{true};
    const base::Status told = mta::send_notify(silent.target, "", &stop);
    BOOST_REQUIRE(!told);
    BOOST_TEST((told.error().code == base::Errc::Cancelled));
}

BOOST_AUTO_TEST_SUITE_END()
