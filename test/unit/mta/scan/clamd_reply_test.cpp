#include "mta/scan/clamd_reply.h"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace {

using Kind = mta::ClamdReply::Kind;

struct Case {
    std::string reply;
    Kind kind;
    std::string text;
};

const std::vector<Case> kKnown = {
    {"PONG", Kind::Pong, ""},
    {"stream: OK", Kind::Clean, ""},
    {"stream: Our.Test.EICAR.UNOFFICIAL FOUND", Kind::Infected, "Our.Test.EICAR.UNOFFICIAL"},
    {"stream: Win.Test(aa:bb) FOUND", Kind::Infected, "Win.Test(aa:bb)"},
    {"stream: a b\r\nX: <y> FOUND", Kind::Infected, "a_b__X:__y_"},
    {"stream: FOUND FOUND", Kind::Infected, "FOUND"},
    {"stream: Heuristics.Limits.Exceeded FOUND", Kind::NotAll, "Heuristics.Limits.Exceeded"},
    {"stream: Heuristics.Limits.Exceeded.MaxScanTime FOUND",
     Kind::NotAll,
     "Heuristics.Limits.Exceeded.MaxScanTime"},
    {"stream: Heuristics.Limits.ExceededNot FOUND",
     Kind::Infected,
     "Heuristics.Limits.ExceededNot"},
    {"INSTREAM size limit exceeded. ERROR", Kind::TooLarge, "INSTREAM size limit exceeded."},
    {"stream: Can't allocate memory ERROR", Kind::Failed, "stream: Can't allocate memory"},
    {"UNKNOWN COMMAND\n ERROR", Kind::Failed, "UNKNOWN COMMAND?"},
};

}  // namespace

BOOST_AUTO_TEST_SUITE(clamd_reply)

BOOST_AUTO_TEST_CASE(takes_what_clamd_says) {
    for (const Case& each : kKnown) {
        const auto reply = mta::parse_clamd_reply(each.reply);
        BOOST_REQUIRE_MESSAGE(reply, each.reply);
        BOOST_TEST((reply.value().kind == each.kind), each.reply);
        BOOST_TEST(reply.value().text == each.text);
    }
}

BOOST_AUTO_TEST_CASE(nothing_else_is_a_verdict) {
    for (const std::string reply : {"",
                                    "OK",
                                    "stream: ",
                                    "stream: OK ",
                                    "stream: ok",
                                    "stream:OK",
                                    "stream: FOUND",
                                    "stream:  FOUND x",
                                    "PONG ",
                                    "HTTP/1.1 200 OK",
                                    "stream: OK\nstream: OK"}) {
        BOOST_TEST(!mta::parse_clamd_reply(reply), reply);
    }
    // No part of a verdict is one.
    const std::string found = "stream: Name FOUND";
    for (std::size_t size = 0; size < found.size(); ++size) {
        BOOST_TEST(!mta::parse_clamd_reply(found.substr(0, size)), size);
    }
    BOOST_TEST(!mta::parse_clamd_reply("stream: " + std::string(3000, 'x') + " FOUND"));
}

BOOST_AUTO_TEST_CASE(an_error_quotes_no_control_characters) {
    const auto reply = mta::parse_clamd_reply("\x1b[2Jstream");
    BOOST_REQUIRE(!reply);
    BOOST_TEST(reply.error().detail == "not a reply of clamd: '?[2Jstream'");
}

BOOST_AUTO_TEST_CASE(names_are_sanitised_and_cut) {
    BOOST_TEST(mta::sanitised_signature("") == "unnamed");
    BOOST_TEST(mta::sanitised_signature("Eicar-Test_1.2") == "Eicar-Test_1.2");
    BOOST_TEST(mta::sanitised_signature("\xc3\xa4\0") == "__");
    BOOST_TEST(mta::sanitised_signature(std::string(500, 'x')).size() == mta::kSignatureMax);
}

BOOST_AUTO_TEST_CASE(versions) {
    BOOST_TEST(mta::parse_clamd_version("ClamAV 1.4.6/27000/Mon\n").value() ==
               "ClamAV 1.4.6/27000/Mon?");
    BOOST_TEST(!mta::parse_clamd_version("PONG"));
    BOOST_TEST(mta::parse_clamd_version("ClamAV " + std::string(500, '1')).value().size() == 100U);
}

BOOST_AUTO_TEST_SUITE_END()
