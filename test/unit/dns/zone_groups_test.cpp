#include "dns/zone_groups.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/world.h"

using dns::GroupedZone;
using dns::PoolInput;
using dns::steering::SteeringCommit;
using dns::steering::SteeringTable;
using dns::steering::ZoneTables;

namespace {

std::shared_ptr<const SteeringTable> table_of(const dns_test::Pool& pool) {
    return std::make_shared<const SteeringTable>(
        dns::steering::build_table(pool.input).take_value());
}

GroupedZone steered(std::string name) {
    return {std::move(name), true, false, true, false};
}

GroupedZone plain(std::string name) {
    return {std::move(name), false, false, false, false};
}

// Three mail servers; the views of a commit are kept until set_views().
struct Grouping {
    Grouping() {
        set_views({{"a.test", 0}, {"b.test", 0}, {"c.test", 1}});
        mail.commit = commit({1, 1, 1});
        mail.hosts = std::make_shared<const std::vector<dns::SteeredHost>>(
            dns_test::pool(dns::PoolKind::Mail, {1, 1, 1}).hosts);
    }

    void set_views(ZoneTables wanted) {
        views = std::make_shared<const ZoneTables>(std::move(wanted));
    }

    // Table 0 has these weights, table 1 the first server alone.
    [[nodiscard]] std::shared_ptr<const SteeringCommit> commit(
        const std::vector<double>& weights) const {
        auto made = std::make_shared<SteeringCommit>();
        made->pool = "mail";
        made->cause = "load";
        made->tables = {table_of(dns_test::pool(dns::PoolKind::Mail, weights)),
                        table_of(dns_test::pool(dns::PoolKind::Mail, {1}))};
        made->zones = views;
        return made;
    }

    void assign() {
        const base::Status assigned = groups.assign(mail, {}, names);
        BOOST_REQUIRE_MESSAGE(bool(assigned), (assigned ? "" : assigned.error().detail));
    }

    [[nodiscard]] const dns::SteeredSet* set_of(std::uint32_t zone) const {
        return groups.group(zone).mail.set.get();
    }

    std::shared_ptr<const ZoneTables> views;
    PoolInput mail;
    std::shared_ptr<const dns::NameTable> names =
        std::make_shared<const dns::NameTable>(dns::NameTable::Zones{}, 7);
    dns::ZoneGroups groups;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(zone_groups, Grouping)

BOOST_AUTO_TEST_CASE(zones_that_are_steered_alike_share_a_group_and_a_set) {
    groups.take_zones({steered("a.test"),
                       steered("b.test"),
                       steered("c.test"),
                       plain("d.test"),
                       plain("e.test")});
    assign();
    const auto& of = *groups.group_of();
    BOOST_TEST(groups.groups().size() == 3U);
    BOOST_TEST(of[0] == of[1]);
    BOOST_TEST(of[0] != of[2]);
    BOOST_TEST(of[3] == of[4]);
    BOOST_TEST(set_of(0) != nullptr);
    BOOST_TEST(set_of(2) != set_of(0));
    BOOST_TEST(set_of(3) == nullptr);
    BOOST_TEST(groups.memory() > 0U);
}

BOOST_AUTO_TEST_CASE(a_change_of_the_steering_leaves_the_places_of_zones_alone) {
    groups.take_zones({steered("a.test"), steered("b.test"), steered("c.test")});
    assign();
    const auto of = groups.group_of();
    const auto first = groups.group(0).mail.set;
    const auto second = groups.group(2).mail.set;
    auto next = std::make_shared<SteeringCommit>(*commit({1, 4, 9}));
    next->tables[1] = mail.commit->tables[1];
    mail.commit = next;
    assign();
    BOOST_TEST(groups.group_of() == of);
    BOOST_TEST(set_of(0) != first.get());
    BOOST_TEST(set_of(2) == second.get(), "its table is the same one");
}

BOOST_AUTO_TEST_CASE(other_views_and_other_zones_make_other_groups) {
    groups.take_zones({steered("a.test"), steered("b.test"), steered("c.test")});
    assign();
    const auto old = groups.group_of();
    set_views({{"a.test", 0}, {"b.test", 1}, {"c.test", 1}});
    mail.commit = commit({1, 1, 1});
    assign();
    BOOST_TEST(groups.group_of() != old);
    BOOST_TEST((*groups.group_of())[1] == (*groups.group_of())[2]);
    groups.take_zones({steered("b.test")});
    assign();
    BOOST_TEST(groups.group_of()->size() == 1U);
    BOOST_TEST(groups.groups().size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_zone_without_a_table_keeps_the_set_that_it_had) {
    groups.take_zones({steered("a.test"), steered("b.test"), steered("c.test")});
    assign();
    const auto had = groups.group(2).mail.set;
    GroupedZone refused = steered("c.test");
    refused.has_mail_servers = false;
    groups.take_zones({steered("a.test"), steered("b.test"), refused});
    mail.commit = commit({9, 1, 1});
    assign();
    BOOST_TEST(set_of(2) == had.get());
    BOOST_TEST(!groups.group(2).mail.nameless);
    BOOST_TEST(set_of(0) != had.get());
    BOOST_TEST(groups.groups()[(*groups.group_of())[2]].sets().mail == had);
}

BOOST_AUTO_TEST_CASE(a_group_whose_hosts_have_no_name_has_no_set_for_answers) {
    const auto zone = dns::build_zone(
        dns_test::zone_source("hosts.test", {"ns1 A 192.0.2.61", "ns2 A 192.0.2.62"}));
    names = std::make_shared<const dns::NameTable>(
        dns::NameTable::Zones{
            std::make_shared<const dns::ZoneImage>(dns::compile_zone(zone.value()).take_value())},
        7);
    groups.take_zones({steered("a.test")});
    assign();
    BOOST_TEST(groups.group(0).mail.nameless);
    BOOST_TEST(groups.group(0).sets().nameless);
    BOOST_TEST(groups.group(0).sets().mail == nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
