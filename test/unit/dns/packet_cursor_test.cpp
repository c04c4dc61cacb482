#include "dns/packet_cursor.h"

#include <boost/test/unit_test.hpp>

#include "base/hash.h"

namespace {

BOOST_AUTO_TEST_SUITE(packet_cursor)

BOOST_AUTO_TEST_CASE(reads_numbers_and_stops_at_the_end) {
    const std::string_view octets("\1\2\3\4\5\6\7", 7);
    dns::PacketCursor cursor(base::as_bytes(octets));
    BOOST_TEST(cursor.take_u48() == 0x010203040506U);
    BOOST_TEST(!cursor.failed());
    BOOST_TEST(cursor.take_u16() == 0U);
    BOOST_TEST(cursor.failed());
    BOOST_TEST(cursor.left() == 0U);
    BOOST_TEST(dns::PacketCursor(base::as_bytes(octets), 8).failed());
}

BOOST_AUTO_TEST_CASE(skips_names_with_a_pointer_and_refuses_broken_ones) {
    const auto skipped = [](std::string_view octets) {
        dns::PacketCursor cursor(base::as_bytes(octets));
        cursor.skip_name();
        return cursor.failed() ? std::size_t{0} : cursor.at();
    };
    BOOST_TEST(skipped(std::string_view("\1a\0x", 4)) == 3U);
    BOOST_TEST(skipped(std::string_view("\1a\xc0\x0c"
                                        "x",
                                        5)) == 4U);
    BOOST_TEST(skipped(std::string_view("\1a\xc0", 3)) == 0U);
    BOOST_TEST(skipped(std::string_view("\1a", 2)) == 0U);
    BOOST_TEST(skipped(std::string_view("\x41"
                                        "a",
                                        2)) == 0U);
    BOOST_TEST(skipped("") == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
