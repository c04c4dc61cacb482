#include "dns/served_hosts.h"

#include <algorithm>

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/steering/steering_fixture.h"
#include "test/unit/dns/world.h"

namespace {

using dns::NameTable;
using dns::ServedHosts;
using dns::steering::ServerId;

std::shared_ptr<const NameTable> table_of(std::vector<std::string> lines) {
    lines.insert(lines.end(), {"ns1 A 192.0.2.61", "ns2 A 192.0.2.62"});
    const auto zone = dns::build_zone(dns_test::zone_source("hosts.test", lines)).take_value();
    return std::make_shared<const NameTable>(
        NameTable::Zones{
            std::make_shared<const dns::ZoneImage>(dns::compile_zone(zone).take_value())},
        7);
}

dns::Name name(const std::string& text) {
    return dns::Name::from_text(text).take_value();
}

dns::SteeredHost host(std::uint64_t id, const std::string& text) {
    dns::SteeredHost made;
    made.id = ServerId{id};
    made.name = name(text);
    return made;
}

ServedHosts::Hosts hosts(std::vector<dns::SteeredHost> list) {
    return std::make_shared<const std::vector<dns::SteeredHost>>(std::move(list));
}

ServedHosts::Table steering_table(dns::steering::Policy policy) {
    auto input = dns::steering::fixture::pool_of({1, 2, 2, 3}, policy);  // ids 100 to 103
    input.servers[3].forced = dns::steering::ForcedState::Drained;
    return std::make_shared<const dns::steering::SteeringTable>(
        dns::steering::build_table(input).take_value());
}

std::string servers_of(const ServedHosts::Table& table) {
    std::string text;
    for (const auto& entry : dns::steering::answer_entries(
             *table, dns::steering::canonical_answer(*table), table->list_max)) {
        text += std::to_string(table->servers[entry.server].id.value) + " ";
    }
    return text;
}

const std::vector<std::string> kLines = {"mx1 A 192.0.2.1",
                                         "mx2 AAAA 2001:db8::2",
                                         "alias CNAME mx1",
                                         "text TXT \"no address\"",
                                         "*.wild A 192.0.2.3",
                                         "*.wildalias CNAME mx1",
                                         "sub NS ns.elsewhere.test.",
                                         "gone DNAME elsewhere.test."};

}  // namespace

BOOST_AUTO_TEST_SUITE(served_hosts)

BOOST_AUTO_TEST_CASE(a_target_is_no_alias_and_has_an_address) {
    const auto names = table_of(kLines);
    for (const char* good : {"mx1.hosts.test",
                             "MX2.hosts.test",
                             "mx1.elsewhere.test",
                             "any.wild.hosts.test",
                             "mx1.sub.hosts.test",
                             "sub.hosts.test"}) {
        BOOST_TEST(dns::is_servable(*names, name(good)), good);
    }
    for (const char* bad : {"alias.hosts.test",
                            "text.hosts.test",
                            "nothing.hosts.test",
                            "any.wildalias.hosts.test",
                            "mx1.gone.hosts.test",
                            "wild.hosts.test",
                            "x._account.hosts.test"}) {
        BOOST_TEST(!dns::is_servable(*names, name(bad)), bad);
    }
}

BOOST_AUTO_TEST_CASE(hosts_that_are_right_are_left_alone) {
    const auto names = table_of(kLines);
    ServedHosts served;
    const auto list = hosts({host(100, "mx1.hosts.test"), host(101, "mx.elsewhere.test")});
    BOOST_TEST(served.take(list, names) == list);
    const auto table = steering_table(dns::steering::Policy::Roundtable);
    BOOST_TEST(served.servable(table) == table);
    BOOST_TEST(served.take(nullptr, names) == nullptr);
}

BOOST_AUTO_TEST_CASE(a_host_keeps_the_name_under_which_it_was_right) {
    const auto names = table_of(kLines);
    ServedHosts served;
    (void)served.take(hosts({host(100, "mx1.hosts.test"), host(101, "mx2.hosts.test")}), names);
    const auto list = hosts({host(100, "alias.hosts.test"), host(101, "mx2.hosts.test")});
    const auto named = served.take(list, names);
    BOOST_TEST(named->at(0).name.to_text() == "mx1.hosts.test.");
    BOOST_TEST(named->at(1).name.to_text() == "mx2.hosts.test.");
    BOOST_TEST(served.take(list, names) == named, "the same while nothing changed");
    // Once the zone knows the new name, it is taken.
    const auto other = table_of({"alias A 192.0.2.1", "mx2 A 192.0.2.2"});
    BOOST_TEST(served.take(list, other)->at(0).name.to_text() == "alias.hosts.test.");
}

BOOST_AUTO_TEST_CASE(a_host_that_never_was_right_is_in_no_answer) {
    const auto names = table_of(kLines);
    ServedHosts served;
    (void)served.take(hosts({host(100, "mx1.hosts.test"), host(101, "alias.hosts.test")}), names);
    using dns::steering::Policy;
    for (const Policy policy : {Policy::Load, Policy::Roundtable, Policy::Rotate, Policy::Static}) {
        const auto table = steering_table(policy);
        const auto narrowed = served.servable(table);
        BOOST_REQUIRE(narrowed != nullptr);
        BOOST_TEST((narrowed->policy == policy));
        BOOST_TEST(narrowed->ttl_s == table->ttl_s);
        const std::string left = servers_of(narrowed);
        BOOST_TEST(left.find("101") == std::string::npos, left);
        BOOST_TEST(left.find("103") == std::string::npos, "it is drained: " << left);
        BOOST_TEST(left.size() == 8U, left);
    }
}

BOOST_AUTO_TEST_CASE(what_operators_took_out_comes_back_last) {
    ServedHosts served;
    const auto table = steering_table(dns::steering::Policy::Roundtable);
    std::vector<dns::SteeredHost> list = {host(100, "alias.hosts.test"),
                                          host(101, "text.hosts.test"),
                                          host(102, "nothing.hosts.test"),
                                          host(103, "mx1.hosts.test")};
    (void)served.take(hosts(list), table_of(kLines));
    BOOST_TEST(servers_of(served.servable(table)) == "103 ");
    list[3].name = name("nothing2.hosts.test");
    ServedHosts other;
    (void)other.take(hosts(list), table_of(kLines));
    BOOST_TEST(other.servable(table) == nullptr, "none at all: SERVFAIL");
}

BOOST_AUTO_TEST_SUITE_END()
