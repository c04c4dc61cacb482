#include "dns/edns.h"

#include <array>
#include <random>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/hash.h"

using dns::EdnsCode;
using dns::EdnsOptions;

namespace {

std::string option(unsigned code, std::string_view data) {
    std::string text = {'\0', static_cast<char>(code), '\0', static_cast<char>(data.size())};
    return text.append(data);
}

bool read(std::string_view options, EdnsOptions& found) {
    // A copy of the exact size, so that a sanitizer sees a read past the end.
    const std::vector<char> exact(options.begin(), options.end());
    return dns::read_edns_options(
        base::as_bytes(std::string_view(exact.data(), exact.size())), 100, found);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_edns)

BOOST_AUTO_TEST_CASE(finds_what_it_knows_among_what_it_does_not) {
    EdnsOptions found;
    BOOST_TEST(read(option(3, "") + option(200, "what") + option(12, std::string(30, '\0')) +
                        option(11, "") + option(10, "clientcl"),
                    found));
    BOOST_TEST(found.nsid);
    BOOST_TEST(found.keepalive);
    BOOST_TEST(found.cookie_size == 8U);
    BOOST_TEST(found.cookie_at == 100U + 4 + 8 + 34 + 4 + 4);
    BOOST_TEST(read("", found));
    BOOST_TEST(!found.nsid);
    BOOST_TEST(!found.keepalive);
    BOOST_TEST(found.cookie_size == 0U);
}

BOOST_AUTO_TEST_CASE(a_cookie_has_a_size_that_a_cookie_may_have) {
    // RFC 7873 4 and 5.2.2.
    for (std::size_t size = 0; size <= 60; ++size) {
        EdnsOptions found;
        const bool good = size == 8 || (size >= 16 && size <= 40);
        BOOST_TEST(read(option(10, std::string(size, 'c')), found) == good, "size " << size);
    }
}

BOOST_AUTO_TEST_CASE(the_first_cookie_counts) {
    EdnsOptions found;
    BOOST_TEST(read(option(10, "12345678") + option(10, "short"), found));
    BOOST_TEST(found.cookie_at == 104U);
    BOOST_TEST(found.cookie_size == 8U);
}

BOOST_AUTO_TEST_CASE(options_fill_the_opt) {
    const std::string whole = option(3, "") + option(10, "12345678");
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        EdnsOptions found;
        const bool good = size == 0 || size == 4 || size == whole.size();
        BOOST_TEST(read(whole.substr(0, size), found) == good, "size " << size);
    }
}

BOOST_AUTO_TEST_CASE(what_it_finds_is_inside_whatever_comes) {
    const unsigned seed = 20261126;
    BOOST_TEST_MESSAGE("seed " << seed);
    std::mt19937 random(seed);
    for (int round = 0; round < 20000; ++round) {
        std::string bytes = option(10, "12345678") + option(3, "") + option(11, "ab");
        for (int change = 0; change < 3; ++change) {
            bytes[random() % bytes.size()] = static_cast<char>(random() % 16);
        }
        bytes.resize(random() % (bytes.size() + 1));
        EdnsOptions found;
        if (read(bytes, found) && found.cookie_size != 0) {
            BOOST_REQUIRE(found.cookie_at >= 104U);
            BOOST_REQUIRE(found.cookie_at - 100U + found.cookie_size <= bytes.size());
        }
    }
}

BOOST_AUTO_TEST_CASE(writes_no_more_than_fits) {
    std::array<std::byte, 14> room{};
    dns::EdnsWriter writer(room);
    BOOST_TEST(writer.add(EdnsCode::Keepalive, 600));
    BOOST_TEST(!writer.add(EdnsCode::Nsid, base::as_bytes("12345")));
    BOOST_TEST(writer.size() == 6U);
    BOOST_TEST(writer.add(EdnsCode::Nsid, base::as_bytes("1234")));
    BOOST_TEST(!writer.add(EdnsCode::Nsid, base::as_bytes("")));
    const std::string_view expected(
        "\0\x0b\0\2\2\x58\0\3\0\4"
        "1234",
        14);
    BOOST_TEST(base::as_text(room) == expected);
}

BOOST_AUTO_TEST_SUITE_END()
