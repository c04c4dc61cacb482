#include "mail/message_id.h"

#include <unordered_set>

#include <boost/test/unit_test.hpp>

using mail::MessageId;

BOOST_AUTO_TEST_SUITE(message_id)

BOOST_AUTO_TEST_CASE(has_the_layout_of_the_example_in_rfc_9562) {
    // RFC 9562 A.6: 2022-02-22 19:22:22 UTC, rand_a 0xCC3, rand_b 0x18C4DC0C0C07398F.
    const MessageId id = MessageId::make(0x017F22E279B0, {0xCC3, 0x18C4DC0C0C07398F});
    BOOST_TEST(id.text() == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    BOOST_TEST(id.unix_ms() == 0x017F22E279B0U);
}

BOOST_AUTO_TEST_CASE(ignores_bits_above_the_stated_widths) {
    const MessageId id = MessageId::make(~0ULL, {0xffff, ~0ULL});
    BOOST_TEST(id.text() == "ffffffff-ffff-7fff-bfff-ffffffffffff");
    BOOST_TEST(id.unix_ms() == 0xffffffffffffULL);
}

BOOST_AUTO_TEST_CASE(text_and_octets_read_back) {
    const MessageId id = MessageId::make(1'700'000'000'123, {0x5a5, 0x0123456789abcdef});
    BOOST_TEST((MessageId::parse(id.text()).value() == id));
    BOOST_TEST((MessageId::from_bytes(id.bytes()) == id));
    BOOST_TEST((MessageId::from_uuid(id.uuid()) == id));
    BOOST_TEST((MessageId::parse("018BCFE5-687B-75A5-8123-456789ABCDEF").value().text() ==
                "018bcfe5-687b-75a5-8123-456789abcdef"));
}

BOOST_AUTO_TEST_CASE(rejects_malformed_text) {
    for (const char* text : {"",
                             "017f22e279b07cc398c4dc0c0c07398f",
                             "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
                             "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
                             "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
                             "017f22e2079b0-7cc3-98c4-dc0c0c07398f",
                             "{17f22e2-79b0-7cc3-98c4-dc0c0c07398}"}) {
        BOOST_TEST(!MessageId::parse(text), text);
    }
}

BOOST_AUTO_TEST_CASE(sorts_by_time_first) {
    const MessageId early = MessageId::make(255, {0xfff, ~0ULL});
    const MessageId late = MessageId::make(256, {0, 0});
    BOOST_TEST((early < late));
    BOOST_TEST((MessageId::first_of(256) == late));
    BOOST_TEST((MessageId::first_of(255) < early));
    BOOST_TEST((early.text() < late.text()));
}

BOOST_AUTO_TEST_CASE(nil_names_no_message) {
    BOOST_TEST(MessageId().is_nil());
    BOOST_TEST(!MessageId::first_of(0).is_nil());
}

BOOST_AUTO_TEST_CASE(can_be_a_key) {
    std::unordered_set<MessageId> ids;
    for (std::uint64_t i = 0; i < 100; ++i) {
        ids.insert(MessageId::make(1, {0, i * 0x9E3779B97F4A7C15U}));
    }
    BOOST_TEST(ids.size() == 100U);
}

BOOST_AUTO_TEST_SUITE_END()
