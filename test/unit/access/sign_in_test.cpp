#include "access/sign_in.h"

#include <boost/test/unit_test.hpp>

#include "test/support/loop_runner.h"
#include "test/unit/access/session_rig.h"

using access_test::SessionRig;
using accessd::SignIn;

namespace {

const base::IpAddress kSource = base::IpAddress::parse("192.0.2.7").value();

std::string outcome(SessionRig& rig,
                    std::string_view user,
                    std::string_view password,
                    const base::IpAddress& source = base::IpAddress::loopback_v4()) {
    const auto account = rig.sign_in.verify(user, password, source);
    return account ? "ok" : std::string(base::errc_name(account.error().code));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sign_in)

BOOST_AUTO_TEST_CASE(takes_the_right_password_and_no_other) {
    SessionRig rig;
    BOOST_TEST(outcome(rig, "ann@example.org", "secret") == "ok");
    BOOST_TEST(outcome(rig, "ANN@example.org", "secret") == "ok");
    BOOST_TEST(outcome(rig, "ann@example.org", "Secret") == "refused");
    BOOST_TEST(outcome(rig, "ann@example.org", "") == "refused");
}

BOOST_AUTO_TEST_CASE(names_that_are_none_are_refused) {
    SessionRig rig;
    BOOST_TEST(outcome(rig, "", "secret", base::IpAddress::parse("192.0.2.1").value()) ==
               "refused");
    BOOST_TEST(outcome(rig, "ann", "secret", base::IpAddress::parse("192.0.2.2").value()) ==
               "refused");
    BOOST_TEST(
        outcome(rig, "ann@example.org\n", "secret", base::IpAddress::parse("192.0.2.3").value()) ==
        "refused");
    BOOST_TEST(outcome(rig,
                       std::string(300, 'a') + "@example.org",
                       "secret",
                       base::IpAddress::parse("192.0.2.4").value()) == "refused");
}

BOOST_AUTO_TEST_CASE(account_must_be_active_and_its_address_confirmed) {
    SessionRig rig;
    BOOST_TEST(outcome(rig, "ann@example.org", "secret") == "ok");
    rig.store.disable_account("ann@example.org");
    BOOST_TEST(outcome(rig, "ann@example.org", "secret") == "refused");

    SessionRig unknown;
    unknown.verifier.answer.reset();
    BOOST_TEST(outcome(unknown, "ann@example.org", "secret") == "refused");

    SessionRig other;
    other.verifier.answer = accessd::AccountId{1};
    BOOST_TEST(outcome(other, "ann@example.org", "secret") == "refused");
}

BOOST_AUTO_TEST_CASE(remembered_password_is_not_hashed_again_but_all_else_is_asked) {
    SessionRig rig;
    BOOST_TEST(outcome(rig, "ann@example.org", "secret") == "ok");
    int lookups = 0;
    rig.store.on_call = [&](const std::string& name) { lookups += name == "find_account" ? 1 : 0; };
    const base::Instant start = base::monotonic_now();
    for (int i = 0; i < 1000; ++i) {
        BOOST_TEST(outcome(rig, "ann@example.org", "secret") == "ok");
    }
    // 1000 hashes would take seconds even at the test's 1000 rounds.
    BOOST_TEST((base::monotonic_now() - start < std::chrono::seconds(1)));
    BOOST_TEST(lookups == 1000);
    BOOST_TEST(outcome(rig, "ann@example.org", "secret2") == "refused");
    // A new password makes what was remembered worthless.
    rig.verifier.answer = rig.store.add_account("ann@example.org", "$5$rounds=1000$x$y");
    rig.store.on_call = nullptr;
    const std::string after = outcome(rig, "ann@example.org", "secret");
    BOOST_TEST(after == "refused");
}

BOOST_AUTO_TEST_CASE(confirmed_address_outlives_the_name_servers) {
    SessionRig rig;
    BOOST_TEST(outcome(rig, "ann@example.org", "secret") == "ok");
    rig.verifier.failure = base::Errc::Unavailable;
    test_support::run_in_fiber([&](base::Loop&) {
        BOOST_TEST_REQUIRE(bool(base::sleep_until(
            base::Deadline::after(accessd::kVerdictFresh + std::chrono::milliseconds(50)))));
        BOOST_TEST(outcome(rig, "ann@example.org", "secret") == "ok");
    });
    BOOST_TEST(rig.verifier.questions == 2);

    SessionRig never;
    never.verifier.failure = base::Errc::Timeout;
    BOOST_TEST(outcome(never, "ann@example.org", "secret") == "timeout");
    // The question is not put again at once.
    BOOST_TEST(outcome(never, "ann@example.org", "secret") == "unavailable");
    BOOST_TEST(never.verifier.questions == 1);
}

BOOST_AUTO_TEST_CASE(catalog_away_is_not_a_wrong_password) {
    SessionRig rig;
    rig.store.catalog_failure = base::Errc::Unavailable;
    BOOST_TEST(outcome(rig, "ann@example.org", "secret") == "unavailable");
}

BOOST_AUTO_TEST_CASE(penalty_grows_and_spares_local_sources) {
    using std::chrono::milliseconds;
    BOOST_TEST((SignIn::penalty(3, kSource) == base::Duration::zero()));
    BOOST_TEST((SignIn::penalty(4, kSource) == milliseconds(250)));
    BOOST_TEST((SignIn::penalty(5, kSource) == milliseconds(500)));
    BOOST_TEST((SignIn::penalty(1000, kSource) == milliseconds(8000)));
    BOOST_TEST((SignIn::penalty(1000, base::IpAddress::loopback_v4()) == milliseconds(1000)));
}

BOOST_AUTO_TEST_CASE(failures_are_counted_by_source) {
    SessionRig rig;
    test_support::run_in_fiber([&](base::Loop&) {
        const base::Instant start = base::monotonic_now();
        for (int i = 0; i < 4; ++i) {
            BOOST_TEST(outcome(rig, "ann@example.org", "wrong", kSource) == "refused");
        }
        BOOST_TEST((base::monotonic_now() - start >= std::chrono::milliseconds(250)));
    });
    // Another source is not slowed down, nor is a right password.
    BOOST_TEST(
        outcome(rig, "ann@example.org", "wrong", base::IpAddress::parse("192.0.2.8").value()) ==
        "refused");
    BOOST_TEST(outcome(rig, "ann@example.org", "secret", kSource) == "ok");
}

BOOST_AUTO_TEST_SUITE_END()
