#include "dns/siphash.h"

#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/hash.h"

namespace {

struct Vector {
    std::size_t length;
    const char* narrow;
    const char* wide;
};

// Key 00 01 .. 0f, input 00 01 .. length-1: the vectors of the reference description.
constexpr Vector kVectors[] = {
    {0, "310e0edd47db6f72", "a3817f04ba25a8e66df67214c7550293"},
    {1, "fd67dc93c539f874", "da87c1d86b99af44347659119b22fc45"},
    {2, "5a4fa9d909806c0d", "8177228da4a45dc7fca38bdef60affe4"},
    {7, "37d1018bf50002ab", "a1f1ebbed8dbc153c0b84aa61ff08239"},
    {8, "6224939a79f5f593", "3b62a9ba6258f5610f83e264f31497b4"},
    {15, "e545be4961ca29a1", "5493e99933b0a8117e08ec0f97cfc3d9"},
    {16, "db9bc2577fcc2a3f", "6ee2a4ca67b054bbfd3315bf85230577"},
    {63, "724506eb4c328a95", "5150d1772f50834a503e069a973fbd7c"},
};

std::vector<std::byte> counting(std::size_t length) {
    std::vector<std::byte> bytes(length);
    for (std::size_t i = 0; i < length; ++i) {
        bytes[i] = static_cast<std::byte>(i);
    }
    return bytes;
}

dns::SipKey reference_key() {
    std::array<std::byte, 16> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<std::byte>(i);
    }
    return dns::sip_key(bytes);
}

void append_word(std::vector<std::byte>& out, std::uint64_t word) {
    for (int i = 0; i < 8; ++i) {
        out.push_back(static_cast<std::byte>(word >> (8 * i)));
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(siphash)

BOOST_AUTO_TEST_CASE(gives_the_reference_vectors) {
    for (const Vector& vector : kVectors) {
        const auto input = counting(vector.length);
        std::vector<std::byte> narrow;
        append_word(narrow, dns::siphash_2_4(reference_key(), input));
        BOOST_TEST(base::to_hex(narrow) == vector.narrow);
        const dns::SipWords words = dns::siphash_2_4_128(reference_key(), input);
        std::vector<std::byte> wide;
        append_word(wide, words.x);
        append_word(wide, words.y);
        BOOST_TEST(base::to_hex(wide) == vector.wide);
    }
}

BOOST_AUTO_TEST_CASE(depends_on_the_key) {
    const auto input = counting(9);
    dns::SipKey other = reference_key();
    other.k1 ^= 1;
    BOOST_TEST(dns::siphash_2_4_128(other, input).x !=
               dns::siphash_2_4_128(reference_key(), input).x);
}

BOOST_AUTO_TEST_SUITE_END()
