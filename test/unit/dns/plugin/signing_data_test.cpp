#include "dns/plugin/signing_data.h"

#include <boost/test/unit_test.hpp>

using dns::dnssec::Algorithm;
using dns::dnssec::KeyState;

namespace {

dns::dnssec::KeyRecord key(std::int64_t id, KeyState state) {
    dns::dnssec::KeyRecord record;
    record.id = id;
    record.state = state;
    return record;
}

const dns::plugin::ZoneSigning& only(const dns::plugin::SigningData& data) {
    const auto* const found = data.find(dns::Name::from_text("mail.test").take_value());
    BOOST_REQUIRE(found != nullptr);
    return *found;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_plugin_signing_data)

// RFC 6605 6.1 has a key in this form.
BOOST_AUTO_TEST_CASE(writes_private_keys_as_bind_does) {
    BOOST_TEST(dns::plugin::private_key_text(Algorithm::EcdsaP256, "abc") ==
               "Private-key-format: v1.2\nAlgorithm: 13 (ECDSAP256SHA256)\nPrivateKey: YWJj\n");
    BOOST_TEST(dns::plugin::private_key_text(Algorithm::Ed25519, "abc") ==
               "Private-key-format: v1.2\nAlgorithm: 15 (ED25519)\nPrivateKey: YWJj\n");
}

BOOST_AUTO_TEST_CASE(a_key_that_is_only_published_does_not_sign) {
    dns::dnssec::StoredKeys stored;
    stored.domain = "mail.test";
    stored.keys.keys = {
        key(1, KeyState::Active), key(2, KeyState::Introduced), key(3, KeyState::Active)};
    const dns::plugin::SigningData data({stored}, {{1, "a"}, {2, "b"}});
    const auto& zone = only(data);
    BOOST_REQUIRE(zone.keys.size() == 2U);  // the third has no secret
    BOOST_TEST(zone.keys[0].active);
    BOOST_TEST(zone.keys[0].published);
    BOOST_TEST(!zone.keys[1].active);
    BOOST_TEST(zone.keys[1].published);
    BOOST_TEST(!zone.narrow_nsec3);
    BOOST_TEST(zone.publishes_cds);
}

BOOST_AUTO_TEST_CASE(nsec3_and_compact_denial_become_narrow_nsec3) {
    dns::dnssec::StoredKeys stored;
    stored.domain = "mail.test";
    stored.keys.keys = {key(1, KeyState::Introduced)};
    for (const auto& [denial, narrow] : {std::pair{dns::dnssec::Denial::Nsec, false},
                                         std::pair{dns::dnssec::Denial::Nsec3, true},
                                         std::pair{dns::dnssec::Denial::Compact, true}}) {
        stored.denial = denial;
        const dns::plugin::SigningData data({stored}, {{1, "a"}});
        BOOST_TEST(only(data).narrow_nsec3 == narrow);
        BOOST_TEST(only(data).keys[0].active);  // a zone's first key signs at once
        BOOST_TEST(!only(data).publishes_cds);
    }
}

BOOST_AUTO_TEST_CASE(a_zone_without_keys_is_not_signed) {
    dns::dnssec::StoredKeys stored;
    stored.domain = "mail.test";
    const dns::plugin::SigningData data({stored}, {});
    BOOST_TEST(data.find(dns::Name::from_text("mail.test").take_value()) == nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
