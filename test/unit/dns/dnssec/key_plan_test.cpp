#include "dns/dnssec/key_plan.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/dnssec/text.h"

using namespace dns::dnssec;  // NOLINT(google-build-using-namespace): what is tested

namespace {

KeyRecord key_record(std::int64_t id, const SigningKey& key, KeyState state) {
    KeyRecord record;
    record.id = id;
    record.key = dnssec_test::public_half(key);
    record.state = state;
    return record;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_dnssec_key_plan)

BOOST_AUTO_TEST_CASE(keys_do_what_their_states_say) {
    const SigningKey old = SigningKey::generate(Algorithm::EcdsaP256);
    const SigningKey next = SigningKey::generate(Algorithm::EcdsaP256);
    StoredKeys stored;
    stored.times.key_ttl_s = 77;
    stored.denial = Denial::Nsec;
    stored.keys.keys = {key_record(1, old, KeyState::Active),
                        key_record(2, next, KeyState::Introduced)};
    const ZoneSigning plan =
        plan_signing(stored, {{1, old.secret()}, {2, next.secret()}}).take_value();
    BOOST_REQUIRE(plan.zone_keys.size() == 1U);
    BOOST_TEST((plan.zone_keys[0].half == dnssec_test::public_half(old)));
    BOOST_TEST(plan.zone_keys[0].key.has_value());
    BOOST_REQUIRE(plan.key_keys.size() == 1U);
    BOOST_TEST((plan.key_keys[0].half == dnssec_test::public_half(next)));
    BOOST_TEST(plan.published.size() == 2U);
    BOOST_REQUIRE(plan.delegation_wanted.size() == 1U);
    BOOST_TEST((plan.delegation_wanted[0] == dnssec_test::public_half(old)));
    BOOST_TEST(plan.key_ttl == 77U);
}

BOOST_AUTO_TEST_CASE(a_key_without_its_private_half_signs_nothing) {
    const SigningKey key = SigningKey::generate(Algorithm::Ed25519);
    StoredKeys stored;
    stored.keys.keys = {key_record(1, key, KeyState::Active)};
    const ZoneSigning plan = plan_signing(stored, {}).take_value();
    BOOST_TEST(!plan.zone_keys.at(0).key.has_value());
    const auto refused = sign_set(
        plan.zone_keys[0], dnssec_test::name("z.test"), dnssec_test::name("z.test"), 16, {}, {});
    BOOST_TEST((refused.error().code == base::Errc::Unavailable));
    const SigningKey other = SigningKey::generate(Algorithm::Ed25519);
    BOOST_TEST((plan_signing(stored, {{1, other.secret()}}).error().code == base::Errc::Invalid));
}

BOOST_AUTO_TEST_SUITE_END()
