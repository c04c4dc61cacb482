#include "dns/dnssec/parent_view.h"

#include <boost/test/unit_test.hpp>

#include "base/hash.h"

using namespace dns::dnssec;  // NOLINT(google-build-using-namespace): what is tested

namespace {

constexpr std::int64_t kNow = 1'800'000'000;

const dns::Name kZone = dns::Name::from_text("mail.test").take_value();

KeyRecord key_of(char octet, KeyState state) {
    KeyRecord record;
    record.key = {Algorithm::EcdsaP256, std::string(64, octet)};
    record.state = state;
    record.since_s = kNow - 5000;
    return record;
}

std::uint16_t tag_of(const KeyRecord& key) {
    return key_tag(dnskey_data(key.key));
}

base::DnsDs ds_of(const KeyRecord& key, std::uint8_t digest_type = 2) {
    return {tag_of(key),
            static_cast<std::uint8_t>(key.key.algorithm),
            digest_type,
            ds_digest(kZone, dnskey_data(key.key), digest_type)};
}

struct Rolling {
    Rolling() { zone.keys = {old, young}; }

    KeyRecord old = key_of('a', KeyState::Active);
    KeyRecord young = key_of('b', KeyState::Waiting);
    ZoneKeys zone;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(dns_dnssec_parent_view, Rolling)

BOOST_AUTO_TEST_CASE(a_ds_counts_when_all_servers_have_it) {
    const std::vector<ParentAnswer> answers = {{{ds_of(old), ds_of(young)}, 300},
                                               {{ds_of(old)}, 900}};
    const ParentView view = view_parent(kZone, zone, answers);
    BOOST_TEST(view.keys.everywhere == std::vector<std::uint16_t>{tag_of(old)});
    BOOST_TEST(view.keys.somewhere == std::vector<std::uint16_t>{tag_of(young)});
    BOOST_TEST(view.ttl_s == 900U);
    BOOST_TEST(view.servers == 2U);
    BOOST_TEST(view.ds.size() == 2U);
    BOOST_TEST(view.strangers.empty());
    BOOST_TEST(warning_of(view).empty());
}

BOOST_AUTO_TEST_CASE(a_ds_is_known_by_its_digest_and_not_by_its_tag) {
    base::DnsDs forged = ds_of(old);
    forged.digest[0] = static_cast<char>(forged.digest[0] ^ 1);
    const std::vector<ParentAnswer> forged_only = {{{forged}, 300}};
    const ParentView view = view_parent(kZone, zone, forged_only);
    BOOST_TEST(view.keys.everywhere.empty());
    BOOST_TEST(view.strangers.size() == 1U);
    BOOST_TEST(view.broken);
    BOOST_TEST(!warning_of(view).empty());
    // Another digest that is known counts; one that nobody should make any more neither counts nor
    // is strange.
    const std::vector<ParentAnswer> others = {
        {{ds_of(young, 4), {tag_of(old), 13, 1, std::string(20, 'x')}}, 300}};
    const ParentView other = view_parent(kZone, zone, others);
    BOOST_TEST(other.keys.everywhere == std::vector<std::uint16_t>{tag_of(young)});
    BOOST_TEST(other.strangers.empty());
    BOOST_TEST(!other.broken);
}

BOOST_AUTO_TEST_CASE(a_stranger_beside_ours_is_told_and_no_ds_at_all_is_not) {
    const std::vector<ParentAnswer> answers = {
        {{ds_of(old), {1, 8, 2, std::string(32, 'x')}}, 300}};
    const ParentView view = view_parent(kZone, zone, answers);
    BOOST_TEST(!view.broken);
    BOOST_TEST(warning_of(view).find(view.strangers.at(0)) != std::string::npos);
    const std::vector<ParentAnswer> none = {{{}, 300}, {{}, 300}};
    BOOST_TEST(warning_of(view_parent(kZone, zone, none)).empty());
    BOOST_TEST(view_parent(kZone, zone, none).ttl_s == 0U);
}

BOOST_AUTO_TEST_CASE(who_waits_is_looked_for_often_at_first) {
    zone.keys[1].since_s = kNow;
    BOOST_TEST(look_again_s(zone, kNow) == kLookSoonS);
    BOOST_TEST(look_again_s(zone, kNow + 1000) == 100);
    BOOST_TEST(look_again_s(zone, kNow + 1'000'000) == kLookLateS);
    zone.keys[1].ds_seen_s = kNow + 1'000'000;  // it must stay there
    BOOST_TEST(look_again_s(zone, kNow + 1'000'000) == kLookSoonS);
    zone.keys.pop_back();
    BOOST_TEST(look_again_s(zone, kNow) == kLookIdleS);
    zone.keys.push_back(key_of('c', KeyState::Retired));
    BOOST_TEST(look_again_s(zone, kNow) == kLookLateS);
    zone.keys.pop_back();
    zone.wish = Wish::Removing;
    zone.wish_since_s = kNow;
    BOOST_TEST(look_again_s(zone, kNow) == kLookSoonS);
}

BOOST_AUTO_TEST_SUITE_END()
