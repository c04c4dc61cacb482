#include "dns/probe/http_dialogue.h"

#include <boost/test/unit_test.hpp>

namespace {

using namespace dns::probe;

Verdict hear(const std::string& status, const std::string& body) {
    HttpDialogue dialogue("mx1.example.org:8080", "/load");
    std::string said = dialogue.start(true);
    const auto verdict = dialogue.on_bytes("HTTP/1.1 " + status + "\r\nContent-Length: " +
                                               std::to_string(body.size()) + "\r\n\r\n" + body,
                                           said);
    BOOST_REQUIRE(verdict.has_value());
    return *verdict;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(http_dialogue)

BOOST_AUTO_TEST_CASE(the_request_is_complete_and_of_the_old_version) {
    HttpDialogue dialogue("mx1.example.org:8080", "/load?of=mail");
    BOOST_TEST(dialogue.start(true) ==
               "GET /load?of=mail HTTP/1.0\r\nHost: mx1.example.org:8080\r\n"
               "Accept: application/json\r\nConnection: keep-alive\r\n"
               "User-Agent: roundtable-probe\r\n\r\n");
}

BOOST_AUTO_TEST_CASE(fields_are_read) {
    const Verdict load = read_load_json(R"({"load": 0.25, "fit": true, "more": [1, {}]})");
    BOOST_TEST((load.outcome == ProbeOutcome::Reply));
    BOOST_TEST((load.gauge == 0.25));
    BOOST_TEST(!load.counters.has_value());
    const Verdict counters = read_load_json(
        R"({"start": 7, "busy_us": 10, "arrivals": 4, "refused": 1, "accepted": 3})");
    BOOST_TEST((counters.counters == LoadCounters{7, 10, 4, 1, 3}));
    BOOST_TEST(!counters.gauge.has_value());
    BOOST_TEST((read_load_json(R"({"load": 17})").gauge == 1.0));
    BOOST_TEST((read_load_json(R"({"load": -0.5})").gauge == 0.0));
    BOOST_TEST((read_load_json("{}").outcome == ProbeOutcome::Reply));
}

BOOST_AUTO_TEST_CASE(unfit_outranks_the_load_beside_it) {
    const Verdict broken = read_load_json(R"({"load": 0, "fit": false, "reason": "disk full"})");
    BOOST_TEST((broken.outcome == ProbeOutcome::Unfit));
    BOOST_TEST(broken.reason == "disk full");
    BOOST_TEST((broken.gauge == 0.0));
    BOOST_TEST(read_load_json(R"({"fit": false})").reason == "unfit");
    BOOST_TEST(read_load_json(R"({"fit": false, "reason": "a\nb"})").reason == "a?b");
}

BOOST_AUTO_TEST_CASE(what_is_not_such_an_object_is_bad) {
    for (const char* text :
         {"",
          "x",
          "[]",
          "null",
          "{",
          R"({"fit": 1})",
          R"({"load": "0.5"})",
          R"({"reason": 5})",
          R"({"start": 1})",
          R"({"load": 1} x)",
          R"({"start": 1, "busy_us": -1, "arrivals": 1, "refused": 1, "accepted": 1})",
          R"({"start": 1, "busy_us": 1.5, "arrivals": 1, "refused": 1, "accepted": 1})"}) {
        const Verdict verdict = read_load_json(text);
        BOOST_TEST((verdict.outcome == ProbeOutcome::BadBanner), text);
        BOOST_TEST(!verdict.reason.empty());
    }
    BOOST_TEST((read_load_json(std::string(16000, '[')).outcome == ProbeOutcome::BadBanner));
}

BOOST_AUTO_TEST_CASE(the_status_says_whether_the_server_is_there) {
    BOOST_TEST((hear("200 OK", R"({"load": 0.5})").gauge == 0.5));
    BOOST_TEST((hear("200 OK", "").outcome == ProbeOutcome::Reply));
    BOOST_TEST((hear("200 OK", "fine").outcome == ProbeOutcome::BadBanner));
    const Verdict busy = hear("503 Busy", R"({"load": 0.1, "fit": true})");
    BOOST_TEST((busy.outcome == ProbeOutcome::Unfit));
    BOOST_TEST(busy.reason == "HTTP 503");
    BOOST_TEST(hear("503 Busy", R"({"fit": false, "reason": "no store"})").reason == "no store");
    BOOST_TEST((hear("503 Busy", "<html>").outcome == ProbeOutcome::Unfit));
    BOOST_TEST(hear("404 Not Found", "{}").reason == "HTTP 404");
    BOOST_TEST((hear("301 Moved", "{}").outcome == ProbeOutcome::BadBanner));
    BOOST_TEST(!hear("200 OK", "{}").keep);
}

BOOST_AUTO_TEST_SUITE_END()
