#include "dns/dnssec/key_roll.h"

#include <algorithm>

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/dnssec/text.h"

using namespace dns::dnssec;  // NOLINT(google-build-using-namespace): what is tested

namespace {

constexpr std::int64_t kStart = 1'800'000'000;
constexpr RollTimes kTimes;

PublicKey key_of(char octet, Algorithm algorithm = Algorithm::EcdsaP256) {
    return {algorithm, std::string(public_key_size(algorithm), octet)};
}

std::uint16_t tag_of(const PublicKey& key) {
    return key_tag(dnskey_data(key));
}

// A zone whose first key is in use.
ZoneKeys signed_zone(std::int64_t& now_s) {
    ZoneKeys zone = introduce({}, key_of('a'), now_s).take_value();
    now_s += kTimes.zone_ttl_max_s + kTimes.propagation_s;
    zone = advance(zone, kTimes, now_s).zone;
    zone = note_delegation(zone, {tag_of(key_of('a'))}, now_s);
    now_s += kTimes.ds_ttl_s;
    return advance(zone, kTimes, now_s).zone;
}

// What a validator of that moment may hold: a DS set, a DNSKEY set, signatures.
struct World {
    std::vector<PublicKey> ds;
    std::vector<PublicKey> published;
    std::vector<PublicKey> key_signers;  // of the DNSKEY set
    std::vector<PublicKey> zone_signers;
};

std::vector<PublicKey> keys_of(const std::vector<const KeyRecord*>& records) {
    std::vector<PublicKey> keys;
    for (const KeyRecord* record : records) {
        keys.push_back(record->key);
    }
    return keys;
}

bool has(const std::vector<PublicKey>& keys, const PublicKey& key) {
    return std::find(keys.begin(), keys.end(), key) != keys.end();
}

// RFC 4035 5: some DS has a key that signs the DNSKEY set, and a key of that set signs the data.
bool validates(const World& ds_of, const World& keys_of_zone, const World& data_of) {
    if (ds_of.ds.empty()) {
        return true;  // insecure
    }
    bool anchored = false;
    for (const PublicKey& key : ds_of.ds) {
        anchored =
            anchored || (has(keys_of_zone.published, key) && has(keys_of_zone.key_signers, key));
    }
    bool data_signed = false;
    for (const PublicKey& key : data_of.zone_signers) {
        data_signed = data_signed || has(keys_of_zone.published, key);
    }
    return anchored && data_signed;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_dnssec_key_roll)

BOOST_AUTO_TEST_CASE(a_first_key_signs_before_its_ds_is_wanted) {
    std::int64_t now_s = kStart;
    ZoneKeys zone = introduce({}, key_of('a'), now_s).take_value();
    KeyRoles roles = roles_of(zone);
    BOOST_TEST(roles.sign_zone.size() == 1U);
    BOOST_TEST(roles.delegation.empty());
    RollStep step = advance(zone, kTimes, now_s);
    BOOST_TEST((step.zone == zone));
    BOOST_TEST(step.next_s.value() == now_s + kTimes.zone_ttl_max_s + kTimes.propagation_s);
    step = advance(step.zone, kTimes, step.next_s.value());
    BOOST_TEST((step.zone.keys[0].state == KeyState::Waiting));
    BOOST_TEST(roles_of(step.zone).delegation.size() == 1U);
    BOOST_TEST(step.waits_for.find("at the parent") != std::string::npos);
    BOOST_TEST(!step.next_s.has_value());
    // However long the parent takes.
    step = advance(step.zone, kTimes, now_s + std::int64_t{400} * 86400);
    BOOST_TEST((step.zone.keys[0].state == KeyState::Waiting));
}

BOOST_AUTO_TEST_CASE(a_roll_goes_through_its_states) {
    std::int64_t now_s = kStart;
    ZoneKeys zone = signed_zone(now_s);
    BOOST_TEST((zone.keys[0].state == KeyState::Active));
    zone = introduce(zone, key_of('b'), now_s).take_value();
    KeyRoles roles = roles_of(zone);
    BOOST_TEST(roles.published.size() == 2U);
    BOOST_TEST(roles.sign_zone.size() == 1U);
    BOOST_TEST(roles.sign_zone[0]->key.octets[0] == 'a');
    BOOST_TEST(roles.sign_keys.size() == 1U);
    BOOST_TEST(roles.delegation.size() == 1U);
    now_s += kTimes.key_ttl_s + kTimes.propagation_s;
    zone = advance(zone, kTimes, now_s).zone;
    BOOST_TEST(roles_of(zone).delegation.size() == 2U);
    zone = note_delegation(zone, {tag_of(key_of('a')), tag_of(key_of('b'))}, now_s);
    BOOST_TEST((advance(zone, kTimes, now_s + kTimes.ds_ttl_s - 1).zone == zone));
    now_s += kTimes.ds_ttl_s;
    RollStep step = advance(zone, kTimes, now_s);
    BOOST_TEST((step.zone.keys[0].state == KeyState::Retired));
    BOOST_TEST((step.zone.keys[1].state == KeyState::Active));
    BOOST_TEST(step.changes.size() == 2U);
    BOOST_TEST(roles_of(step.zone).delegation.size() == 1U);
    BOOST_TEST(roles_of(step.zone).published.size() == 2U);
    step = advance(step.zone, kTimes, step.next_s.value());
    BOOST_TEST(step.zone.keys.size() == 1U);
    BOOST_TEST(!step.next_s.has_value());
    BOOST_TEST((advance(step.zone, kTimes, step.zone.keys[0].since_s).changes.empty()));
}

// Whatever a cache still has while keys come and go, it validates: a DS set, a DNSKEY set or a
// signature of any moment within its TTL, with the others as they are now.
BOOST_AUTO_TEST_CASE(no_cache_ever_has_what_does_not_validate) {
    constexpr std::int64_t kStep = 1800;
    std::int64_t now_s = kStart;
    ZoneKeys zone = introduce({}, key_of('a'), now_s).take_value();
    std::vector<World> past;
    std::vector<PublicKey> at_parent;
    const auto recent = [&past](std::int64_t ttl_s, std::size_t i) {
        return static_cast<std::int64_t>(past.size() - i) * kStep <= ttl_s + kTimes.propagation_s;
    };
    std::size_t checked = 0;
    for (int tick = 0; tick < 1200; ++tick, now_s += kStep) {
        zone = advance(zone, kTimes, now_s).zone;
        if (tick == 300) {
            zone = introduce(zone, key_of('b'), now_s).take_value();
        } else if (tick == 700) {
            zone = remove_signing(zone, now_s).take_value();
        }
        const KeyRoles roles = roles_of(zone);
        if (tick % 10 == 0 && !zone.keys.empty()) {  // the parent follows CDS, late
            at_parent = keys_of(roles.delegation);
            std::vector<std::uint16_t> tags;
            for (const PublicKey& key : at_parent) {
                tags.push_back(tag_of(key));
            }
            zone = note_delegation(zone, tags, now_s);
        }
        World now;
        now.ds = at_parent;
        const KeyRoles after = roles_of(zone);
        now.published = keys_of(after.published);
        now.zone_signers = keys_of(after.sign_zone);
        now.key_signers = keys_of(after.sign_keys);
        now.key_signers.insert(
            now.key_signers.end(), now.zone_signers.begin(), now.zone_signers.end());
        past.push_back(now);
        for (std::size_t i = past.size() > 64 ? past.size() - 64 : 0; i < past.size(); ++i) {
            const World& old = past[i];
            BOOST_REQUIRE(!recent(kTimes.ds_ttl_s - kTimes.propagation_s, i) ||
                          validates(old, now, now));
            BOOST_REQUIRE(!recent(kTimes.key_ttl_s, i) || validates(now, old, now));
            BOOST_REQUIRE(!recent(kTimes.zone_ttl_max_s, i) || validates(now, now, old));
            ++checked;
        }
    }
    BOOST_TEST(checked > 10000U);
    BOOST_TEST(zone.keys.empty());
}

BOOST_AUTO_TEST_CASE(signing_ends_after_the_ds_has) {
    std::int64_t now_s = kStart;
    ZoneKeys zone = remove_signing(signed_zone(now_s), now_s).take_value();
    BOOST_TEST(roles_of(zone).delegation_removed);
    BOOST_TEST(roles_of(zone).sign_zone.size() == 1U);
    RollStep step = advance(zone, kTimes, now_s + std::int64_t{400} * 86400);
    BOOST_TEST((step.zone == zone));
    zone = note_delegation(zone, {}, now_s);
    BOOST_TEST(advance(zone, kTimes, now_s + kTimes.ds_ttl_s).zone.keys.size() == 1U);
    step = advance(zone, kTimes, now_s + kTimes.ds_ttl_s + kTimes.propagation_s);
    BOOST_TEST(step.zone.keys.empty());
    // A change of mind: its DS has to be seen again.
    const ZoneKeys kept = keep_signing(zone, now_s + 10).take_value();
    BOOST_TEST((kept.keys[0].state == KeyState::Waiting));
    BOOST_TEST(roles_of(kept).sign_zone.size() == 1U);
    BOOST_TEST(!roles_of(kept).delegation_removed);
}

BOOST_AUTO_TEST_CASE(refuses_what_could_break_a_chain) {
    std::int64_t now_s = kStart;
    const ZoneKeys fresh = introduce({}, key_of('a'), now_s).take_value();
    BOOST_TEST((introduce(fresh, key_of('b'), now_s).error().code == base::Errc::Refused));
    const ZoneKeys zone = signed_zone(now_s);
    BOOST_TEST(!introduce(zone, key_of('b', Algorithm::Ed25519), now_s));
    BOOST_TEST((introduce(zone, key_of('a'), now_s).error().code == base::Errc::Exists));
    const ZoneKeys rolling = introduce(zone, key_of('b'), now_s).take_value();
    BOOST_TEST(!introduce(rolling, key_of('c'), now_s));
    BOOST_TEST(!remove_signing(rolling, now_s));
    const ZoneKeys removing = remove_signing(zone, now_s).take_value();
    BOOST_TEST(!introduce(removing, key_of('b'), now_s));
    BOOST_TEST((remove_signing({}, now_s).error().code == base::Errc::NotFound));
}

BOOST_AUTO_TEST_CASE(a_ds_that_goes_again_is_waited_for_anew) {
    std::int64_t now_s = kStart;
    ZoneKeys zone = introduce(signed_zone(now_s), key_of('b'), now_s).take_value();
    now_s += kTimes.key_ttl_s + kTimes.propagation_s;
    zone = advance(zone, kTimes, now_s).zone;
    const std::uint16_t old = tag_of(key_of('a'));
    const std::uint16_t young = tag_of(key_of('b'));
    zone = note_servers(zone, Delegation{{old, young}, {}}, now_s);
    BOOST_TEST(zone.keys[1].ds_seen_s.has_value());
    // One server of the parent has gone back to what it had.
    now_s += kTimes.ds_ttl_s / 2;
    zone = note_servers(zone, Delegation{{old}, {young}}, now_s);
    now_s += kTimes.ds_ttl_s;
    zone = advance(zone, kTimes, now_s).zone;
    BOOST_TEST((zone.keys[1].state == KeyState::Waiting));
    zone = note_servers(zone, Delegation{{old, young}, {}}, now_s);
    BOOST_TEST((advance(zone, kTimes, now_s + kTimes.ds_ttl_s - 1).zone == zone));
    zone = advance(zone, kTimes, now_s + kTimes.ds_ttl_s).zone;
    BOOST_TEST((zone.keys[1].state == KeyState::Active));
}

BOOST_AUTO_TEST_CASE(an_old_key_stays_while_the_new_one_has_no_ds) {
    std::int64_t now_s = kStart;
    ZoneKeys zone = introduce(signed_zone(now_s), key_of('b'), now_s).take_value();
    now_s += kTimes.key_ttl_s + kTimes.propagation_s;
    zone = advance(zone, kTimes, now_s).zone;
    zone = note_delegation(zone, {tag_of(key_of('a')), tag_of(key_of('b'))}, now_s);
    now_s += kTimes.ds_ttl_s;
    zone = advance(zone, kTimes, now_s).zone;
    zone = note_delegation(zone, {tag_of(key_of('a'))}, now_s);  // the parent went back
    now_s += kTimes.zone_ttl_max_s + kTimes.propagation_s;
    const RollStep held = advance(zone, kTimes, now_s);
    BOOST_TEST(held.zone.keys.size() == 2U);
    BOOST_TEST(held.waits_for.find("come back") != std::string::npos, held.waits_for);
    zone = note_delegation(held.zone, {tag_of(key_of('b'))}, now_s);
    BOOST_TEST(advance(zone, kTimes, now_s).zone.keys.size() == 1U);
}

BOOST_AUTO_TEST_CASE(an_end_of_signing_counts_when_no_server_has_a_ds) {
    std::int64_t now_s = kStart;
    ZoneKeys zone = remove_signing(signed_zone(now_s), now_s).take_value();
    const std::uint16_t tag = tag_of(key_of('a'));
    zone = note_servers(zone, Delegation{{}, {tag}}, now_s);
    BOOST_TEST(!zone.keys[0].ds_gone_s.has_value());
    zone = note_servers(zone, Delegation{}, now_s);
    BOOST_TEST(zone.keys[0].ds_gone_s.has_value());
    zone = note_servers(zone, Delegation{{}, {tag}}, now_s);
    BOOST_TEST(!zone.keys[0].ds_gone_s.has_value());
}

BOOST_AUTO_TEST_CASE(a_schedule_begins_what_can_be_done) {
    constexpr std::int64_t kEvery = 30 * 86400;
    std::int64_t now_s = kStart;
    ZoneKeys zone = signed_zone(now_s);
    BOOST_TEST(!roll_due_s(zone, 0).has_value());
    BOOST_TEST(roll_due_s(zone, kEvery).value() == now_s + kEvery);
    zone.keys[0].id = kRollSpread / 2;  // spread over the last tenth
    BOOST_TEST(roll_due_s(zone, kEvery).value() == now_s + kEvery - kEvery / 20);
    const ZoneKeys away = note_delegation(zone, {}, now_s);
    BOOST_TEST(!roll_due_s(away, kEvery).has_value());
    BOOST_TEST(!roll_due_s(remove_signing(zone, now_s).value(), kEvery).has_value());
    BOOST_TEST(!roll_due_s(introduce(zone, key_of('b'), now_s).value(), kEvery).has_value());
    BOOST_TEST(!roll_due_s(introduce({}, key_of('b'), now_s).value(), kEvery).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
