#include "dns/snapshot.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/parts.h"
#include "test/unit/dns/world.h"

namespace {

std::shared_ptr<const dns::NameTable> names_of(const dns::ZoneSource& source) {
    auto image = dns::compile_zone(dns::build_zone(source).take_value()).take_value();
    return std::make_shared<const dns::NameTable>(
        dns::NameTable::Zones{std::make_shared<const dns::ZoneImage>(std::move(image))}, 1);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_snapshot)

BOOST_AUTO_TEST_CASE(is_refused_while_a_steered_zone_has_no_set) {
    auto source = dns_test::zone_source("mail.test", {});
    source.steers_mail = true;
    dns::Snapshot::Source wanted;
    wanted.names = names_of(source);
    BOOST_TEST(!dns::Snapshot::create(wanted), "no sets at all");
    dns_test::steer_all(wanted, 1, 1);
    BOOST_TEST(!dns::Snapshot::create(wanted), "no mail set");
    wanted.groups[0].mail =
        dns::SteeredSet::build(dns_test::pool(dns::PoolKind::Mail, {1}).source(), *wanted.names)
            .take_value();
    BOOST_TEST(bool(dns::Snapshot::create(wanted)));
    // What was looked at once is not looked at again; what is new is.
    dns::Snapshot::Source next = wanted;
    BOOST_TEST(bool(dns::Snapshot::create(next, &wanted)));
    next.groups[0].mail = nullptr;
    BOOST_TEST(!dns::Snapshot::create(next, &wanted));
    next.groups[0].nameless = true;
    BOOST_TEST(bool(dns::Snapshot::create(next, &wanted)));
    next.serials = dns_test::each(2, 1);
    BOOST_TEST(!dns::Snapshot::create(next, &wanted), "of two zones");
}

BOOST_AUTO_TEST_CASE(an_unsteered_zone_needs_no_set) {
    dns::Snapshot::Source wanted;
    wanted.names = names_of(dns_test::zone_source("plain.test", {}));
    dns_test::steer_all(wanted, 1, 1);
    BOOST_TEST(bool(dns::Snapshot::create(wanted)));
}

BOOST_AUTO_TEST_SUITE_END()
