#include "dns/explain/probe_log.h"

#include <boost/test/unit_test.hpp>

using dns::probe::ProbeOutcome;
using dns::probe::ProbeResult;
using dns::steering::ServerId;

BOOST_AUTO_TEST_SUITE(probe_log)

BOOST_AUTO_TEST_CASE(keeps_the_last_probe_and_since_when_it_stands_so) {
    dns::explain::ProbeLog log;
    BOOST_TEST(log.find(ServerId{1}) == nullptr);
    ProbeResult result;
    result.server = ServerId{1};
    result.outcome = ProbeOutcome::Reply;
    log.note(result, true, 10);
    BOOST_TEST(!log.find(ServerId{1})->changed, "it was found so");
    result.outcome = ProbeOutcome::Refused;
    result.reason = std::string(1000, 'x');
    log.note(result, false, 15);
    log.note(result, false, 20);
    const auto& note = *log.find(ServerId{1});
    BOOST_TEST(note.changed);
    BOOST_TEST(!note.up);
    BOOST_TEST(note.since_s == 15);
    BOOST_TEST(note.time_s == 20);
    BOOST_TEST(note.reason.size() == dns::explain::kReasonMax);
    BOOST_TEST(dns::explain::outcome_word(note.outcome) == "refused");
}

BOOST_AUTO_TEST_CASE(a_server_found_down_is_down_since_then) {
    dns::explain::ProbeLog log;
    ProbeResult result;
    result.server = ServerId{1};
    log.note(result, false, 7);
    BOOST_TEST(log.find(ServerId{1})->since_s == 7);
    BOOST_TEST(log.find(ServerId{1})->changed);
}

BOOST_AUTO_TEST_CASE(forgets_who_is_not_probed_any_more) {
    dns::explain::ProbeLog log;
    for (const std::uint64_t id : {1U, 2U}) {
        ProbeResult result;
        result.server = ServerId{id};
        log.note(result, true, 1);
    }
    log.keep([](ServerId server) { return server.value == 2; });
    BOOST_TEST(log.find(ServerId{1}) == nullptr);
    BOOST_TEST(log.find(ServerId{2}) != nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
