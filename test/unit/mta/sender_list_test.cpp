#include "mta/sender_list.h"

#include <optional>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/hash.h"

namespace {

using mail::SenderKeyType;
using mta::SenderBlockId;
using mta::SenderList;

SenderList::Entry entry(std::int64_t id,
                        SenderKeyType type,
                        std::string text,
                        std::int64_t expires_us = 0) {
    return {SenderBlockId{id}, {type, std::move(text)}, expires_us};
}

std::int64_t find(const SenderList& list, const std::string& address, std::int64_t now_us = 100) {
    const auto found = list.find(mail::parse_mailbox(address).value(), now_us);
    return found ? static_cast<std::int64_t>(*found) : 0;
}

SenderList sample() {
    return SenderList({entry(1, SenderKeyType::Address, "spam@a.example"),
                       entry(2, SenderKeyType::Domain, "b.example"),
                       entry(3, SenderKeyType::Subtree, "c.example"),
                       entry(4, SenderKeyType::Address, "late@d.example", 200),
                       entry(5, SenderKeyType::Subtree, "d.example", 300),
                       entry(6, SenderKeyType::Domain, "[192.0.2.1]")});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sender_list)

BOOST_AUTO_TEST_CASE(addresses_domains_and_subtrees_match_what_they_say) {
    const SenderList list = sample();
    BOOST_TEST(find(list, "spam@a.example") == 1);
    BOOST_TEST(find(list, "SPAM@A.Example") == 1);
    BOOST_TEST(find(list, "ham@a.example") == 0);
    BOOST_TEST(find(list, "x@b.example") == 2);
    BOOST_TEST(find(list, "x@sub.b.example") == 0);
    BOOST_TEST(find(list, "x@c.example") == 3);
    BOOST_TEST(find(list, "x@deep.sub.c.example") == 3);
    BOOST_TEST(find(list, "x@notc.example") == 0);
    BOOST_TEST(find(list, "x@[192.0.2.1]") == 6);
    BOOST_TEST(find(list, "x@example") == 0);
    BOOST_TEST(find(SenderList(), "x@example") == 0);
}

BOOST_AUTO_TEST_CASE(an_expired_entry_lets_the_next_one_decide) {
    const SenderList list = sample();
    BOOST_TEST(find(list, "late@d.example", 199) == 4);
    BOOST_TEST(find(list, "late@d.example", 200) == 5);
    BOOST_TEST(find(list, "late@d.example", 300) == 0);
}

BOOST_AUTO_TEST_CASE(comes_back_from_its_file) {
    const auto back = mta::decode_sender_list(mta::encode_sender_list(sample()));
    BOOST_REQUIRE(back);
    BOOST_TEST(back.value().entries().size() == 6U);
    BOOST_TEST(find(back.value(), "x@sub.c.example") == 3);
    BOOST_TEST(find(back.value(), "late@d.example", 250) == 5);
    BOOST_TEST(bool(mta::decode_sender_list(mta::encode_sender_list(SenderList()))));
}

BOOST_AUTO_TEST_CASE(a_damaged_file_is_refused) {
    const std::string good = mta::encode_sender_list(sample());
    for (std::size_t i = 0; i < good.size(); ++i) {
        std::string bad = good;
        bad[i] = static_cast<char>(bad[i] ^ 0x40);
        BOOST_TEST(!mta::decode_sender_list(bad));
        BOOST_TEST(!mta::decode_sender_list(good.substr(0, i)));
    }
}

BOOST_AUTO_TEST_CASE(nonsense_under_a_right_checksum_is_refused) {
    const std::string good = mta::encode_sender_list(sample());
    const auto patched = [&](std::size_t at, char octet) {
        std::string bad = good.substr(0, good.size() - 4);
        bad[at] = octet;
        const std::uint32_t sum = base::crc32c(base::as_bytes(bad));
        for (unsigned i = 0; i < 4; ++i) {
            bad += static_cast<char>(static_cast<unsigned char>(sum >> (8 * i)));
        }
        return bad;
    };
    BOOST_TEST(bool(mta::decode_sender_list(patched(16, 9))));     // another id
    BOOST_TEST(!mta::decode_sender_list(patched(8, 5)));           // fewer entries than there are
    BOOST_TEST(!mta::decode_sender_list(patched(8, 7)));           // more
    BOOST_TEST(!mta::decode_sender_list(patched(15, 1)));          // very many
    BOOST_TEST(!mta::decode_sender_list(patched(16 + 8, 3)));      // no such type
    BOOST_TEST(!mta::decode_sender_list(patched(16 + 18, 0x7f)));  // a pattern longer than allowed
}

BOOST_AUTO_TEST_CASE(kinds_have_the_directorys_names) {
    BOOST_TEST((mta::parse_sender_key_type("address").value() == SenderKeyType::Address));
    BOOST_TEST((mta::parse_sender_key_type("domain").value() == SenderKeyType::Domain));
    BOOST_TEST((mta::parse_sender_key_type("subtree").value() == SenderKeyType::Subtree));
    BOOST_TEST(!mta::parse_sender_key_type("regex"));
}

BOOST_AUTO_TEST_SUITE_END()
