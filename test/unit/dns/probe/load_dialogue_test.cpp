#include "dns/probe/load_dialogue.h"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(load_dialogue)

using namespace dns::probe;

// Its lines, limits and greeting are in probe_machine_test.cpp; here what outranks what.
BOOST_AUTO_TEST_CASE(a_report_that_is_unfit_outranks_its_figures) {
    LoadDialogue dialogue("mx1");
    std::string said = dialogue.start(true);
    BOOST_TEST(said.empty());
    BOOST_TEST(!dialogue.on_bytes("roundtable-load 1 name=mx1 start=7\r\n", said).has_value());
    BOOST_TEST(said == "LOAD\r\n");
    const auto idle = dialogue.on_bytes(
        "start=7 busy_us=0 arrivals=0 refused=0 accepted=0 fit=0 reason=stores-short\r\n", said);
    BOOST_REQUIRE(idle.has_value());
    BOOST_TEST((idle->outcome == ProbeOutcome::Unfit));
    BOOST_TEST(idle->reason == "stores-short");
    BOOST_TEST(idle->counters.has_value());
    BOOST_TEST(dialogue.start(false) == "LOAD\r\n");
}

BOOST_AUTO_TEST_SUITE_END()
