#include "dns/explain/json_writer.h"

#include <limits>

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(json_writer)

BOOST_AUTO_TEST_CASE(writes_nested_values_with_their_commas) {
    dns::explain::JsonWriter out;
    out.begin_object();
    out.text("a", "x\"\\\n\x01\x7f\xc3\xa9");
    out.begin_array("b");
    out.number({}, 1);
    out.begin_object();
    out.end_object();
    out.begin_array();
    out.end_array();
    out.flag({}, true);
    out.end_array();
    out.number("c", 0.25);
    out.number("d", std::numeric_limits<double>::quiet_NaN());
    out.number("e", std::optional<int>());
    out.number("f", std::optional(7));
    out.number("g", std::uint64_t{18446744073709551615U});
    out.flag("h", false);
    out.end_object();
    BOOST_TEST(out.take() ==
               "{\"a\":\"x\\\"\\\\\\u000a\\u0001\\u007f\xc3\xa9\",\"b\":[1,{},[],true],\"c\":0.25,"
               "\"d\":null,\"e\":null,\"f\":7,\"g\":18446744073709551615,\"h\":false}");
}

BOOST_AUTO_TEST_SUITE_END()
