#include "dns/explain/explain_request.h"

#include <boost/test/unit_test.hpp>

#include "dns/name.h"

using dns::explain::ExplainRequest;
using dns::explain::Format;

namespace {

dns::WireName wire(const std::string& text) {
    dns::WireName name;
    BOOST_REQUIRE(dns::read_name(dns::Name::from_text(text).take_value().wire(), name));
    return name;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(explain_request)

BOOST_AUTO_TEST_CASE(lines_are_read) {
    auto request = dns::explain::parse_request("text explain mail.test").take_value();
    BOOST_TEST((request.format == Format::Text));
    BOOST_TEST(request.domain == "mail.test");
    BOOST_TEST(!request.source);
    request = dns::explain::parse_request("json  explain mail.test 2001:db8::1").take_value();
    BOOST_TEST((request.format == Format::Json));
    BOOST_TEST(request.source.value().to_text() == "2001:db8::1");
    BOOST_TEST(dns::explain::parse_request("json steering").take_value().domain.empty());
}

BOOST_AUTO_TEST_CASE(other_lines_are_refused) {
    for (const std::string& line : {std::string(),
                                    std::string("explain mail.test"),
                                    std::string("text explain"),
                                    std::string("text explain a b"),
                                    std::string("text explain a 192.0.2.1 c"),
                                    std::string("text steering mail.test"),
                                    std::string("yaml steering"),
                                    "text explain " + std::string(600, 'a')}) {
        BOOST_TEST(!dns::explain::parse_request(line), line);
    }
}

BOOST_AUTO_TEST_CASE(names_and_requests_come_to_the_same) {
    for (const auto& [format, domain, source, name] :
         {std::tuple(Format::Text, "mail.test", "", "explain.mail.test"),
          std::tuple(Format::Json, "mail.test", "", "explain-json.mail.test"),
          std::tuple(Format::Text, "mail.test", "192.0.2.7", "s-c0000207.explain.mail.test"),
          std::tuple(Format::Json,
                     "a.b",
                     "2001:db8::1",
                     "s-20010db8000000000000000000000001.explain-json.a.b"),
          std::tuple(Format::Text, "", "", "steering"),
          std::tuple(Format::Json, "", "", "steering-json")}) {
        ExplainRequest request{format, domain, {}};
        if (*source != '\0') {
            request.source = base::IpAddress::parse(source).take_value();
        }
        BOOST_TEST(dns::explain::name_of(request).take_value() == name);
        BOOST_TEST(dns::explain::is_explain_name(wire(name)), name);
        const auto back = dns::explain::request_of(wire(name));
        BOOST_REQUIRE(back);
        BOOST_TEST((back->format == format));
        BOOST_TEST(back->domain == domain);
        BOOST_TEST((back->source == request.source));
    }
}

BOOST_AUTO_TEST_CASE(other_names_ask_for_nothing) {
    for (const char* name : {".",
                             "explain",
                             "explain-json",
                             "mail.test",
                             "explainx.mail.test",
                             "steering.mail.test",
                             "s-c0000207.explain",
                             "s-c0000207.steering",
                             "s-c0000207"}) {
        BOOST_TEST(!dns::explain::is_explain_name(wire(name)), name);
        BOOST_TEST(!dns::explain::request_of(wire(name)), name);
    }
    for (const char* name : {"s-.explain.a", "s-c00002.explain.a", "s-c000020g.explain.a"}) {
        BOOST_TEST(!dns::explain::request_of(wire(name)), name);
    }
    BOOST_TEST(!dns::explain::name_of({Format::Text, "a..b", {}}));
}

BOOST_AUTO_TEST_SUITE_END()
