#include "dns/update/message_name.h"

#include <string_view>

#include <boost/test/unit_test.hpp>

#include "base/hash.h"
#include "dns/limits.h"

using namespace std::string_view_literals;

namespace {

struct Read {
    bool good = false;
    std::string wire;
    std::size_t at = 0;
};

Read read(std::string_view message, std::size_t at, std::size_t end = SIZE_MAX) {
    Read result;
    result.at = at;
    result.good =
        dns::update::read_message_name(base::as_bytes(message), result.at, end, result.wire);
    return result;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_update_message_name)

BOOST_AUTO_TEST_CASE(reads_plain_and_compressed_names_and_moves_behind_them) {
    const auto message = "\3One\4test\0\3two\xc0\x04xx"sv;
    const Read plain = read(message, 0);
    BOOST_TEST(plain.good);
    BOOST_TEST(plain.wire == "\3One\4test\0"sv);
    BOOST_TEST(plain.at == 10U);
    const Read compressed = read(message, 10);
    BOOST_TEST(compressed.good);
    BOOST_TEST(compressed.wire == "\3two\4test\0"sv);
    BOOST_TEST(compressed.at == 16U);
    BOOST_TEST(read("\0"sv, 0).wire == "\0"sv);
}

BOOST_AUTO_TEST_CASE(refuses_what_is_cut_or_leads_nowhere) {
    for (const auto& [message, at] : {std::pair("\3on"sv, 0U),
                                      std::pair("\3one"sv, 0U),
                                      std::pair(""sv, 0U),
                                      std::pair("\0"sv, 1U),
                                      std::pair("\xc0"sv, 0U),
                                      std::pair("\xc0\0"sv, 0U),          // to itself
                                      std::pair("\1a\xc0\0"sv, 0U),       // to its own start
                                      std::pair("\1a\xc0\4\0"sv, 0U),     // forward
                                      std::pair("\0\xc0\3\xc0\1"sv, 3U),  // there and back
                                      std::pair("\x40x\0"sv, 0U),
                                      std::pair("\x80x\0"sv, 0U)}) {
        BOOST_TEST(!read(message, at).good);
    }
}

BOOST_AUTO_TEST_CASE(does_not_read_beyond_the_end_but_by_a_pointer) {
    const auto message = "\4test\0\1a\xc0\0"sv;
    BOOST_TEST(read(message, 6, 10).good);
    BOOST_TEST(!read(message, 6, 9).good);
    BOOST_TEST(!read(message, 6, 8).good);
    BOOST_TEST(!read(message, 0, 5).good);
}

BOOST_AUTO_TEST_CASE(a_name_has_255_octets_at_most_whatever_it_is_made_of) {
    std::string message;
    for (int i = 0; i < 3; ++i) {
        message += "\x3f" + std::string(63, 'a');
    }
    message += "\x3d" + std::string(61, 'b') + '\0';
    BOOST_REQUIRE(message.size() == dns::kNameMax);
    BOOST_TEST(read(message, 0).good);
    message += "\1c\xc0"sv;
    message += '\0';
    BOOST_TEST(!read(message, dns::kNameMax).good);
}

BOOST_AUTO_TEST_SUITE_END()
