#include "dns/probe/probe_machine.h"

#include <algorithm>
#include <array>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/load_report.h"

namespace {

using namespace dns::probe;
using dns::steering::ServerId;
using Kind = ProbeAction::Kind;

constexpr std::string_view kGreeting = "roundtable-load 1 name=mx1 start=7\r\n";
constexpr std::string_view kReport =
    "start=7 busy_us=10 arrivals=4 refused=1 accepted=3 fit=1 reason=ok\r\n";

DialogueConfig config_of(ProbeKind kind, std::string name) {
    DialogueConfig config;
    config.kind = kind;
    config.expected_name = std::move(name);
    return config;
}

struct Machine {
    ProbeMachine machine;
    std::vector<ProbeAction> actions;
    std::optional<ProbeResult> result;

    explicit Machine(ProbeKind kind = ProbeKind::LoadReport, std::string name = "")
        : machine(ServerId{42}, config_of(kind, std::move(name)), ProbeTiming{}, 2) {}

    void collect() {
        actions = machine.take_actions();
        result = machine.take_result();
    }

    void time(double now_s) {
        machine.on_time(now_s);
        collect();
    }

    void connected(ConnectionId id, double now_s) {
        machine.on_connected(id, now_s);
        collect();
    }

    void bytes(ConnectionId id, std::string_view text, double now_s) {
        machine.on_bytes(id, text, now_s);
        collect();
    }

    void closed(ConnectionId id, CloseCause cause, double now_s) {
        machine.on_closed(id, cause, now_s);
        collect();
    }

    void settle(bool up, double now_s) {
        machine.settle(up, now_s);
        collect();
    }

    [[nodiscard]] bool did(std::size_t place, Kind kind, ConnectionId id) const {
        return place < actions.size() && actions[place].kind == kind &&
               actions[place].connection == id;
    }

    /// Probes once with success over connection 1, which stays open.
    void first_report() {
        time(2);
        connected(1, 2.01);
        bytes(1, kGreeting, 2.02);
        bytes(1, kReport, 2.05);
        machine.settle(true, 2.05);
    }
};

BOOST_AUTO_TEST_SUITE(probe_machine)

BOOST_AUTO_TEST_CASE(first_probe_waits_for_its_phase) {
    Machine m;
    BOOST_TEST(m.machine.next_time_s() == 2.0);
    m.time(1.9);
    BOOST_TEST(m.actions.empty());
    m.time(2);
    BOOST_TEST(m.actions.size() == 1U);
    BOOST_TEST(m.did(0, Kind::Connect, 1));
    BOOST_TEST(m.machine.next_time_s() == 3.0);
}

BOOST_AUTO_TEST_CASE(greeting_then_load_then_report) {
    Machine m;
    m.time(2);
    m.connected(1, 2.01);
    BOOST_TEST(m.actions.empty());
    m.bytes(1, kGreeting.substr(0, 10), 2.02);
    BOOST_TEST(m.actions.empty());
    m.bytes(1, kGreeting.substr(10), 2.03);
    BOOST_TEST(m.did(0, Kind::Send, 1));
    BOOST_TEST(m.actions[0].bytes == "LOAD\r\n");
    m.bytes(1, kReport, 2.05);
    BOOST_REQUIRE(m.result.has_value());
    BOOST_TEST((m.result->server == ServerId{42}));
    BOOST_TEST((m.result->outcome == ProbeOutcome::Reply));
    BOOST_TEST(m.result->time_s == 2.05);
    BOOST_TEST((m.result->counters == LoadCounters{7, 10, 4, 1, 3}));
    BOOST_TEST(m.actions.empty());  // the connection stays open
    BOOST_TEST(m.machine.next_time_s() == 7.0);
}

BOOST_AUTO_TEST_CASE(kept_connection_is_asked_again_at_the_next_slot) {
    Machine m;
    m.first_report();
    m.time(7);
    BOOST_TEST(m.actions.size() == 1U);
    BOOST_TEST(m.did(0, Kind::Send, 1));
    m.bytes(1, kReport, 7.05);
    BOOST_TEST((m.result->outcome == ProbeOutcome::Reply));
    BOOST_TEST(m.machine.next_time_s() == 12.0);
}

BOOST_AUTO_TEST_CASE(unfit_is_reported_with_its_reason) {
    Machine m;
    m.time(2);
    m.connected(1, 2);
    m.bytes(1, kGreeting, 2);
    m.bytes(
        1, "start=7 busy_us=1 arrivals=1 refused=0 accepted=1 fit=0 reason=stores-short\r\n", 2);
    BOOST_TEST((m.result->outcome == ProbeOutcome::Unfit));
    BOOST_TEST(m.result->reason == "stores-short");
    BOOST_TEST(m.result->counters.has_value());
}

BOOST_AUTO_TEST_CASE(lost_probe_is_repeated_at_once_while_up_only) {
    Machine m;
    m.first_report();
    m.time(7);
    m.time(7.9);
    BOOST_TEST(!m.result.has_value());
    m.time(8);
    BOOST_TEST((m.result->outcome == ProbeOutcome::Lost));
    BOOST_TEST(m.did(0, Kind::Close, 1));
    m.settle(true, 8);
    BOOST_TEST(m.did(0, Kind::Connect, 2));
    m.time(9);
    BOOST_TEST((m.result->outcome == ProbeOutcome::Lost));
    m.settle(false, 9);
    BOOST_TEST(m.actions.empty());
    BOOST_TEST(m.machine.next_time_s() == 12.0);
}

BOOST_AUTO_TEST_CASE(slots_that_passed_during_repeats_are_skipped) {
    Machine m;
    // A deadline that is seen late is the shell's fault, so each is seen in time.
    for (int t = 2; t < 8; ++t) {
        m.time(t);
        m.settle(true, t);
    }
    m.time(8);
    m.settle(false, 8);
    BOOST_TEST(m.machine.next_time_s() == 12.0);
}

BOOST_AUTO_TEST_CASE(late_answer_of_a_lost_probe_is_ignored) {
    Machine m;
    m.time(2);
    m.connected(1, 2.1);
    m.time(3);
    m.settle(true, 3);
    m.bytes(1, kGreeting, 3.1);
    m.closed(1, CloseCause::Reset, 3.2);
    BOOST_TEST(m.actions.empty());
    BOOST_TEST(!m.result.has_value());
}

BOOST_AUTO_TEST_CASE(refused_connection_is_known_at_once) {
    Machine m;
    m.time(2);
    m.closed(1, CloseCause::Reset, 2.01);
    BOOST_TEST((m.result->outcome == ProbeOutcome::Refused));
    BOOST_TEST(m.result->reason == "connection refused");
    BOOST_TEST(m.actions.empty());
    m.settle(false, 2.01);
    BOOST_TEST(m.machine.next_time_s() == 7.0);
}

BOOST_AUTO_TEST_CASE(unreachable_counts_as_lost_after_the_timeout) {
    Machine m;
    m.time(2);
    m.closed(1, CloseCause::Unreachable, 2.01);
    BOOST_TEST(!m.result.has_value());
    m.time(3);
    BOOST_TEST((m.result->outcome == ProbeOutcome::Lost));
    BOOST_TEST(m.actions.empty());  // nothing to close
}

BOOST_AUTO_TEST_CASE(closed_kept_connection_makes_a_probe_at_once) {
    Machine m;
    m.first_report();
    m.closed(1, CloseCause::EndOfStream, 4.5);
    BOOST_TEST(!m.result.has_value());
    BOOST_TEST(m.machine.next_time_s() == 4.5);
    m.time(4.5);
    BOOST_TEST(m.did(0, Kind::Connect, 2));
    m.closed(2, CloseCause::Reset, 4.51);
    BOOST_TEST((m.result->outcome == ProbeOutcome::Refused));
}

BOOST_AUTO_TEST_CASE(server_that_always_closes_is_not_probed_in_a_tight_loop) {
    Machine m;
    m.first_report();
    m.closed(1, CloseCause::EndOfStream, 2.06);
    BOOST_TEST(m.machine.next_time_s() == 3.0);
}

BOOST_AUTO_TEST_CASE(kept_connection_that_closes_under_a_probe_is_no_verdict) {
    Machine m;
    m.first_report();
    m.time(7);
    m.closed(1, CloseCause::Reset, 7.01);
    BOOST_TEST(!m.result.has_value());
    BOOST_TEST(m.did(0, Kind::Connect, 2));
    m.closed(2, CloseCause::EndOfStream, 7.02);
    BOOST_TEST((m.result->outcome == ProbeOutcome::BadBanner));
    BOOST_TEST(m.result->reason == "closed without an answer");
}

BOOST_AUTO_TEST_CASE(spoiled_greeting_or_report_is_a_bad_banner) {
    const std::array<std::string_view, 5> greetings = {"220 mx1 ESMTP\r\n",
                                                       "roundtable-load 2 name=a start=1\r\n",
                                                       "\r\n",
                                                       "roundtable-load 1 name=mx1 start=7\n",
                                                       "roundtable-load 1 name=mx1 start=7\r\nx"};
    for (const std::string_view greeting : greetings) {
        Machine m;
        m.time(2);
        m.connected(1, 2);
        m.bytes(1, greeting, 2);
        BOOST_REQUIRE(m.result.has_value());
        BOOST_TEST((m.result->outcome == ProbeOutcome::BadBanner));
        BOOST_TEST(m.did(0, Kind::Close, 1));
    }
    Machine m;
    m.first_report();
    m.time(7);
    m.bytes(1, "error\r\n", 7.1);
    BOOST_TEST((m.result->outcome == ProbeOutcome::BadBanner));
    BOOST_TEST(m.result->reason == "report: error");
}

BOOST_AUTO_TEST_CASE(endless_line_is_cut_off) {
    Machine m;
    m.time(2);
    m.connected(1, 2);
    m.bytes(1, std::string(base::kLoadLineMax, 'a'), 2);
    BOOST_TEST(!m.result.has_value());
    m.bytes(1, "a", 2);
    BOOST_TEST((m.result->outcome == ProbeOutcome::BadBanner));
    BOOST_TEST(m.result->reason == "line too long");
}

BOOST_AUTO_TEST_CASE(another_servers_greeting_is_refused) {
    Machine right(ProbeKind::LoadReport, "mx1");
    right.time(2);
    right.connected(1, 2);
    right.bytes(1, kGreeting, 2);
    BOOST_TEST(right.did(0, Kind::Send, 1));
    Machine wrong(ProbeKind::LoadReport, "mx2");
    wrong.time(2);
    wrong.connected(1, 2);
    wrong.bytes(1, kGreeting, 2);
    BOOST_TEST((wrong.result->outcome == ProbeOutcome::BadBanner));
    BOOST_TEST(wrong.result->reason == "another server: mx1");
}

BOOST_AUTO_TEST_CASE(unasked_words_on_a_kept_connection_end_it) {
    Machine m;
    m.first_report();
    m.bytes(1, kReport, 4);
    BOOST_TEST(m.did(0, Kind::Close, 1));
    BOOST_TEST(m.machine.next_time_s() == 4.0);
    m.time(4);
    BOOST_TEST(m.did(0, Kind::Connect, 2));
}

BOOST_AUTO_TEST_CASE(smtp_is_greeted_anew_each_time_and_the_last_connection_kept) {
    Machine m(ProbeKind::Smtp);
    m.time(2);
    m.connected(1, 2);
    m.bytes(1, "220-mx1.example.org ESMTP\r\n22", 2);
    BOOST_TEST(!m.result.has_value());
    m.bytes(1, "0 ready\r\n", 2.1);
    BOOST_TEST(!m.result.has_value());
    BOOST_TEST(m.did(0, Kind::Send, 1));
    BOOST_TEST(m.actions[0].bytes == "EHLO roundtable-probe\r\n");
    m.bytes(1, "250-mx1.example.org\r\n250 SIZE 1000\r\n", 2.1);
    BOOST_TEST((m.result->outcome == ProbeOutcome::Reply));
    BOOST_TEST(!m.result->counters.has_value());
    BOOST_TEST(m.actions.empty());
    m.settle(true, 2.1);
    m.time(7);
    BOOST_TEST(m.did(0, Kind::Connect, 2));
    m.connected(2, 7);
    m.bytes(2, "220 ready\n", 7.1);  // a foreign server that is careless with line ends
    m.bytes(2, "250 hello\n", 7.1);
    BOOST_TEST((m.result->outcome == ProbeOutcome::Reply));
    BOOST_TEST(m.did(0, Kind::Send, 1));
    BOOST_TEST(m.actions[0].bytes == "QUIT\r\n");
    BOOST_TEST(m.did(1, Kind::Close, 1));
    m.bytes(2, "421 4.4.2 timeout\r\n", 8.9);
    BOOST_TEST(m.actions.empty());
    m.closed(2, CloseCause::EndOfStream, 9);
    BOOST_TEST(m.machine.next_time_s() == 9.0);
}

BOOST_AUTO_TEST_CASE(busy_smtp_server_is_alive_and_left_alone) {
    Machine m(ProbeKind::Smtp);
    m.time(2);
    m.connected(1, 2);
    m.bytes(1, "421 4.3.2 too many connections\r\n", 2);
    BOOST_TEST((m.result->outcome == ProbeOutcome::Reply));
    BOOST_TEST(m.did(1, Kind::Close, 1));
    BOOST_TEST(m.machine.next_time_s() == 7.0);
}

BOOST_AUTO_TEST_CASE(other_smtp_greetings_are_bad_banners) {
    for (const std::string_view greeting : {"554 no service here\r\n",
                                            "220x\r\n",
                                            "22\r\n",
                                            "\r\n",
                                            "SSH-2.0-x\r\n",
                                            "220-a\r\n250 b\r\n"}) {
        Machine m(ProbeKind::Smtp);
        m.time(2);
        m.connected(1, 2);
        m.bytes(1, greeting, 2);
        BOOST_REQUIRE(m.result.has_value());
        BOOST_TEST((m.result->outcome == ProbeOutcome::BadBanner), greeting);
    }
    Machine m(ProbeKind::Smtp);
    m.time(2);
    m.connected(1, 2);
    for (int i = 0; i < 1000 && !m.result; ++i) {
        m.bytes(1, "220-more\r\n", 2);
    }
    BOOST_TEST((m.result->outcome == ProbeOutcome::BadBanner));
}

BOOST_AUTO_TEST_CASE(an_agent_that_closes_has_said_what_it_says) {
    Machine m(ProbeKind::Agent);
    m.time(2);
    m.connected(1, 2);
    BOOST_TEST(m.actions.empty());
    m.bytes(1, "up 50%", 2.1);
    BOOST_TEST(!m.result.has_value());
    m.closed(1, CloseCause::EndOfStream, 2.1);
    BOOST_TEST((m.result->outcome == ProbeOutcome::Reply));
    BOOST_TEST(m.result->weight.value() == 0.5);
    BOOST_TEST(m.actions.empty());
    BOOST_TEST(m.machine.next_time_s() == 7.0);
}

BOOST_AUTO_TEST_CASE(an_agent_that_is_away_says_nothing_of_its_server) {
    for (const CloseCause cause : {CloseCause::Reset, CloseCause::EndOfStream}) {
        Machine m(ProbeKind::Agent);
        m.time(2);
        m.closed(1, cause, 2.1);
        BOOST_TEST((m.result->outcome == ProbeOutcome::Silent));
    }
    Machine m(ProbeKind::Agent);
    m.time(2);
    m.connected(1, 2);
    m.time(3);
    BOOST_TEST((m.result->outcome == ProbeOutcome::Silent));
    m.settle(true, 3);
    BOOST_TEST(m.actions.empty());  // not repeated
}

BOOST_AUTO_TEST_CASE(http_is_asked_again_over_a_connection_that_its_server_keeps) {
    const std::string_view kept =
        "HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: keep-alive\r\n\r\n{\"load\":0.5}";
    Machine m(ProbeKind::Http);
    m.time(2);
    m.connected(1, 2);
    BOOST_TEST(m.did(0, Kind::Send, 1));
    BOOST_TEST(m.actions[0].bytes.starts_with("GET / HTTP/1.0\r\n"));
    m.bytes(1, kept, 2.1);
    BOOST_TEST((m.result->outcome == ProbeOutcome::Reply));
    BOOST_TEST(m.result->gauge.value() == 0.5);
    BOOST_TEST(m.actions.empty());
    m.time(7);
    BOOST_TEST(m.did(0, Kind::Send, 1));
    m.bytes(1, "HTTP/1.1 200 OK\r\n\r\n", 7.1);
    BOOST_TEST(!m.result.has_value());
    m.closed(1, CloseCause::EndOfStream, 7.1);  // that is the end of a body of no stated length,
    BOOST_TEST(m.did(0, Kind::Connect, 2));     // but on a kept connection it may be an idle limit
    m.connected(2, 7.2);
    m.bytes(2, "HTTP/1.0 200 OK\r\n\r\n{}", 7.2);
    m.closed(2, CloseCause::EndOfStream, 7.2);
    BOOST_TEST((m.result->outcome == ProbeOutcome::Reply));
    BOOST_TEST(!m.result->gauge.has_value());
    m.closed(2, CloseCause::EndOfStream, 7.3);
    BOOST_TEST(m.machine.next_time_s() == 12.0, "nothing was kept");
}

BOOST_AUTO_TEST_CASE(a_deadline_that_is_seen_late_is_no_verdict) {
    Machine m;
    m.time(2);
    m.connected(1, 2.1);
    m.time(3.6);  // 0.6 s late: this process stood still
    BOOST_TEST(!m.result.has_value());
    BOOST_TEST(m.machine.stalls() == 1U);
    BOOST_TEST(m.machine.next_time_s() == 4.6);
    m.bytes(1, kGreeting, 3.6);
    m.bytes(1, kReport, 3.6);
    BOOST_TEST((m.result->outcome == ProbeOutcome::Reply));
    m.time(7);
    m.time(8.2);
    BOOST_TEST((m.result->outcome == ProbeOutcome::Lost));
}

BOOST_AUTO_TEST_CASE(a_fault_of_this_machine_is_no_verdict) {
    Machine m;
    m.time(2);
    m.closed(1, CloseCause::OwnFault, 2);
    BOOST_TEST(!m.result.has_value());
    BOOST_TEST(m.machine.next_time_s() == 7.0);
    m.time(7);
    BOOST_TEST(m.did(0, Kind::Connect, 2));
}

BOOST_AUTO_TEST_CASE(jitter_is_bounded_never_adds_up_and_differs) {
    const auto begins_of = [](std::uint64_t seed) {
        ProbeTiming timing;
        timing.jitter = 0.2;
        timing.seed = seed;
        ProbeMachine machine(ServerId{42}, DialogueConfig{}, timing, 2);
        std::vector<double> begins;
        for (int i = 0; i < 200; ++i) {
            const double now_s = machine.next_time_s();
            begins.push_back(now_s);
            machine.on_time(now_s);
            const auto connection = machine.take_actions().at(0).connection;
            machine.on_closed(connection, CloseCause::Reset, now_s + 0.01);
            (void)machine.take_result();
            machine.settle(true, now_s + 0.01);
        }
        return begins;
    };
    const std::vector<double> begins = begins_of(1);
    double least = 1e9;
    double most = 0;
    for (std::size_t i = 0; i < begins.size(); ++i) {
        const double late = begins[i] - (2 + 5.0 * static_cast<double>(i));
        BOOST_TEST_REQUIRE(late >= 0);
        BOOST_TEST_REQUIRE(late < 1.0);
        least = i == 0 ? least : std::min(least, late);
        most = std::max(most, late);
    }
    BOOST_TEST(least < 0.05);
    BOOST_TEST(most > 0.95);
    BOOST_TEST((begins_of(1) == begins));
    BOOST_TEST((begins_of(2) != begins));
}

BOOST_AUTO_TEST_CASE(phase_can_be_moved) {
    Machine m;
    m.first_report();
    m.machine.set_first(3.5);
    m.time(7);
    m.bytes(1, kReport, 7.1);
    BOOST_TEST(m.machine.next_time_s() == 8.5);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
