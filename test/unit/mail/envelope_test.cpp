#include "mail/envelope.h"

#include <boost/test/unit_test.hpp>

#include "mail/limits.h"

using base::Errc;
using mail::BodyType;
using mail::Envelope;
using mail::Flags;
using mail::Recipient;

namespace {

Envelope example() {
    Envelope envelope;
    envelope.sender = "joe@example.org";
    envelope.body_type = BodyType::EightBitMime;
    envelope.recipients.push_back({"mary@example.org", 42, "", Flags::None, {}});
    envelope.recipients.push_back(
        {"", -7, "Archive/2026", Flags::Seen | Flags::Draft, {"$Junk", "a"}});
    return envelope;
}

Envelope with_attributes() {
    Envelope envelope = example();
    BOOST_REQUIRE(envelope.attributes.set("pages", "3"));
    BOOST_REQUIRE(envelope.attributes.set("called", "+49 30 1234"));
    return envelope;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(envelope)

BOOST_AUTO_TEST_CASE(reads_back) {
    const Envelope null_sender;
    for (const Envelope& envelope : {example(), null_sender, with_attributes()}) {
        BOOST_TEST((mail::decode_envelope(mail::encode(envelope).value()).value() == envelope));
    }
}

BOOST_AUTO_TEST_CASE(has_the_documented_octets) {
    Envelope envelope;
    envelope.sender = "a@b";
    envelope.recipients.push_back({"c@d", 1, "X", Flags::Seen, {"k"}});
    const std::string want(
        "\x01\x03"
        "a@b\x00\x01\x03"
        "c@d\x02\x01X\x01\x01\x01k",
        18);
    BOOST_TEST(mail::encode(envelope).value() == want);
    BOOST_REQUIRE(envelope.attributes.set("pages", "3"));
    BOOST_REQUIRE(envelope.attributes.set("key", ""));
    const std::string_view behind(
        "\x02\x03key\x00\x05pages\x01"
        "3",
        14);
    BOOST_TEST(mail::encode(envelope).value() == "\x02" + want.substr(1) + std::string(behind));
}

BOOST_AUTO_TEST_CASE(every_cut_is_refused) {
    for (const Envelope& envelope : {example(), with_attributes()}) {
        const std::string bytes = mail::encode(envelope).value();
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            BOOST_TEST(!mail::decode_envelope(std::string_view(bytes).substr(0, size)), size);
        }
        BOOST_TEST(!mail::decode_envelope(bytes + "x"));
    }
}

BOOST_AUTO_TEST_CASE(refuses_other_versions_and_values) {
    std::string bytes = mail::encode(example()).value();
    bytes[0] = 3;
    BOOST_TEST((mail::decode_envelope(bytes).error().code == Errc::Unsupported));
    Envelope envelope;
    std::string plain = mail::encode(envelope).value();
    plain[2] = 2;  // body type
    BOOST_TEST((mail::decode_envelope(plain).error().code == Errc::Corrupt));
    envelope.recipients.push_back({"", 0, "", Flags::None, {}});
    std::string flags = mail::encode(envelope).value();
    flags[7] = 32;
    BOOST_TEST((mail::decode_envelope(flags).error().code == Errc::Corrupt));
}

BOOST_AUTO_TEST_CASE(has_one_form_with_attributes) {
    const std::string plain = mail::encode(Envelope{}).value();
    BOOST_TEST(plain[0] == 1);
    const std::string version_2 = "\x02" + plain.substr(1);
    const std::string_view wrong[] = {{"\0", 1},              // none
                                      {"\2\1b\1x\1a\1x", 9},  // not in order
                                      {"\2\1a\1x\1a\1x", 9},  // twice
                                      {"\1\1A\1x", 5},        // no name
                                      {"\1\1a\1\n", 5},       // a control character
                                      {"\1\1a\1\xff", 5}};    // no UTF-8
    for (const std::string_view behind : wrong) {
        const auto decoded = mail::decode_envelope(version_2 + std::string(behind));
        BOOST_REQUIRE(!decoded);
        BOOST_TEST((decoded.error().code == Errc::Corrupt));
    }
    BOOST_TEST(bool(mail::decode_envelope(version_2 + "\1\1a\1x")));
}

BOOST_AUTO_TEST_CASE(does_not_write_what_it_would_not_read) {
    Envelope envelope = example();
    envelope.recipients[0].keywords = {"not an atom"};
    BOOST_TEST((mail::encode(envelope).error().code == Errc::Invalid));
    envelope.recipients[0].keywords.assign(mail::kKeywordsMax + 1, "k");
    BOOST_TEST((mail::encode(envelope).error().code == Errc::TooLarge));
    envelope = example();
    envelope.recipients[0].mailbox = std::string(mail::kMailboxNameMax + 1, 'x');
    BOOST_TEST((mail::encode(envelope).error().code == Errc::TooLarge));
    envelope.recipients.assign(mail::kRecipientsMax + 1, Recipient{});
    BOOST_TEST((mail::encode(envelope).error().code == Errc::TooLarge));
    envelope.recipients.assign(mail::kRecipientsMax, Recipient{});
    BOOST_TEST(bool(mail::decode_envelope(mail::encode(envelope).value())));
}

BOOST_AUTO_TEST_SUITE_END()
