#include "dns/directory/zone_sources.h"

#include <algorithm>

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/directory/world.h"

namespace {

dns::ZoneSource source(const dns::Directory& directory, std::size_t domain) {
    return dns::zone_source(directory, dns::hosts_by_domain(directory), directory.domains[domain]);
}

bool has(const dns::ZoneSource& source,
         std::string_view owner,
         std::string_view type,
         std::string_view data) {
    return std::ranges::any_of(source.records, [&](const dns::RecordRow& row) {
        return row.owner == owner && row.type == type && row.data == data;
    });
}

std::size_t count(const dns::ZoneSource& source, std::string_view owner) {
    return static_cast<std::size_t>(
        std::ranges::count(source.records, owner, &dns::RecordRow::owner));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_zone_sources)

BOOST_AUTO_TEST_CASE(a_domain_becomes_a_zone_that_builds) {
    const auto directory = dns_test::directory();
    for (std::size_t i = 0; i < directory.domains.size(); ++i) {
        const auto zone = dns::build_zone(source(directory, i));
        BOOST_TEST(bool(zone), (zone ? "" : zone.error().detail));
    }
    const auto mail = source(directory, 1);
    BOOST_TEST(mail.steers_mail);
    BOOST_TEST(mail.steers_access);
    BOOST_TEST(mail.soa.primary == "ns1.hosts.test");
    BOOST_TEST(mail.soa.contact == "post.master@mail.test");
    BOOST_TEST(source(directory, 0).soa.contact == "hostmaster@hosts.test");
    const auto www = std::ranges::find(mail.records, "www", &dns::RecordRow::owner);
    BOOST_TEST(www->ttl == 100U);
    const auto txt = std::ranges::find(mail.records, "txt", &dns::RecordRow::owner);
    BOOST_TEST(txt->ttl == 3600U);
}

BOOST_AUTO_TEST_CASE(name_servers_of_the_cluster_serve_where_none_is_stated) {
    auto directory = dns_test::directory();
    BOOST_TEST(has(source(directory, 1), "@", "NS", "ns1.hosts.test."));
    BOOST_TEST(has(source(directory, 1), "@", "NS", "ns2.hosts.test."));
    directory.domains[1].records.push_back({"@", "NS", std::nullopt, "ns.other.test."});
    BOOST_TEST(!has(source(directory, 1), "@", "NS", "ns1.hosts.test."));
    directory.name_servers.clear();
    BOOST_TEST(source(directory, 1).soa.primary == "ns.other.test.");
}

BOOST_AUTO_TEST_CASE(hosts_get_their_addresses_where_none_are_written) {
    auto directory = dns_test::directory();
    const auto before = source(directory, 0);
    BOOST_TEST(has(before, "mx1", "A", "192.0.2.1"));
    BOOST_TEST(has(before, "mx1", "AAAA", "2001:db8::1"));
    BOOST_TEST(has(before, "ns2", "AAAA", "2001:db8::53"));
    BOOST_TEST(has(before, "access1", "A", "192.0.2.11"));
    BOOST_TEST(count(source(directory, 1), "mx1") == 0U);
    directory.domains[0].records.push_back({"mx1", "A", std::nullopt, "198.51.100.1"});
    const auto after = source(directory, 0);
    BOOST_TEST(count(after, "mx1") == 1U);
    BOOST_TEST(has(after, "mx1", "A", "198.51.100.1"));
}

BOOST_AUTO_TEST_CASE(a_host_belongs_to_the_innermost_domain) {
    auto directory = dns_test::directory();
    dns::DirectoryDomain inner;
    inner.name = "mx1.hosts.test";
    directory.domains.push_back(inner);
    BOOST_TEST(count(source(directory, 0), "mx1") == 0U);
    BOOST_TEST(has(source(directory, 2), "@", "A", "192.0.2.1"));
}

BOOST_AUTO_TEST_SUITE_END()
