#include "base/uuid.h"

#include <set>

#include <boost/test/unit_test.hpp>

#include "base/clock.h"

using base::Uuid;

BOOST_AUTO_TEST_SUITE(uuid)

BOOST_AUTO_TEST_CASE(text_goes_both_ways) {
    const std::string text = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
    auto parsed = Uuid::parse(text);
    BOOST_REQUIRE(parsed);
    BOOST_TEST(parsed.value().to_text() == text);
    auto upper = Uuid::parse("017F22E2-79B0-7CC3-98C4-DC0C0C07398F");
    BOOST_REQUIRE(upper);
    BOOST_CHECK(upper.value() == parsed.value());
    // RFC 9562 A.6: Tuesday, February 22, 2022 2:22:22.00 PM GMT-05:00.
    BOOST_TEST(parsed.value().time_us() == 1645557742000000);
}

BOOST_AUTO_TEST_CASE(refuses_anything_else) {
    for (const char* text : {"",
                             "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
                             "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
                             "017f22e279b0-7cc3-98c4-dc0c0c07398f-",
                             "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
                             "{17f22e2-79b0-7cc3-98c4-dc0c0c07398}",
                             "017f22e2_79b0_7cc3_98c4_dc0c0c07398f"}) {
        BOOST_TEST(!Uuid::parse(text), text);
    }
}

BOOST_AUTO_TEST_CASE(random_ids_have_version_and_variant) {
    std::set<Uuid> seen;
    for (int i = 0; i < 1000; ++i) {
        const Uuid id = Uuid::random();
        const std::string text = id.to_text();
        BOOST_TEST(text[14] == '4');
        BOOST_TEST(std::string("89ab").find(text[19]) != std::string::npos);
        BOOST_CHECK(seen.insert(id).second);
    }
}

BOOST_AUTO_TEST_CASE(time_ordered_ids_only_grow) {
    Uuid last;
    const std::int64_t before = base::wall_us();
    for (int i = 0; i < 10000; ++i) {
        const Uuid id = Uuid::time_ordered();
        BOOST_REQUIRE(last < id);
        last = id;
    }
    const std::string text = last.to_text();
    BOOST_TEST(text[14] == '7');
    BOOST_TEST(last.time_us() >= before / 1000 * 1000);
    BOOST_TEST(last.time_us() < base::wall_us() + 10'000'000);
}

BOOST_AUTO_TEST_CASE(lower_bound_is_below_each_id_of_its_time_and_after) {
    const Uuid low = Uuid::lower_bound_at(base::wall_us());
    BOOST_CHECK(low < Uuid::time_ordered());
    BOOST_CHECK(Uuid::lower_bound_at(1'000'000) < Uuid::lower_bound_at(1'001'000));
    BOOST_TEST(Uuid::lower_bound_at(1'234'000).time_us() == 1'234'000);
}

BOOST_AUTO_TEST_CASE(nil_is_the_default) {
    BOOST_TEST(Uuid().is_nil());
    BOOST_TEST(!Uuid::random().is_nil());
    BOOST_TEST(Uuid().to_text() == "00000000-0000-0000-0000-000000000000");
}

BOOST_AUTO_TEST_SUITE_END()
