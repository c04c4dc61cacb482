#include "dns/update/recent_updates.h"

#include <boost/test/unit_test.hpp>

#include "dns/update/publication_watch.h"

using dns::Rcode;
using dns::update::PublicationWatch;
using dns::update::RecentUpdates;
using State = dns::update::RecentUpdates::State;

BOOST_AUTO_TEST_SUITE(dns_recent_updates)

BOOST_AUTO_TEST_CASE(knows_what_is_in_progress_and_what_became_of_the_rest) {
    RecentUpdates recent;
    const base::Instant now = base::monotonic_now();
    BOOST_TEST((recent.begin("a", now).state == State::New));
    BOOST_TEST((recent.begin("a", now).state == State::InProgress));
    recent.finish("a", Rcode::NxDomain);
    const auto found = recent.begin("a", now);
    BOOST_TEST((found.state == State::Finished && found.rcode == Rcode::NxDomain));
    BOOST_TEST((recent.begin("b", now).state == State::New));
    recent.forget("b");
    BOOST_TEST((recent.begin("b", now).state == State::New));
}

BOOST_AUTO_TEST_CASE(forgets_when_no_signature_can_be_in_time_any_more) {
    RecentUpdates recent;
    const base::Instant start = base::monotonic_now();
    (void)recent.begin("a", start);
    recent.finish("a", Rcode::NoError);
    BOOST_TEST(
        (recent.begin("a", start + dns::update::kRecentUpdatesAge).state == State::Finished));
    BOOST_TEST((
        recent.begin("a", start + dns::update::kRecentUpdatesAge + std::chrono::seconds(1)).state ==
        State::New));
    BOOST_TEST(recent.size() == 1U);
}

BOOST_AUTO_TEST_CASE(is_bounded_and_keeps_what_is_in_progress) {
    RecentUpdates recent;
    const base::Instant now = base::monotonic_now();
    for (std::size_t i = 0; i < dns::update::kRecentUpdatesMax + 100; ++i) {
        (void)recent.begin(std::to_string(i), now);
        recent.finish(std::to_string(i), Rcode::NoError);
    }
    BOOST_TEST(recent.size() <= dns::update::kRecentUpdatesMax);
    BOOST_TEST((recent.begin("0", now).state == State::New));
    RecentUpdates stuck;
    (void)stuck.begin("a", now);
    (void)stuck.begin("b", now + 2 * dns::update::kRecentUpdatesAge);
    BOOST_TEST((stuck.begin("a", now).state == State::InProgress));
}

BOOST_AUTO_TEST_CASE(a_version_is_in_force_when_it_or_its_like_is_published) {
    PublicationWatch watch;
    BOOST_TEST(!watch.has(0));
    watch.on_checked(5, 5);
    BOOST_TEST(!watch.has(5));
    watch.on_published(5);
    BOOST_TEST(watch.has(5));
    BOOST_TEST(!watch.has(6));
    watch.on_checked(7, 5);  // read again, and nothing was new
    BOOST_TEST(watch.has(7));
    watch.on_checked(8, 8);  // something was, and it is not published yet
    BOOST_TEST(!watch.has(8));
    BOOST_TEST(!watch.has(7));
    watch.on_published(8);
    BOOST_TEST(watch.has(8));
}

BOOST_AUTO_TEST_SUITE_END()
