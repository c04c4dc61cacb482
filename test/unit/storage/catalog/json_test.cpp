#include "storage/catalog/json.h"

#include <boost/test/unit_test.hpp>

using storage::JsonText;

BOOST_AUTO_TEST_SUITE(storage_json)

BOOST_AUTO_TEST_CASE(commas_come_by_themselves) {
    JsonText json;
    json.begin_array();
    json.begin_object();
    json.field("a", "x");
    json.field("b", std::uint64_t{18'446'744'073'709'551'615U});
    json.key("c");
    json.begin_array();
    json.end_array();
    json.key("d");
    json.begin_array();
    json.value(std::uint64_t{1});
    json.value("y");
    json.end_array();
    json.end_object();
    json.begin_object();
    json.end_object();
    json.end_array();
    BOOST_TEST(json.text() == R"([{"a":"x","b":18446744073709551615,"c":[],"d":[1,"y"]},{}])");
}

BOOST_AUTO_TEST_CASE(text_stays_text) {
    JsonText json;
    json.value(std::string_view("\"\\/\b\n\x1f\0{},[]\xc3\xa9", 14));
    BOOST_TEST(json.text() == "\"\\\"\\\\/\\u0008\\u000a\\u001f {},[]\xc3\xa9\"");
}

BOOST_AUTO_TEST_SUITE_END()
