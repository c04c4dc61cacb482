#include "base/p256.h"

#include <boost/test/unit_test.hpp>

using base::P256Key;

BOOST_AUTO_TEST_SUITE(base_p256)

BOOST_AUTO_TEST_CASE(a_key_is_its_secret) {
    const P256Key key = P256Key::generate();
    const P256Key again = P256Key::from_secret(key.secret()).take_value();
    BOOST_TEST(again.point() == key.point());
    BOOST_TEST(key.point().size() == base::kP256PointSize);
    BOOST_TEST(base::is_p256_point(key.point()));
    const std::string one = key.sign("text");
    BOOST_TEST(one != again.sign("text"), "another each time");
    BOOST_TEST(base::p256_verify(again.point(), "text", one));
    BOOST_TEST(!base::p256_verify(again.point(), "texts", one));
    BOOST_TEST(!base::p256_verify(P256Key::generate().point(), "text", one));
}

BOOST_AUTO_TEST_CASE(both_sides_agree) {
    const P256Key one = P256Key::generate();
    const P256Key other = P256Key::generate();
    BOOST_TEST((one.agree(other.point()).value() == other.agree(one.point()).value()));
}

BOOST_AUTO_TEST_CASE(what_is_no_key_is_refused) {
    const P256Key key = P256Key::generate();
    BOOST_TEST((P256Key::from_secret(std::string(32, '\0')).error().code == base::Errc::Invalid));
    BOOST_TEST((P256Key::from_secret(std::string(32, '\xff')).error().code == base::Errc::Invalid));
    BOOST_TEST((P256Key::from_secret("short").error().code == base::Errc::Invalid));
    std::string off = key.point();
    off.back() = static_cast<char>(off.back() ^ 1);
    BOOST_TEST(!base::is_p256_point(off));
    BOOST_TEST((key.agree(off).error().code == base::Errc::Invalid));
    BOOST_TEST(!base::p256_verify(off, "text", key.sign("text")));
    BOOST_TEST(!base::p256_verify(key.point(), "text", "short"));
    BOOST_TEST(!base::p256_verify("", "text", key.sign("text")));
}

BOOST_AUTO_TEST_SUITE_END()
