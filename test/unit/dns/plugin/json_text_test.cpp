#include "dns/plugin/json_text.h"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(dns_plugin_json_text)

BOOST_AUTO_TEST_CASE(escapes_what_must_not_stand_in_a_text) {
    std::string out;
    dns::plugin::append_json(out, std::string_view("a\"b\\c\n\0\x7f\xfe d", 11));
    BOOST_TEST(out == R"("a\"b\\c\u000a\u0000\u007f\u00fe d")");
}

BOOST_AUTO_TEST_CASE(writes_keys_and_numbers) {
    std::string out;
    dns::plugin::append_json_key(out, "ttl");
    dns::plugin::append_json(out, std::int64_t{4294967295});
    BOOST_TEST(out == R"("ttl":4294967295)");
}

BOOST_AUTO_TEST_SUITE_END()
