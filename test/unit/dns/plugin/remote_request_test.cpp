#include "dns/plugin/remote_request.h"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

using dns::plugin::RemoteRequest;

BOOST_AUTO_TEST_SUITE(dns_plugin_remote_request)

// What pdns_server 4.7.3 sends.
BOOST_AUTO_TEST_CASE(reads_a_lookup) {
    const auto request = RemoteRequest::parse(
        R"({"method": "lookup", "parameters": {"local": "127.0.0.1", "qname": "mail.test.", )"
        R"("qtype": "ANY", "real-remote": "192.0.2.7/32", "remote": "192.0.2.7", "zone-id": 7}})");
    BOOST_REQUIRE(request);
    BOOST_TEST(request.value().method() == "lookup");
    BOOST_TEST(request.value().text("qname").value() == "mail.test.");
    BOOST_TEST(request.value().text("real-remote").value() == "192.0.2.7/32");
    BOOST_TEST(request.value().number("zone-id").value() == 7);
    BOOST_TEST(!request.value().text("zone-id"));
    BOOST_TEST(!request.value().number("qname"));
    BOOST_TEST(!request.value().text("missing"));
}

BOOST_AUTO_TEST_CASE(reads_numbers_as_they_may_come) {
    const auto request = RemoteRequest::parse(
        R"({"parameters":{"a":-1,"b":4000000000,"c":2026112601.0,"d":"12","e":1.5,"f":true,)"
        R"("g":1e300,"h":18446744073709551615,"i":"","j":"1x"},"method":"x"})");
    BOOST_REQUIRE(request);
    BOOST_TEST(request.value().number("a").value() == -1);
    BOOST_TEST(request.value().number("b").value() == 4000000000);
    BOOST_TEST(request.value().number("c").value() == 2026112601);
    BOOST_TEST(request.value().number("d").value() == 12);
    BOOST_TEST(request.value().number("f").value() == 1);
    for (const char* const name : {"e", "g", "h", "i", "j"}) {
        BOOST_TEST(!request.value().number(name), name);
    }
}

BOOST_AUTO_TEST_CASE(keeps_only_what_is_right_below_the_parameters) {
    const auto request = RemoteRequest::parse(
        R"({"method":"feedRecord","qname":"above.","parameters":{"rr":{"qname":"deep."},)"
        R"("list":["x",1,{"qname":"deeper."}],"name":"kept."},"after":{"name":"no."}})");
    BOOST_REQUIRE(request);
    BOOST_TEST(!request.value().text("qname"));
    BOOST_TEST(!request.value().text("rr"));
    BOOST_TEST(!request.value().text("list"));
    BOOST_TEST(request.value().text("name").value() == "kept.");
}

BOOST_AUTO_TEST_CASE(refuses_what_is_no_call) {
    std::string wide = R"({"method":"x","parameters":{)";
    for (int i = 0; i < 65; ++i) {
        wide += "\"p" + std::to_string(i) + "\":" + (i % 2 == 0 ? "1" : "\"t\"") + ",";
    }
    wide += R"("z":{}}})";
    const std::string deep =
        R"({"method":"x","parameters":)" + std::string(40, '[') + std::string(40, ']') + "}";
    const std::vector<std::string> lines = {"",
                                            "{",
                                            "[]",
                                            "7",
                                            "null",
                                            "\"lookup\"",
                                            "{}",
                                            R"({"method":7})",
                                            R"({"method":"x"} trailing)",
                                            R"([{"method":"x"}])",
                                            "{\"method\":\"\xff\"}",
                                            wide,
                                            deep};
    for (const std::string& line : lines) {
        const auto request = RemoteRequest::parse(line);
        BOOST_REQUIRE_MESSAGE(!request, line);
        BOOST_TEST((request.error().code == base::Errc::Invalid));
    }
}

BOOST_AUTO_TEST_SUITE_END()
