#include "base/admin.h"

#include <atomic>

#include <boost/test/unit_test.hpp>

#include "base/fiber.h"
#include "base/metrics.h"
#include "base/stream.h"
#include "test/support/loop_runner.h"

using base::AdminServer;
using base::Deadline;
using base::Done;
using base::Endpoint;
using base::Errc;
using base::Error;
using base::HttpRequest;
using base::HttpResponse;
using base::Loop;
using base::SocketStream;
using base::Status;
using namespace std::chrono_literals;
using test_support::run_in_fiber;

namespace {

const Endpoint kAnyPort = Endpoint(base::IpAddress::loopback_v4(), 0);

Deadline later() {
    return Deadline::after(30s);
}

std::unique_ptr<AdminServer> make_server(AdminServer::HealthCheck health = {}) {
    auto made = AdminServer::create(kAnyPort, std::move(health));
    BOOST_REQUIRE(made);
    return std::move(made).take_value();
}

// One request on a connection of its own; everything the server sent.
std::string send_request(const AdminServer& server, const std::string& request) {
    std::string all;
    run_in_fiber([&](Loop& loop) {
        auto connected = SocketStream::connect(loop, server.bound(), later());
        BOOST_REQUIRE(connected);
        SocketStream& stream = *connected.value();
        // A request that is refused while it is being sent may find the connection closed.
        (void)stream.write(request);
        while (stream.fill(later())) {
            all += stream.buffered();
            stream.consume(stream.buffered().size());
        }
    });
    return all;
}

std::string get(const AdminServer& server, const std::string& target) {
    return send_request(server, "GET " + target + " HTTP/1.0\r\n\r\n");
}

bool holds(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(admin)

BOOST_AUTO_TEST_CASE(metrics_are_served) {
    base::counter("test_admin_total", "x").add(5);
    const auto server = make_server();
    BOOST_TEST(server->bound().is_loopback());
    const std::string answer = get(*server, "/metrics");
    BOOST_TEST(answer.starts_with("HTTP/1.0 200"));
    BOOST_TEST(holds(answer, "text/plain; version=0.0.4"));
    BOOST_TEST(holds(answer, "\ntest_admin_total 5\n"));
}

BOOST_AUTO_TEST_CASE(health_is_200_or_503) {
    std::atomic<bool> healthy{true};
    const auto server = make_server([&]() -> Status {
        if (healthy) {
            return Done{};
        }
        return Error{Errc::Unavailable, "storage path away"};
    });
    BOOST_TEST(get(*server, "/healthz").starts_with("HTTP/1.0 200"));
    healthy = false;
    const std::string sick = get(*server, "/healthz");
    BOOST_TEST(sick.starts_with("HTTP/1.0 503"));
    BOOST_TEST(holds(sick, "storage path away"));
}

BOOST_AUTO_TEST_CASE(routes_get_the_request_and_may_change) {
    const auto server = make_server();
    BOOST_TEST(get(*server, "/x").starts_with("HTTP/1.0 404"));
    HttpRequest seen;
    server->route("/a b", [&seen](const HttpRequest& request) {
        seen = request;
        return HttpResponse{201, "application/json", "{}"};
    });
    const std::string answer =
        send_request(*server, "POST /a%20b?q=1&r=%20 HTTP/1.0\r\nContent-Length: 4\r\n\r\nbody");
    BOOST_TEST(answer.starts_with("HTTP/1.0 201"));
    BOOST_TEST(holds(answer, "application/json"));
    BOOST_TEST(answer.ends_with("{}"));
    BOOST_TEST(seen.method == "POST");
    BOOST_TEST(seen.path == "/a b");
    BOOST_TEST(seen.query == "q=1&r=%20");
    BOOST_TEST(seen.body == "body");
    BOOST_TEST(seen.peer.is_loopback());
    server->route("/a b", [](const HttpRequest&) { return HttpResponse{204, "x/y", ""}; });
    BOOST_TEST(get(*server, "/a%20b").starts_with("HTTP/1.0 204"));
}

BOOST_AUTO_TEST_CASE(large_requests_are_refused) {
    const auto server = make_server();
    server->route("/x", [](const HttpRequest&) { return HttpResponse{}; });
    BOOST_TEST(!send_request(*server,
                             "POST /x HTTP/1.0\r\nContent-Length: 100000\r\n\r\n" +
                                 std::string(100'000, 'x'))
                    .starts_with("HTTP/1.0 200"));
    BOOST_TEST(!get(*server, "/" + std::string(20'000, 'x')).starts_with("HTTP/1.0 200"));
    BOOST_TEST(!send_request(*server, "rubbish\r\n\r\n").starts_with("HTTP/1.0 200"));
    BOOST_TEST(get(*server, "/healthz").starts_with("HTTP/1.0 200"));
}

BOOST_AUTO_TEST_CASE(a_port_in_use_is_exists) {
    const auto server = make_server();
    auto second = AdminServer::create(server->bound(), {});
    BOOST_REQUIRE(!second);
    BOOST_CHECK(second.error().code == Errc::Exists);
}

BOOST_AUTO_TEST_SUITE_END()
