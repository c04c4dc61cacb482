#include "dns/explain/drain_watch.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/directory/world.h"

namespace {

constexpr std::int64_t kSecond = 1'000'000;

dns::DirectoryOverride drain(std::uint64_t id, std::int64_t created_us) {
    dns::DirectoryOverride made;
    made.entry.id = id;
    made.entry.kind = dns::steering::OverrideKind::Drain;
    made.entry.scope = {"mail", {}, dns::steering::ServerId{1}};
    made.entry.author = "bob";
    made.entry.reason = "disks";
    made.entry.created_us = created_us;
    return made;
}

struct World {
    World() { directory.overrides.clear(); }

    std::vector<std::uint64_t> due(std::int64_t now_s) { return watch.due(now_s * kSecond); }

    void take(std::int64_t now_s) { watch.take(directory, now_s * kSecond); }

    dns::Directory directory = dns_test::directory();
    dns::explain::DrainWatch watch;
};

using Ids = std::vector<std::uint64_t>;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(drain_watch, World)

BOOST_AUTO_TEST_CASE(a_drain_is_quiet_when_the_longest_cache_has_run_out_and_is_told_once) {
    take(1000);
    directory.overrides = {drain(5, 1000 * kSecond)};
    take(1002);  // seen later than it was made
    BOOST_TEST(watch.quiet_from(5).value() == 1302 * kSecond);
    BOOST_TEST((due(1301) == Ids{}));
    BOOST_TEST((due(1302) == Ids{5}));
    BOOST_TEST((due(1303) == Ids{}));
}

BOOST_AUTO_TEST_CASE(one_that_was_there_at_the_start_counts_from_when_it_was_made) {
    directory.overrides = {drain(5, 1000 * kSecond)};
    take(5000);
    BOOST_TEST((due(5000) == Ids{5}));
}

BOOST_AUTO_TEST_CASE(a_longer_ttl_takes_longer_even_if_it_has_become_shorter_since) {
    take(0);
    directory.domains[1].mx_ttl = 3600;
    directory.overrides = {drain(5, 0)};
    take(100);
    directory.domains[1].mx_ttl = 60;
    take(200);
    BOOST_TEST((due(3699) == Ids{}));
    BOOST_TEST((due(3700) == Ids{5}));
}

BOOST_AUTO_TEST_CASE(a_domain_of_its_own_has_its_own_ttl) {
    directory.domains[0].mx_ttl = 7200;  // hosts.test has no mail servers, and no say
    directory.overrides = {drain(5, 0), drain(6, 0), drain(7, 0)};
    directory.domains[1].mx_ttl = 900;
    directory.overrides[1].entry.scope.zone = "other.test";
    directory.overrides[2].entry.scope.zone = "mail.test";
    take(0);
    BOOST_TEST((due(300) == Ids{6}));
    BOOST_TEST((due(899) == Ids{}));
    BOOST_TEST((due(900) == Ids{5, 7}));
}

BOOST_AUTO_TEST_CASE(what_ended_or_expired_is_not_told) {
    directory.overrides = {drain(5, 0), drain(6, 0)};
    directory.overrides[1].entry.expires_us = 250 * kSecond;
    take(0);
    directory.overrides.erase(directory.overrides.begin());
    take(10);
    BOOST_TEST((due(1000) == Ids{}));
    BOOST_TEST(!watch.quiet_from(5));
}

BOOST_AUTO_TEST_SUITE_END()
