#include "mail/codec.h"

#include <limits>

#include <boost/test/unit_test.hpp>

using base::Errc;
using mail::ByteReader;
using mail::ByteWriter;

namespace {

std::string written(std::uint64_t number) {
    ByteWriter out;
    out.number(number);
    return std::move(out).take();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(codec)

BOOST_AUTO_TEST_CASE(numbers_are_leb128) {
    BOOST_TEST(written(0) == std::string(1, '\0'));
    BOOST_TEST(written(127) == "\x7f");
    BOOST_TEST(written(128) == "\x80\x01");
    BOOST_TEST(written(300) == "\xac\x02");
    BOOST_TEST(written(~0ULL) == "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
}

BOOST_AUTO_TEST_CASE(everything_reads_back) {
    constexpr std::int64_t kLow = std::numeric_limits<std::int64_t>::min();
    ByteWriter out;
    out.octet(255);
    for (unsigned bit = 0; bit < 64; ++bit) {
        out.number((std::uint64_t{1} << bit) - 1);
        out.number(std::uint64_t{1} << bit);
    }
    for (const std::int64_t value : {std::int64_t{0}, std::int64_t{-1}, kLow, ~kLow}) {
        out.signed_number(value);
    }
    out.string("text");
    const std::string bytes = std::move(out).take();
    ByteReader in(bytes);
    BOOST_TEST(in.octet() == 255);
    for (unsigned bit = 0; bit < 64; ++bit) {
        BOOST_TEST(in.number() == (std::uint64_t{1} << bit) - 1);
        BOOST_TEST(in.number() == std::uint64_t{1} << bit);
    }
    for (const std::int64_t value : {std::int64_t{0}, std::int64_t{-1}, kLow, ~kLow}) {
        BOOST_TEST(in.signed_number() == value);
    }
    BOOST_TEST(in.string(4) == "text");
    BOOST_TEST(bool(in.finish()));
}

BOOST_AUTO_TEST_CASE(refuses_malformed_numbers) {
    const std::string superfluous("\x80\x00", 2);
    const std::string too_wide = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02";
    const std::string endless(20, '\x80');
    for (const std::string& bytes : {superfluous, too_wide, endless, std::string("\x80")}) {
        ByteReader in(bytes);
        BOOST_TEST(in.number() == 0U);
        BOOST_TEST((in.finish().error().code == Errc::Corrupt));
    }
}

BOOST_AUTO_TEST_CASE(refuses_strings_that_are_cut_or_too_long) {
    ByteReader cut("\x05text");
    BOOST_TEST(cut.string(100) == "");
    BOOST_TEST((cut.finish().error().code == Errc::Corrupt));
    ByteReader over("\x04text");
    BOOST_TEST(over.string(3) == "");
    BOOST_TEST((over.finish().error().code == Errc::TooLarge));
}

BOOST_AUTO_TEST_CASE(the_first_error_stays_and_silences_the_rest) {
    ByteReader in("\x04text\x01");
    in.fail(Errc::Unsupported, "first");
    in.fail(Errc::Corrupt, "second");
    BOOST_TEST(in.octet() == 0);
    BOOST_TEST(in.string(100) == "");
    BOOST_TEST((in.finish().error().code == Errc::Unsupported));
}

BOOST_AUTO_TEST_CASE(refuses_octets_that_are_left) {
    ByteReader in("\x01\x02");
    BOOST_TEST(in.octet() == 1);
    BOOST_TEST((in.finish().error().code == Errc::Corrupt));
}

BOOST_AUTO_TEST_SUITE_END()
