#include "dns/control/answer_metrics.h"

#include <sstream>

#include <boost/test/unit_test.hpp>

namespace {

// The value of one series of the process; -1: there is none.
double series(const std::string& name) {
    std::istringstream text(base::metrics_text());
    for (std::string line; std::getline(text, line);) {
        if (line.starts_with(name + " ")) {
            return std::stod(line.substr(name.size() + 1));
        }
    }
    return -1;
}

// How much a series rose since it was made.
class Rise {
  public:
    explicit Rise(std::string name) : name_(std::move(name)), start_(series(name_)) {
        BOOST_REQUIRE_MESSAGE(start_ >= 0, "no series " + name_);
    }

    [[nodiscard]] double value() const { return series(name_) - start_; }

  private:
    std::string name_;
    double start_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(answer_metrics)

BOOST_AUTO_TEST_CASE(takes_each_count_once_over_all_threads) {
    dns::AnswerMetrics metrics;
    const Rise steered("roundtable_dns_answers_total{kind=\"steered\"}");
    const Rise truncated("roundtable_dns_truncated_total");
    dns::AnswerCounters first;
    dns::AnswerCounters second;
    first.answers[static_cast<std::size_t>(dns::AnswerKind::Steered)].add(3);
    first.truncated.add();
    const dns::AnswerCounters* one[] = {&first};
    metrics.take_answers(one);
    metrics.take_answers(one);
    BOOST_TEST(steered.value() == 3);
    second.answers[static_cast<std::size_t>(dns::AnswerKind::Steered)].add(2);
    first.answers[static_cast<std::size_t>(dns::AnswerKind::Steered)].add();
    const dns::AnswerCounters* both[] = {&first, &second};
    metrics.take_answers(both);
    BOOST_TEST(steered.value() == 6);
    BOOST_TEST(truncated.value() == 1);
}

BOOST_AUTO_TEST_CASE(every_kind_and_outcome_has_a_series) {
    const dns::AnswerMetrics metrics;
    for (std::size_t i = 0; i < dns::kAnswerKinds; ++i) {
        const std::string kind(dns::answer_kind_name(static_cast<dns::AnswerKind>(i)));
        BOOST_TEST(series("roundtable_dns_answers_total{kind=\"" + kind + "\"}") >= 0);
    }
    for (std::size_t i = 0; i < dns::kQueryOutcomes; ++i) {
        const std::string name(dns::outcome_name(static_cast<dns::QueryOutcome>(i)));
        BOOST_TEST(series("roundtable_dns_queries_total{outcome=\"" + name + "\"}") >= 0);
    }
}

BOOST_AUTO_TEST_CASE(takes_the_internal_view_s_verdicts) {
    dns::AnswerMetrics metrics;
    const auto name = [](const std::string& verdict) {
        return "roundtable_dns_verifications_total{verdict=\"" + verdict + "\"}";
    };
    const Rise found(name("found"));
    const Rise unknown(name("unknown"));
    const Rise unsure(name("unsure"));
    const Rise refused_name(name("refused_name"));
    const Rise refused_client(name("refused_client"));
    dns::InternalCounters counters;
    counters.found.add(1);
    counters.unknown.add(2);
    counters.unsure.add(3);
    counters.refused_name.add(4);
    counters.refused_acl.add(5);
    metrics.take_internal(counters);
    BOOST_TEST(found.value() == 1);
    BOOST_TEST(unknown.value() == 2);
    BOOST_TEST(unsure.value() == 3);
    BOOST_TEST(refused_name.value() == 4);
    BOOST_TEST(refused_client.value() == 5);
}

BOOST_AUTO_TEST_CASE(takes_what_guards_the_answers) {
    dns::AnswerMetrics metrics;
    const Rise valid("roundtable_dns_cookies_total{verdict=\"valid\"}");
    const Rise bad("roundtable_dns_cookies_total{verdict=\"bad\"}");
    const Rise dropped("roundtable_dns_rate_limited_total{action=\"dropped\"}");
    const Rise badcookie("roundtable_dns_rate_limited_total{action=\"badcookie\"}");
    const Rise replaced("roundtable_dns_tcp_connections_total{outcome=\"replaced\"}");
    const Rise large("roundtable_dns_tcp_connections_total{outcome=\"refused_large\"}");
    dns::GuardCounters first;
    dns::GuardCounters second;
    first.cookies[static_cast<std::size_t>(dns::CookieVerdict::Valid)].add(2);
    second.cookies[static_cast<std::size_t>(dns::CookieVerdict::Valid)].add(3);
    second.limited[static_cast<std::size_t>(dns::LimitAction::Dropped)].add(4);
    second.limited[static_cast<std::size_t>(dns::LimitAction::BadCookie)].add(1);
    const dns::GuardCounters* both[] = {&first, &second};
    metrics.take_guards(both);
    metrics.take_guards(both);
    dns::TcpCounters tcp;
    tcp.replaced.add(6);
    tcp.refused_large.add(7);
    metrics.take_tcp(tcp);
    BOOST_TEST(valid.value() == 5);
    BOOST_TEST(bad.value() == 0);
    BOOST_TEST(dropped.value() == 4);
    BOOST_TEST(badcookie.value() == 1);
    BOOST_TEST(replaced.value() == 6);
    BOOST_TEST(large.value() == 7);
}

BOOST_AUTO_TEST_CASE(takes_what_sockets_and_probes_counted) {
    dns::AnswerMetrics metrics;
    const Rise dropped("roundtable_dns_udp_dropped_total{folder=\"dns\",reason=\"source\"}");
    const Rise refused("roundtable_dns_tcp_connections_total{outcome=\"refused_client\"}");
    const Rise sent("roundtable_dns_transfers_total{outcome=\"sent\"}");
    const Rise broken("roundtable_dns_transfers_total{outcome=\"broken\"}");
    const Rise no_place("roundtable_dns_transfers_total{outcome=\"refused\"}");
    const Rise given_up("roundtable_dns_notifies_total{outcome=\"given_up\"}");
    const Rise lost("roundtable_dns_probes_total{pool=\"access\",outcome=\"lost\"}");
    const Rise other("roundtable_dns_probes_total{pool=\"mail\",outcome=\"lost\"}");
    const Rise full("roundtable_dns_udp_deferred_total{outcome=\"full\"}");
    dns::UdpCounters udp;
    udp.dropped_source.add(2);
    udp.deferred_full.add(5);
    const dns::UdpCounters* threads[] = {&udp};
    metrics.take_udp(threads);
    dns::TcpCounters tcp;
    tcp.refused_client.add(3);
    metrics.take_tcp(tcp);
    metrics.take_probes(dns::PoolName::Access, {.replies = 1, .lost = 4});
    dns::StreamCounters streams;
    streams.sent.add(7);
    streams.broken.add(1);
    streams.refused.add(2);
    metrics.take_streams(streams);
    BOOST_TEST(dropped.value() == 2);
    BOOST_TEST(full.value() == 5);
    BOOST_TEST(refused.value() == 3);
    BOOST_TEST(lost.value() == 4);
    BOOST_TEST(sent.value() == 7);
    BOOST_TEST(broken.value() == 1);
    BOOST_TEST(no_place.value() == 2);
    metrics.take_notifies({.sent = 9, .acknowledged = 5, .given_up = 3}, 1);
    metrics.take_notifies({.sent = 9, .acknowledged = 5, .given_up = 4}, 0);
    BOOST_TEST(given_up.value() == 4);
    BOOST_TEST(other.value() == 0);
}

BOOST_AUTO_TEST_CASE(sets_the_gauges) {
    dns::AnswerMetrics metrics;
    dns::AnswerMetrics::set_zones({7, 2, 3, 4096});
    metrics.set_servers_up(3, 1);
    BOOST_TEST(series("roundtable_dns_zones") == 7);
    BOOST_TEST(series("roundtable_dns_zones_refused") == 2);
    BOOST_TEST(series("roundtable_dns_snapshot_bytes") == 4096);
    BOOST_TEST(series("roundtable_dns_servers_up{pool=\"mail\"}") == 3);
    BOOST_TEST(series("roundtable_dns_servers_up{pool=\"access\"}") == 1);
}

BOOST_AUTO_TEST_SUITE_END()
