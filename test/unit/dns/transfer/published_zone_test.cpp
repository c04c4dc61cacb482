#include "dns/transfer/published_zone.h"

#include <random>

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/transfer/secondary.h"

namespace {

using dns::transfer::next_version;
using dns::transfer::SerialOrigin;
using dns::transfer::SharedZone;
using dns::transfer::TransferKind;
using dns_test::fixed;
using dns_test::Secondary;
using dns_test::steered;

BOOST_AUTO_TEST_SUITE(published_zone)

BOOST_AUTO_TEST_CASE(a_secondary_gets_the_zone_once_and_then_what_changed) {
    const auto rows = fixed({"www A 192.0.2.1", "mail A 192.0.2.2"}, true);
    SharedZone zone =
        next_version(nullptr, 7, SerialOrigin::Own, rows, {steered({{1, 10}, {2, 20}}), nullptr});
    Secondary secondary;
    BOOST_TEST((secondary.fetch(zone) == TransferKind::Whole));
    BOOST_TEST(secondary.records.size() == 6U);  // two NS, two A, two MX
    BOOST_TEST((secondary.fetch(zone) == TransferKind::UpToDate));
    zone = next_version(zone, 8, SerialOrigin::Own, rows, {steered({{2, 10}, {1, 20}}), nullptr});
    const auto delta = dns::transfer::delta_since(*zone, 7);
    BOOST_REQUIRE(delta);
    BOOST_TEST(delta->records.removed.count() == 2U);
    BOOST_TEST(delta->records.added.count() == 2U);
    BOOST_TEST((secondary.fetch(zone) == TransferKind::Delta));
    BOOST_TEST(secondary.records.contains("example.test. 60 MX 10 mx2.hosts.test."));
    BOOST_TEST(secondary.serial == 8U);
}

BOOST_AUTO_TEST_CASE(what_is_taken_back_is_not_sent) {
    const auto before = fixed({"www A 192.0.2.1"});
    SharedZone zone = next_version(nullptr, 1, SerialOrigin::Own, before, {});
    zone = next_version(zone, 2, SerialOrigin::Own, fixed({"www A 192.0.2.9"}), {});
    zone = next_version(zone, 3, SerialOrigin::Own, before, {});
    const auto delta = dns::transfer::delta_since(*zone, 1);
    BOOST_REQUIRE(delta);
    BOOST_TEST(delta->records.empty());
}

BOOST_AUTO_TEST_CASE(an_unknown_version_gets_the_zone_whole) {
    const auto rows = fixed({"www A 192.0.2.1"});
    SharedZone zone = next_version(nullptr, 5, SerialOrigin::Own, rows, {});
    zone = next_version(zone, 6, SerialOrigin::Own, fixed({"www A 192.0.2.2"}), {});
    BOOST_TEST(!dns::transfer::delta_since(*zone, 4));
    BOOST_TEST(!dns::transfer::delta_since(*zone, 6));
}

// Another name server published something else under that serial.
BOOST_AUTO_TEST_CASE(nothing_is_derived_from_a_serial_of_others) {
    const auto rows = fixed({"www A 192.0.2.1"});
    SharedZone zone = next_version(nullptr, 5, SerialOrigin::Own, rows, {});
    zone = next_version(zone, 9, SerialOrigin::Foreign, rows, {});
    BOOST_TEST(zone->past.empty());
    zone = next_version(zone, 10, SerialOrigin::Own, fixed({"www A 192.0.2.2"}), {});
    BOOST_TEST(!dns::transfer::delta_since(*zone, 9));
    BOOST_TEST(!dns::transfer::delta_since(*zone, 5));
    zone = next_version(zone, 11, SerialOrigin::Own, rows, {});
    BOOST_TEST(dns::transfer::delta_since(*zone, 10).has_value());
}

BOOST_AUTO_TEST_CASE(history_takes_no_more_memory_than_its_bound) {
    SharedZone zone = next_version(
        nullptr, 1, SerialOrigin::Own, fixed({"www A 192.0.2.1"}, true), {steered({{1, 10}}), {}});
    for (std::uint32_t serial = 2; serial < 5000; ++serial) {
        const auto preference = static_cast<std::uint16_t>(serial % 7);
        zone = next_version(
            zone, serial, SerialOrigin::Own, zone->fixed, {steered({{1, preference}}), nullptr});
    }
    std::size_t octets = 0;
    for (const auto& version : zone->past) {
        octets += version.memory();
    }
    BOOST_TEST(octets <= dns::transfer::kHistoryAlways);
    BOOST_TEST(zone->past.size() >= 5U);
    BOOST_TEST(zone->past.back().serial == 4998U);
}

// Secondaries that fetch now and then have, after each fetch, the zone of that moment.
BOOST_AUTO_TEST_CASE(secondaries_follow_any_sequence_of_changes) {
    const unsigned seed = std::random_device{}();
    BOOST_TEST_MESSAGE("seed " << seed);
    std::mt19937 random(seed);
    const auto pick = [&random](unsigned bound) { return static_cast<unsigned>(random() % bound); };
    SharedZone zone;
    std::vector<Secondary> secondaries(4);
    std::size_t deltas = 0;
    bool steers = true;
    std::vector<std::string> rows;
    std::uint32_t serial = 0xfffffe00U;  // passes its end on the way
    for (int step = 0; step < 1200; ++step) {
        if (zone == nullptr || pick(3) == 0) {
            steers = pick(10) != 0;
            rows.clear();
            for (unsigned i = 0; i < 12; ++i) {
                rows.push_back("h" + std::to_string(i) + " A 192.0.2." + std::to_string(pick(3)));
            }
            for (unsigned i = 0; !steers && i <= pick(3); ++i) {
                rows.push_back("@ MX 10 mx" + std::to_string(i) + ".hosts.test.");
            }
        }
        std::vector<std::pair<int, std::uint16_t>> hosts;
        for (int host = 1; host <= 3; ++host) {
            if (pick(4) != 0) {
                hosts.emplace_back(host, static_cast<std::uint16_t>(10 * (1 + pick(3))));
            }
        }
        serial = serial + 1 == 0 ? 1 : serial + 1;
        zone = next_version(zone,
                            serial,
                            pick(50) == 0 ? SerialOrigin::Foreign : SerialOrigin::Own,
                            fixed(rows, steers),
                            {steered(hosts, 60 + pick(2)), nullptr});
        Secondary whole;
        (void)whole.fetch(zone);
        for (std::size_t i = 0; i < secondaries.size(); ++i) {
            if (pick(1U << i) == 0) {
                deltas += secondaries[i].fetch(zone) == TransferKind::Delta ? 1U : 0U;
                BOOST_REQUIRE(secondaries[i].records == whole.records);
                BOOST_REQUIRE(secondaries[i].soa == whole.soa);
            }
        }
    }
    BOOST_TEST(deltas > 1000U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
