#include "base/password.h"

#include <boost/test/unit_test.hpp>

#include "base/clock.h"

using base::Errc;

BOOST_AUTO_TEST_SUITE(password)

BOOST_AUTO_TEST_CASE(a_hash_verifies_its_password_only) {
    auto hash = base::hash_password("correct horse");
    BOOST_REQUIRE(hash);
    BOOST_TEST(hash.value().starts_with("$y$"));
    BOOST_TEST(base::verify_password("correct horse", hash.value()));
    BOOST_TEST(!base::verify_password("correct hors", hash.value()));
    BOOST_TEST(!base::verify_password("", hash.value()));
    auto other = base::hash_password("correct horse");
    BOOST_REQUIRE(other);
    BOOST_TEST(other.value() != hash.value());
}

// Known pairs of other systems: crypt(5).
BOOST_AUTO_TEST_CASE(imported_hashes_verify) {
    // Made by openssl passwd -6.
    BOOST_TEST(base::verify_password(
        "Hello world!",
        "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoE"
        "OfaS35inz1"));
    BOOST_TEST(!base::verify_password(
        "Hello world?",
        "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoE"
        "OfaS35inz1"));
    // Openwall's bcrypt example.
    BOOST_TEST(base::verify_password(
        "U*U", "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"));
}

BOOST_AUTO_TEST_CASE(unusable_passwords_and_hashes_are_refused) {
    for (const std::string& bad :
         {std::string(), std::string("a\0b", 3), std::string(base::kPasswordMax + 1, 'x')}) {
        auto hash = base::hash_password(bad);
        BOOST_REQUIRE(!hash);
        BOOST_CHECK(hash.error().code == Errc::Invalid);
    }
    BOOST_TEST(bool(base::hash_password(std::string(base::kPasswordMax, 'x'))));
    for (const char* hash : {"", "plain", "*", "*0", "$y$", "$argon2id$v=19$m=65536", "!", "x"}) {
        BOOST_TEST(!base::verify_password("plain", hash), hash);
    }
}

BOOST_AUTO_TEST_CASE(wasting_takes_about_as_long_as_verifying) {
    auto hash = base::hash_password("x");
    BOOST_REQUIRE(hash);
    const auto time_of = [](auto work) {
        const base::Instant start = base::monotonic_now();
        for (int i = 0; i < 3; ++i) {
            work();
        }
        return base::monotonic_now() - start;
    };
    const auto verify = time_of([&] { (void)base::verify_password("y", hash.value()); });
    const auto waste = time_of([] { base::waste_password_time("y"); });
    BOOST_CHECK(waste > verify / 5);
}

BOOST_AUTO_TEST_SUITE_END()
