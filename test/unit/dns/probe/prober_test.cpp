#include "dns/probe/prober.h"

#include <memory>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/fiber.h"
#include "base/listener.h"
#include "base/load_report.h"
#include "base/stream.h"
#include "test/support/loop_runner.h"

using base::Deadline;
using base::Endpoint;
using base::Fd;
using base::FiberEvent;
using base::Listener;
using base::Loop;
using base::SocketStream;
using dns::probe::ProbeKind;
using dns::probe::ProbeOutcome;
using dns::probe::Prober;
using dns::probe::ProbeResult;
using dns::probe::ProbeTarget;
using dns::probe::ProbeTiming;
using dns::steering::ServerId;
using namespace std::chrono_literals;
using test_support::run_in_fiber;

namespace {

const Endpoint kAnyPort = Endpoint(base::IpAddress::loopback_v4(), 0);

/// A server on a free port that answers each connection by `serve`, in a fiber of its own.
class Server {
  public:
    using Serve = std::function<void(SocketStream&)>;

    Server(Loop& loop, const Endpoint& endpoint, Serve serve) : serve_(std::move(serve)) {
        auto made = Listener::create(loop, endpoint, 16, [this, &loop](Fd socket, const Endpoint&) {
            ++accepted;
            auto adopted = SocketStream::adopt(loop, std::move(socket));
            BOOST_REQUIRE(adopted);
            std::shared_ptr<SocketStream> stream = std::move(adopted).take_value();
            streams.push_back(stream);
            BOOST_REQUIRE(
                base::spawn(loop, "served", [serve = serve_, stream] { serve(*stream); }));
        });
        BOOST_REQUIRE(made);
        listener_ = std::move(made).take_value();
    }

    [[nodiscard]] const Endpoint& bound() const { return listener_->bound(); }

    void stop_listening() { listener_.reset(); }

    int accepted = 0;
    std::vector<std::shared_ptr<SocketStream>> streams;

  private:
    Serve serve_;
    std::unique_ptr<Listener> listener_;
};

/// Serves load reports until the peer is gone.
void serve_load(SocketStream& stream) {
    (void)stream.write(base::format_load_greeting({"mx1", 7}));
    base::LoadReport report;
    report.start_id = 7;
    while (stream.flush(Deadline::after(30s)) && stream.fill(Deadline::after(30s))) {
        if (stream.buffered() == base::kLoadCommand) {
            stream.consume(base::kLoadCommand.size());
            ++report.accepted;
            (void)stream.write(base::format_load_report(report));
        }
    }
}

void serve_nothing(SocketStream& stream) {
    (void)stream.fill(Deadline::after(30s));  // until the peer gives up
}

/// Collects results; the fiber of the test waits for them.
struct Results {
    std::vector<ProbeResult> all;
    FiberEvent came;
    bool up = true;

    Prober::OnResult sink() {
        return [this](const ProbeResult& result) {
            all.push_back(result);
            came.notify();
            return up;
        };
    }

    void wait_for(std::size_t count) {
        const Deadline deadline = Deadline::after(30s);
        while (all.size() < count) {
            BOOST_REQUIRE(came.wait(deadline));
            (void)came.take();
        }
    }
};

ProbeTarget target_at(const Endpoint& endpoint, ProbeKind kind = ProbeKind::LoadReport) {
    ProbeTarget target;
    target.server = ServerId{5};
    target.ask.kind = kind;
    target.endpoint = endpoint;
    return target;
}

constexpr ProbeTiming kFast{0.05, 0.04};
constexpr ProbeTiming kSlow{1000, 0.2};

}  // namespace

BOOST_AUTO_TEST_SUITE(prober)

BOOST_AUTO_TEST_CASE(asks_again_and_again_over_one_connection) {
    run_in_fiber([](Loop& loop) {
        Server server(loop, kAnyPort, serve_load);
        Results results;
        Prober prober(loop, ProbeTiming{0.05, 5}, results.sink());
        prober.set_targets({target_at(server.bound())});
        results.wait_for(4);
        for (std::size_t i = 0; i < 4; ++i) {
            BOOST_CHECK(results.all[i].outcome == ProbeOutcome::Reply);
            BOOST_CHECK(results.all[i].server == ServerId{5});
            BOOST_TEST(results.all[i].counters->accepted == i + 1);
        }
        BOOST_TEST(server.accepted == 1);
        BOOST_TEST(prober.counts().replies >= 4U);
    });
}

BOOST_AUTO_TEST_CASE(closed_connection_and_port_are_seen_at_once) {
    run_in_fiber([](Loop& loop) {
        Server server(loop, kAnyPort, serve_load);
        Results results;
        // The next slot is far away: what comes before it comes from the closing.
        Prober prober(loop, kSlow, results.sink());
        prober.set_targets({target_at(server.bound())});
        results.wait_for(1);
        server.stop_listening();
        server.streams[0]->close();
        results.up = false;
        results.wait_for(2);
        BOOST_CHECK(results.all[1].outcome == ProbeOutcome::Refused);
        BOOST_TEST(results.all[1].time_s - results.all[0].time_s < 2.0);
        BOOST_TEST(prober.counts().refused == 1U);
    });
}

BOOST_AUTO_TEST_CASE(silent_server_is_lost_and_repeated_at_once_while_up) {
    run_in_fiber([](Loop& loop) {
        Server server(loop, kAnyPort, serve_nothing);
        Results results;
        Prober prober(loop, kSlow, results.sink());
        prober.set_targets({target_at(server.bound())});
        results.wait_for(3);
        for (const ProbeResult& result : results.all) {
            BOOST_CHECK(result.outcome == ProbeOutcome::Lost);
        }
        BOOST_TEST(results.all[2].time_s - results.all[1].time_s >= 0.2);
        BOOST_TEST(prober.counts().lost == 3U);
    });
}

BOOST_AUTO_TEST_CASE(wrong_words_are_a_bad_banner) {
    run_in_fiber([](Loop& loop) {
        Server server(loop, kAnyPort, [](SocketStream& stream) {
            (void)stream.write("HTTP/1.1 400 Bad Request\r\n");
            (void)stream.flush(Deadline::after(30s));
            (void)stream.fill(Deadline::after(30s));
        });
        Results results;
        Prober prober(loop, kSlow, results.sink());
        prober.set_targets({target_at(server.bound())});
        results.wait_for(1);
        BOOST_CHECK(results.all[0].outcome == ProbeOutcome::BadBanner);
        BOOST_TEST(prober.counts().bad_banners == 1U);
    });
}

BOOST_AUTO_TEST_CASE(smtp_needs_a_new_connection_each_time) {
    run_in_fiber([](Loop& loop) {
        Server server(loop, kAnyPort, [](SocketStream& stream) {
            (void)stream.write("220 mx1.example.org ESMTP\r\n");
            (void)stream.flush(Deadline::after(30s));
            (void)stream.fill(Deadline::after(30s));
            (void)stream.write("250 mx1.example.org\r\n");
            (void)stream.flush(Deadline::after(30s));
            stream.consume(stream.buffered().size());
            (void)stream.fill(Deadline::after(30s));
        });
        Results results;
        Prober prober(loop, ProbeTiming{0.05, 5}, results.sink());
        prober.set_targets({target_at(server.bound(), ProbeKind::Smtp)});
        results.wait_for(3);
        for (const ProbeResult& result : results.all) {
            BOOST_CHECK(result.outcome == ProbeOutcome::Reply);
            BOOST_TEST(!result.counters.has_value());
        }
        BOOST_TEST(server.accepted >= 3);
    });
}

BOOST_AUTO_TEST_CASE(targets_that_stay_keep_their_connection) {
    run_in_fiber([](Loop& loop) {
        Server first(loop, kAnyPort, serve_load);
        Server second(loop, kAnyPort, serve_load);
        Results results;
        Prober prober(loop, kFast, results.sink());
        prober.set_targets({target_at(first.bound())});
        results.wait_for(1);
        ProbeTarget other = target_at(second.bound());
        other.server = ServerId{6};
        prober.set_targets({target_at(first.bound()), other});
        results.wait_for(8);
        BOOST_TEST(first.accepted == 1);
        BOOST_TEST(second.accepted == 1);
        prober.set_targets({other});
        const std::size_t before = results.all.size();
        results.wait_for(before + 3);
        for (std::size_t i = before; i < results.all.size(); ++i) {
            BOOST_CHECK(results.all[i].server == ServerId{6});
        }
        prober.set_targets({});
    });
}

BOOST_AUTO_TEST_CASE(nobody_listening_is_refused) {
    run_in_fiber([](Loop& loop) {
        Endpoint free_port;
        {
            Server gone(loop, kAnyPort, serve_nothing);
            free_port = gone.bound();
        }
        Results results;
        results.up = false;
        Prober prober(loop, kSlow, results.sink());
        prober.set_targets({target_at(free_port)});
        results.wait_for(1);
        BOOST_CHECK(results.all[0].outcome == ProbeOutcome::Refused);
    });
}

BOOST_AUTO_TEST_SUITE_END()
