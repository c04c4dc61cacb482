#include "dns/dnssec/variant_choice.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/dnssec/text.h"

using namespace dns::dnssec;  // NOLINT(google-build-using-namespace): what is tested
using dnssec_test::data;

namespace {

constexpr std::int64_t kNow = 1'800'000'000;

SignedVariant variant(std::uint64_t content, unsigned long long hosts) {
    SignedVariant made;
    made.content = content;
    made.hosts = HostMask(hosts);
    made.validity = {kNow - 10, kNow + 10};
    return made;
}

struct Case {
    const char* what;
    std::uint64_t wanted;
    HostsOut out;
    VariantServed served;
    std::uint64_t content;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_dnssec_variant_choice)

BOOST_AUTO_TEST_CASE(the_nearest_signed_variant_is_served) {
    const std::vector<SignedVariant> list = {variant(3, 0b0110), variant(2, 0b0011)};
    const SignedVariant anchor = variant(1, 0b0111);
    const Case cases[] = {
        {"signed", 2, {}, VariantServed::Wanted, 2},
        {"the anchor itself", 1, {}, VariantServed::Wanted, 1},
        {"the newest", 9, {}, VariantServed::Fallback, 3},
        {"not with one that probes took out", 9, {0, 0b0100, 0}, VariantServed::Fallback, 2},
        {"nor with one that an operator did", 9, {0, 0, 0b0100}, VariantServed::Fallback, 2},
        {"all have it, by probes", 9, {0, 0b0010, 0}, VariantServed::Anchor, 1},
        {"all have it, by an operator", 9, {0, 0, 0b0010}, VariantServed::Wait, 1},
        {"nor one of another list of servers", 9, {7, 0, 0b0100}, VariantServed::Wait, 1},
        {"signed, whatever is out", 2, {0, 0b0001, 0}, VariantServed::Wanted, 2},
    };
    for (const Case& line : cases) {
        const VariantChoice made = choose_variant(line.wanted, list, anchor, line.out, kNow);
        BOOST_TEST((made.served == line.served), line.what);
        BOOST_TEST(made.variant->content == line.content, line.what);
    }
}

BOOST_AUTO_TEST_CASE(a_signature_that_has_ended_is_not_served) {
    const std::vector<SignedVariant> list = {variant(2, 1)};
    const SignedVariant anchor = variant(1, 1);
    BOOST_TEST((choose_variant(2, list, anchor, {}, kNow + 9).served == VariantServed::Wanted));
    const VariantChoice late = choose_variant(2, list, anchor, {}, kNow + 10);
    BOOST_TEST((late.served == VariantServed::Nothing));
    BOOST_TEST(late.variant == nullptr);
    BOOST_TEST(with_variant(list, variant(3, 1), kNow + 10).size() == 1U);
}

BOOST_AUTO_TEST_CASE(the_list_is_bounded_and_has_each_content_once) {
    std::vector<SignedVariant> list;
    for (std::uint64_t content = 0; content < 2 * kVariantsMax; ++content) {
        list = with_variant(std::move(list), variant(content, 1), kNow);
    }
    BOOST_TEST(list.size() == kVariantsMax);
    BOOST_TEST(list.front().content == 2 * kVariantsMax - 1);
    list = with_variant(std::move(list), variant(kVariantsMax + 5, 1), kNow);
    BOOST_TEST(list.size() == kVariantsMax);
    BOOST_TEST(list.front().content == kVariantsMax + 5);
}

BOOST_AUTO_TEST_CASE(content_is_what_is_signed) {
    const auto content = [](std::uint32_t ttl, std::vector<std::string> records) {
        return variant_content(15, {ttl, std::move(records)}).value();
    };
    const std::uint64_t one = content(60, {data("MX", "10 a.test."), data("MX", "20 b.test.")});
    BOOST_TEST(one == content(60, {data("MX", "20 B.test."), data("MX", "10 a.test.")}));
    BOOST_TEST(one != content(61, {data("MX", "10 a.test."), data("MX", "20 b.test.")}));
    BOOST_TEST(one != content(60, {data("MX", "20 a.test."), data("MX", "10 b.test.")}));
}

BOOST_AUTO_TEST_SUITE_END()
