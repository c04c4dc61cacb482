#include "dns/snapshot_builder.h"

#include <algorithm>

#include <boost/test/unit_test.hpp>

#include "dns/directory/pools.h"
#include "dns/steering/engine.h"
#include "test/unit/dns/directory/world.h"
#include "test/unit/dns/dnssec/text.h"
#include "test/unit/dns/world.h"

using dns::PoolName;
using dns::RrType;
using dns_test::Asker;

namespace {

struct Building {
    dns::PoolInput pool(PoolName name) const {
        const auto plan = dns::plan_pool(directory, name);
        if (plan.empty()) {
            return {};
        }
        auto engine = dns::steering::SteeringEngine::create(plan.config, {}).take_value();
        return {engine.poll({}), std::make_shared<const std::vector<dns::SteeredHost>>(plan.hosts)};
    }

    // What was built, and the snapshot of it.
    struct Built : dns::BuildReport {
        std::unique_ptr<const dns::Snapshot> snapshot;
    };

    base::Result<Built> build() {
        return build(std::make_shared<const dns::Directory>(directory),
                     pool(PoolName::Mail),
                     pool(PoolName::Access));
    }

    base::Result<Built> build(const std::shared_ptr<const dns::Directory>& of,
                              const dns::PoolInput& mail_pool,
                              const dns::PoolInput& access_pool) {
        Built built{TRY(builder.build(
                        {of, mail_pool, access_pool, rights, now_s, {}, build_threads, stop})),
                    nullptr};
        built.snapshot = TRY(
            builder.snapshot(serials == nullptr ? builder.directory_serials() : serials, nullptr));
        return built;
    }

    // As after `roundtable dnssec enable mail.test`.
    void sign_mail() {
        const auto key = dnssec_test::p256_key();
        dns::dnssec::StoredKeys stored;
        stored.domain = "mail.test";
        stored.revision = 1;
        dns::dnssec::KeyRecord record;
        record.id = 1;
        record.key = dnssec_test::public_half(key);
        stored.keys.keys = {record};
        directory.signing = {stored};
        directory.secrets =
            std::make_shared<const dns::dnssec::Secrets>(dns::dnssec::Secrets{{1, key.secret()}});
    }

    dns::DirectoryDomain& mail() { return directory.domains[1]; }

    dns::Directory directory = dns_test::directory();
    dns::SnapshotBuilder builder{7};
    dns::Snapshot::PerZone<std::uint32_t> serials;  // null: the directory's
    std::int64_t now_s = 1'800'000'000;
    unsigned build_threads = 1;
    std::shared_ptr<const dns::transfer::TransferRights> rights;  // null: nobody fetches zones
    std::stop_token stop;
};

// Somebody may fetch every zone.
std::shared_ptr<const dns::transfer::TransferRights> rights_of_a_peer() {
    dns::transfer::PeerConfig peer;
    peer.name = "all";
    peer.networks = {base::Network::parse("192.0.2.0/24").take_value()};
    dns::transfer::TransferConfig config;
    config.peers = {peer};
    return dns::transfer::TransferRights::create(config).take_value();
}

std::vector<std::string> offered(const dns::SnapshotBuilder& builder) {
    std::vector<std::string> names;
    for (const dns::transfer::ZoneOffer& offer : builder.offers()) {
        names.push_back(offer.fixed->apex.to_text());
    }
    return names;
}

std::size_t answers(const dns::Snapshot& snapshot, std::string_view name, RrType type) {
    return Asker(snapshot).ask(name, type).answer.size();
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(dns_snapshot_builder, Building)

BOOST_AUTO_TEST_CASE(serves_what_is_configured) {
    const auto report = build().take_value();
    BOOST_TEST(report.domains == 2U);
    BOOST_TEST(report.refused.empty());
    BOOST_TEST(report.changed.empty(), "nothing was there before");
    const dns::Snapshot& snapshot = *report.snapshot;
    BOOST_TEST(answers(snapshot, "mail.test", RrType::Mx) == 3U);
    BOOST_TEST(answers(snapshot, "imap.mail.test", RrType::A) == 2U);
    BOOST_TEST(answers(snapshot, "www.mail.test", RrType::A) == 1U);
    BOOST_TEST(answers(snapshot, "mx2.hosts.test", RrType::Aaaa) == 1U);
    const auto mx = Asker(snapshot).ask("mail.test", RrType::Mx);
    BOOST_TEST(mx.answer[0].find(" 30 MX ") != std::string::npos, "the domain's own TTL");
    BOOST_TEST(mx.additional.size() == 6U);
    const auto soa = Asker(snapshot).ask("mail.test", RrType::Soa);
    BOOST_TEST(soa.answer.at(0).find(" 12 ") != std::string::npos, "the serial of the directory");
}

BOOST_AUTO_TEST_CASE(a_refused_domain_keeps_its_old_zone) {
    BOOST_REQUIRE(build());
    mail().records.push_back({"bad", "A", std::nullopt, "not an address"});
    mail().records.push_back({"new", "A", std::nullopt, "192.0.2.7"});
    const auto report = build().take_value();
    BOOST_REQUIRE(report.refused.size() == 1U);
    BOOST_TEST(report.refused[0].name == "mail.test");
    BOOST_TEST(report.refused[0].serves_old);
    BOOST_TEST(report.refused[0].reason.find("bad.mail.test") != std::string::npos);
    BOOST_TEST(answers(*report.snapshot, "www.mail.test", RrType::A) == 1U);
    BOOST_TEST(answers(*report.snapshot, "new.mail.test", RrType::A) == 0U);
    BOOST_TEST(answers(*report.snapshot, "mail.test", RrType::Mx) == 3U);
    // The same again: it is still reported, and what is kept on disk is the good one.
    BOOST_TEST(build().value().refused.size() == 1U);
    BOOST_TEST(builder.last_good()->domains.size() == 2U);
    BOOST_TEST(builder.last_good()->domains[1].records.size() == 2U);
    // And it is served once it is mended.
    auto records = mail().records.copy();
    records.erase(records.begin() + 2);
    mail().records = records;
    const auto mended = build().take_value();
    BOOST_TEST(mended.refused.empty());
    BOOST_TEST(mended.changed == std::vector<std::uint32_t>{1}, boost::test_tools::per_element());
    BOOST_TEST(answers(*mended.snapshot, "new.mail.test", RrType::A) == 1U);
}

BOOST_AUTO_TEST_CASE(a_domain_that_was_never_good_is_not_served_and_the_others_are) {
    mail().records.push_back({"bad", "A", std::nullopt, "not an address"});
    const auto report = build().take_value();
    BOOST_TEST(report.domains == 1U);
    BOOST_TEST(!report.refused.at(0).serves_old);
    BOOST_TEST(Asker(*report.snapshot).ask("www.mail.test", RrType::A).rcode == 5U);
    BOOST_TEST(answers(*report.snapshot, "mx1.hosts.test", RrType::A) == 1U);
    BOOST_TEST(builder.last_good()->domains.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_removed_domain_goes) {
    BOOST_REQUIRE(build());
    directory.domains.pop_back();
    const auto report = build().take_value();
    BOOST_TEST(report.domains == 1U);
    BOOST_TEST(Asker(*report.snapshot).ask("www.mail.test", RrType::A).rcode == 5U);
}

BOOST_AUTO_TEST_CASE(a_domain_that_loses_its_pool_while_refused_keeps_its_mx) {
    BOOST_REQUIRE(build());
    mail().mail.clear();
    mail().access.clear();
    mail().records.push_back({"bad", "A", std::nullopt, "not an address"});
    const auto report = build().take_value();
    BOOST_TEST(answers(*report.snapshot, "mail.test", RrType::Mx) == 3U);
}

BOOST_AUTO_TEST_CASE(an_alias_where_a_server_stands_is_refused) {
    BOOST_REQUIRE(build());
    directory.domains[0].records.push_back({"mx1", "CNAME", std::nullopt, "www.elsewhere.test."});
    const auto report = build().take_value();
    BOOST_REQUIRE(report.refused.size() == 1U);
    BOOST_TEST(report.refused[0].name == "hosts.test");
    BOOST_TEST(answers(*report.snapshot, "mx1.hosts.test", RrType::A) == 1U);
}

BOOST_AUTO_TEST_CASE(a_refused_domain_has_the_hosts_of_today) {
    BOOST_REQUIRE(build());
    directory.domains[0].records.push_back({"bad", "A", std::nullopt, "not an address"});
    directory.mail_servers[0].host.host_name = "new.hosts.test";
    const auto report = build().take_value();
    BOOST_TEST(report.refused.size() == 1U);
    BOOST_TEST(answers(*report.snapshot, "new.hosts.test", RrType::A) == 1U);
    BOOST_TEST(answers(*report.snapshot, "mail.test", RrType::Mx) == 3U);
}

BOOST_AUTO_TEST_CASE(a_server_whose_name_is_nowhere_keeps_its_old_one_or_is_left_out) {
    directory.domains[0].records.push_back({"alias", "CNAME", std::nullopt, "www.elsewhere.test."});
    BOOST_REQUIRE(build());
    const auto targets = [this] {
        const auto report = build().take_value();
        auto packet = Asker(*report.snapshot).ask("mail.test", RrType::Mx);
        std::string text = std::to_string(packet.rcode);
        for (std::string& line : packet.answer) {
            line.erase(0, line.rfind(' '));
        }
        std::sort(packet.answer.begin(), packet.answer.end());
        for (const std::string& host : packet.answer) {
            text += host;
        }
        return text;
    };
    directory.mail_servers[2].host.host_name = "alias.hosts.test";
    BOOST_TEST(targets() == "0 mx1.hosts.test. mx2.hosts.test. mx3.hosts.test.");
    // One that never had another name.
    directory.mail_servers[2].id.value = 9;
    auto exchanges = mail().mail.copy();
    exchanges[2].server.value = 9;
    mail().mail = exchanges;
    BOOST_TEST(targets() == "0 mx1.hosts.test. mx2.hosts.test.");
    // Alone it leaves nothing to name, and senders are told to come again.
    exchanges.erase(exchanges.begin(), exchanges.begin() + 2);
    mail().mail = exchanges;
    BOOST_TEST(targets() == "2");
}

BOOST_AUTO_TEST_CASE(a_serial_that_moved_is_served) {
    serials = std::make_shared<const std::vector<std::uint32_t>>(std::vector<std::uint32_t>{1, 99});
    const auto report = build().take_value();
    const auto soa = Asker(*report.snapshot).ask("mail.test", RrType::Soa);
    BOOST_TEST(soa.answer.at(0).find(" 99 ") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_steered_zone_without_a_pool_publishes_nothing) {
    const auto report = build(std::make_shared<const dns::Directory>(directory), {}, {});
    BOOST_TEST(!report);
    BOOST_TEST(bool(build()));
}

BOOST_AUTO_TEST_CASE(a_change_of_the_steering_alone_compiles_nothing_again) {
    const auto shared = std::make_shared<const dns::Directory>(directory);
    const auto mail_pool = pool(PoolName::Mail);
    const auto access_pool = pool(PoolName::Access);
    const auto first = build(shared, mail_pool, access_pool).take_value();
    const auto second = build(shared, pool(PoolName::Mail), access_pool).take_value();
    BOOST_TEST(&first.snapshot->names() == &second.snapshot->names());
    BOOST_TEST(first.snapshot->parts(1).mail != second.snapshot->parts(1).mail);
    BOOST_TEST(first.snapshot->parts(1).access == second.snapshot->parts(1).access);
    BOOST_TEST(second.snapshot->id() == first.snapshot->id() + 1);
}

BOOST_AUTO_TEST_CASE(a_zone_with_keys_is_signed_and_again_only_where_it_changes) {
    sign_mail();
    auto first = build().take_value();
    BOOST_TEST(first.zones_signed == 1U);
    BOOST_TEST(first.signed_anew);
    BOOST_TEST(first.refused.empty());
    BOOST_REQUIRE(first.resign_at_s.has_value());
    BOOST_TEST(answers(*first.snapshot, "mail.test", static_cast<RrType>(48)) == 1U);
    BOOST_TEST(answers(*first.snapshot, "hosts.test", static_cast<RrType>(48)) == 0U);
    BOOST_TEST(!build().value().signed_anew);
    mail().records.push_back({"new", "A", std::nullopt, "192.0.2.7"});
    BOOST_TEST(build().value().signed_anew);
    now_s = *first.resign_at_s;
    BOOST_TEST(build().value().signed_anew, "they are about to end");
    for (const auto denial : {dns::dnssec::Denial::Nsec3, dns::dnssec::Denial::Compact}) {
        directory.signing[0].denial = denial;
        const auto other = build().take_value();
        BOOST_TEST(other.refused.empty());
        BOOST_TEST(other.signed_anew);
    }
    directory.signing.clear();
    const auto plain = build().take_value();
    BOOST_TEST(plain.zones_signed == 0U);
    BOOST_TEST(answers(*plain.snapshot, "mail.test", static_cast<RrType>(48)) == 0U);
    BOOST_TEST(answers(*plain.snapshot, "www.mail.test", RrType::A) == 1U);
}

// Secondaries cannot serve a zone that is signed while it is asked. The commands and a trigger of
// the database refuse the two together; here it is what a directory from elsewhere meets.
BOOST_AUTO_TEST_CASE(a_zone_with_compact_denial_is_not_transferred) {
    sign_mail();
    directory.signing[0].denial = dns::dnssec::Denial::Compact;
    BOOST_TEST(build().value().refused.empty());
    // Who comes to have the right later gets nothing, and the zone goes on.
    rights = rights_of_a_peer();
    const auto later = build().take_value();
    BOOST_TEST(later.refused.empty());
    BOOST_TEST(offered(builder) == std::vector<std::string>{"hosts.test."},
               boost::test_tools::per_element());
    BOOST_TEST(answers(*later.snapshot, "www.mail.test", RrType::A) == 1U);
    // Its next edit is refused, and says what to do.
    mail().records.push_back({"new", "A", std::nullopt, "192.0.2.7"});
    const auto edited = build().take_value();
    BOOST_REQUIRE(edited.refused.size() == 1U);
    BOOST_TEST(edited.refused[0].name == "mail.test");
    BOOST_TEST(edited.refused[0].serves_old);
    BOOST_TEST(edited.refused[0].reason.find("need a chain (nsec or nsec3)") != std::string::npos,
               edited.refused[0].reason);
    BOOST_TEST(answers(*edited.snapshot, "new.mail.test", RrType::A) == 0U);
    // So is one that was never served.
    builder = dns::SnapshotBuilder(7);
    const auto fresh = build().take_value();
    BOOST_REQUIRE(fresh.refused.size() == 1U);
    BOOST_TEST(!fresh.refused[0].serves_old);
    directory.signing[0].denial = dns::dnssec::Denial::Nsec;
    BOOST_TEST(build().value().refused.empty());
    BOOST_TEST(offered(builder) == std::vector<std::string>({"hosts.test.", "mail.test."}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_right_that_comes_while_a_domain_is_refused_is_for_what_is_served) {
    sign_mail();
    BOOST_REQUIRE(build());
    BOOST_TEST(offered(builder).empty());
    mail().records.push_back({"bad", "A", std::nullopt, "not an address"});
    rights = rights_of_a_peer();
    const auto refused = build().take_value();
    BOOST_TEST(refused.refused.size() == 1U);
    BOOST_TEST(refused.zones_signed == 1U);
    BOOST_TEST(answers(*refused.snapshot, "mail.test", static_cast<RrType>(48)) == 1U);
    BOOST_TEST(offered(builder) == std::vector<std::string>({"hosts.test.", "mail.test."}),
               boost::test_tools::per_element());
    // Without the right there is nothing to keep for anybody.
    rights = nullptr;
    BOOST_REQUIRE(build());
    BOOST_TEST(offered(builder).empty());
}

BOOST_AUTO_TEST_CASE(without_keys_at_hand_the_signatures_of_before_serve) {
    sign_mail();
    BOOST_REQUIRE(build());
    const auto saved = builder.signatures();
    BOOST_TEST(saved.size() == 1U);
    directory.secrets = nullptr;
    builder = dns::SnapshotBuilder(7);
    const auto bare = build().take_value();
    BOOST_TEST(bare.zones_signed == 0U);
    BOOST_REQUIRE(bare.refused.size() == 1U);
    BOOST_TEST(bare.refused[0].reason.find("not at hand") != std::string::npos);
    BOOST_TEST(Asker(*bare.snapshot).ask("www.mail.test", RrType::A).rcode == 2U, "withheld");
    builder = dns::SnapshotBuilder(7);
    builder.restore(saved);
    const auto restored = build().take_value();
    BOOST_TEST(restored.zones_signed == 1U);
    BOOST_TEST(restored.refused.empty());
    BOOST_TEST(answers(*restored.snapshot, "www.mail.test", RrType::A) == 1U);
}

// Whatever it is at: compiling zones, signing them, or making what secondaries fetch.
BOOST_AUTO_TEST_CASE(a_build_is_given_up_when_it_is_asked_to_stop) {
    std::stop_source ending;
    ending.request_stop();
    stop = ending.get_token();
    BOOST_TEST((build().error().code == base::Errc::Cancelled));
    BOOST_TEST(builder.last_good() == nullptr, "no zone was compiled");

    sign_mail();
    builder = dns::SnapshotBuilder(7);
    stop = {};
    const auto shared = std::make_shared<const dns::Directory>(directory);
    const auto mail_pool = pool(PoolName::Mail);
    const auto access_pool = pool(PoolName::Access);
    now_s = build(shared, mail_pool, access_pool).value().resign_at_s.value();
    const auto data = [this] {
        return builder.signatures().begin()->second.signatures().begin()->second.data;
    };
    const std::string before = data();
    rights = rights_of_a_peer();
    stop = ending.get_token();
    BOOST_TEST((build(shared, mail_pool, access_pool).error().code == base::Errc::Cancelled));
    BOOST_TEST(data() == before, "nothing was signed");
    BOOST_TEST(offered(builder).empty());
}

BOOST_AUTO_TEST_CASE(many_zones_are_compiled_by_several_threads_as_by_one) {
    const dns::DirectoryDomain model = mail();
    constexpr int kZones = 3000;
    for (int i = 0; i < kZones; ++i) {
        dns::DirectoryDomain domain = model;
        domain.name = "z" + std::to_string(10'000 + i) + ".test";
        domain.id = 100 + i;
        domain.records = std::vector<dns::DirectoryRecord>{
            {"www", "A", std::nullopt, "192.0.2." + std::to_string(i % 250)}};
        if (i % 100 == 7) {
            domain.records.push_back({"bad", "A", std::nullopt, "not an address"});
        }
        directory.domains.push_back(domain);
    }
    const auto refused_of = [](const Built& built) {
        std::string text;
        for (const dns::RefusedDomain& refused : built.refused) {
            text += refused.name + " " + refused.reason + "\n";
        }
        return text;
    };
    const auto addresses_of = [](const Built& built) {
        std::string text;
        for (int i = 0; i < kZones; ++i) {
            const auto reply = Asker(*built.snapshot)
                                   .ask("www.z" + std::to_string(10'000 + i) + ".test", RrType::A);
            text += std::to_string(reply.rcode) + " " +
                    (reply.answer.empty() ? "" : reply.answer[0]) + "\n";
        }
        return text;
    };
    const auto alone = build().take_value();
    BOOST_TEST(alone.refused.size() == kZones / 100U);
    BOOST_TEST(alone.compiled == kZones + 2U);
    builder = dns::SnapshotBuilder(7);
    build_threads = 4;
    const auto together = build().take_value();
    BOOST_TEST(together.compiled == alone.compiled);
    BOOST_TEST(together.domains == alone.domains);
    BOOST_TEST(refused_of(together) == refused_of(alone));
    BOOST_TEST((addresses_of(together) == addresses_of(alone)));
}

BOOST_AUTO_TEST_CASE(many_zones_are_signed_by_several_threads_as_by_one) {
    sign_mail();
    const dns::DirectoryDomain model = mail();
    const dns::dnssec::StoredKeys keys = directory.signing[0];
    for (int i = 100; i < 200; ++i) {
        dns::DirectoryDomain domain = model;
        domain.name = "z" + std::to_string(i) + ".test";
        domain.id = i;
        directory.domains.push_back(domain);
        dns::dnssec::StoredKeys stored = keys;
        stored.domain = domain.name;
        directory.signing.push_back(stored);
    }
    build_threads = 4;
    auto built = build().take_value();
    BOOST_TEST(built.zones_signed == 101U);
    BOOST_TEST(built.refused.empty());
    const auto saved = builder.signatures();
    BOOST_TEST(saved.size() == 101U);
    for (const auto& [zone, cache] : saved) {
        BOOST_TEST(cache.signatures().size() == saved.begin()->second.signatures().size(), zone);
    }
    // What was saved is taken up by whichever thread signs the zone: nothing is made anew.
    builder = dns::SnapshotBuilder(7);
    builder.restore(saved);
    BOOST_TEST(build().value().zones_signed == 101U);
    const auto again = builder.signatures();
    for (const auto& [zone, cache] : saved) {
        BOOST_TEST((again.at(zone).signatures().begin()->second.data ==
                    cache.signatures().begin()->second.data),
                   zone);
    }
}

BOOST_AUTO_TEST_SUITE_END()
