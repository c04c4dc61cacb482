// What answer() gives to a query with DO of a signed zone: RFC 4035 3.1.

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/dnssec/signed_world.h"

namespace {

using namespace signed_test;  // NOLINT(google-build-using-namespace): what is asked

struct Case {
    const char* name;
    dns::RrType type;
    unsigned rcode;
    const char* answer;
    const char* authority;
    const char* additional;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_dnssec_signed_answer)

BOOST_AUTO_TEST_CASE(answers_carry_signatures_and_denials) {
    using dns::RrType;
    constexpr auto kTxt = RrType::Txt;
    const Case cases[] = {
        {"www.z.test", RrType::A, 0, "www. A, www. RRSIG A", "", ""},
        {"mail.z.test", RrType::Mx, 0, "mail. MX, mail. RRSIG MX", "", ""},
        {"z.test", RrType::Soa, 0, " SOA,  RRSIG SOA", "", ""},
        {"z.test", static_cast<RrType>(48), 0, " DNSKEY,  RRSIG DNSKEY", "", ""},
        {"www.z.test", RrType::Nsec, 0, "www. NSEC, www. RRSIG NSEC", "", ""},
        {"www.z.test", RrType::Any, 0, "www. A, www. RRSIG A", "", ""},
        {"alias.z.test",
         RrType::A,
         0,
         "alias. CNAME, alias. RRSIG CNAME, www. A, www. RRSIG A",
         "",
         ""},
        {"www.z.test", kTxt, 0, "", " SOA,  RRSIG SOA, www. NSEC, www. RRSIG NSEC", ""},
        {"b.c.z.test", kTxt, 0, "", " SOA,  RRSIG SOA, alias. NSEC, alias. RRSIG NSEC", ""},
        {"none.z.test",
         kTxt,
         3,
         "",
         " SOA,  RRSIG SOA, mail. NSEC, mail. RRSIG NSEC,  NSEC,  RRSIG NSEC",
         ""},
        {"0.z.test", kTxt, 3, "", " SOA,  RRSIG SOA,  NSEC,  RRSIG NSEC", ""},
        {"x.w.z.test",
         RrType::A,
         0,
         "x.w. CNAME, x.w. RRSIG CNAME, www. A, www. RRSIG A",
         "*.w. NSEC, *.w. RRSIG NSEC",
         ""},
        // What "*" stands for lacks the type; "!" comes before it.
        {"!.v.z.test",
         RrType::A,
         0,
         "",
         " SOA,  RRSIG SOA, *.v. NSEC, *.v. RRSIG NSEC, mail. NSEC, mail. RRSIG NSEC",
         ""},
        {"x.v.z.test", RrType::Nsec, 0, "", " SOA,  RRSIG SOA, *.v. NSEC, *.v. RRSIG NSEC", ""},
        {"x.d.z.test",
         RrType::A,
         3,
         "d. DNAME, d. RRSIG DNAME, x.d. CNAME",
         " SOA,  RRSIG SOA, www. NSEC, www. RRSIG NSEC",
         ""},
        {"a.cut.z.test", RrType::A, 0, "", "cut. NS, cut. NSEC, cut. RRSIG NSEC", "ns.cut. A"},
        {"cut.z.test", RrType::Ds, 0, "", " SOA,  RRSIG SOA, cut. NSEC, cut. RRSIG NSEC", ""},
    };
    const World world;
    AskerAt asker(world, kNow);
    for (const Case& line : cases) {
        BOOST_TEST_CONTEXT(line.name) {
            const auto packet = asker.ask(with_do(line.name, line.type));
            BOOST_TEST(packet.rcode == line.rcode);
            BOOST_TEST(!packet.truncated);
            BOOST_TEST(shape(packet.answer) == line.answer);
            BOOST_TEST(shape(packet.authority) == line.authority);
            BOOST_TEST(shape(packet.additional) == line.additional);
            for (const auto& plain : {asker.ask(line.name, line.type)}) {
                for (const auto& section : {plain.answer, plain.authority, plain.additional}) {
                    BOOST_TEST((shape(section).find("RRSIG") == std::string::npos ||
                                line.type == RrType::Nsec));
                }
            }
        }
    }
}

// Owners of NSEC3 by the name that was hashed.
std::string unhashed(std::string text) {
    for (const char* owner : {"",
                              "www.",
                              "mail.",
                              "alias.",
                              "c.",
                              "b.c.",
                              "a.b.c.",
                              "v.",
                              "*.v.",
                              "w.",
                              "*.w.",
                              "d.",
                              "cut."}) {
        const auto hashed =
            nsec3_owner(nsec3_hash(name(std::string(owner) + "z.test")), name("z.test"));
        const std::string label = hashed.value().to_text().substr(0, 33);
        for (auto at = text.find(label); at != std::string::npos; at = text.find(label)) {
            text.replace(at, label.size(), std::string("#") + owner);
        }
    }
    return text;
}

BOOST_AUTO_TEST_CASE(denials_by_hash_name_encloser_closer_name_and_wildcard) {
    using dns::RrType;
    constexpr auto kTxt = RrType::Txt;
    // Ascending hashes: see the first assertion below.
    const Case cases[] = {
        {"z.test", static_cast<RrType>(51), 0, " NSEC3PARAM,  RRSIG NSEC3PARAM", "", ""},
        {"www.z.test", kTxt, 0, "", " SOA,  RRSIG SOA, #www. NSEC3, #www. RRSIG NSEC3", ""},
        {"www.z.test", RrType::Nsec, 0, "", " SOA,  RRSIG SOA, #www. NSEC3, #www. RRSIG NSEC3", ""},
        {"b.c.z.test", kTxt, 0, "", " SOA,  RRSIG SOA, #b.c. NSEC3, #b.c. RRSIG NSEC3", ""},
        {"a.cut.z.test", RrType::A, 0, "", "cut. NS, #cut. NSEC3, #cut. RRSIG NSEC3", "ns.cut. A"},
        {"cut.z.test", RrType::Ds, 0, "", " SOA,  RRSIG SOA, #cut. NSEC3, #cut. RRSIG NSEC3", ""},
    };
    const World world(nullptr, Denial::Nsec3);
    AskerAt asker(world, kNow);
    for (const Case& line : cases) {
        BOOST_TEST_CONTEXT(line.name) {
            const auto packet = asker.ask(with_do(line.name, line.type));
            BOOST_TEST(packet.rcode == line.rcode);
            BOOST_TEST(shape(packet.answer) == line.answer);
            BOOST_TEST(unhashed(shape(packet.authority)) == line.authority);
            BOOST_TEST(shape(packet.additional) == line.additional);
        }
    }
    // The records that a validator wants: those that match or cover these names.
    std::map<std::string, std::string> chain;
    for (const auto& [owner, sets] : world.sealed.zone.names) {
        if (sets.contains(kTypeNsec3)) {
            chain.emplace(owner.to_text().substr(0, 32), "");
        }
    }
    BOOST_TEST(chain.size() == 13U);
    const auto hash_of = [](const std::string& text) {
        return nsec3_owner(nsec3_hash(name(text)), name("z.test")).value().to_text().substr(0, 32);
    };
    const auto record_of = [&](const std::string& text) {
        const auto above = chain.upper_bound(hash_of(text));
        return above == chain.begin() ? chain.rbegin()->first : std::prev(above)->first;
    };

    struct Proof {
        const char* asked;
        RrType type;
        std::vector<std::string> about;
    };

    const Proof proofs[] = {
        {"none.z.test", kTxt, {"z.test", "none.z.test", "*.z.test"}},
        {"x.y.www.z.test", kTxt, {"www.z.test", "y.www.z.test", "*.www.z.test"}},
        {"x.y.v.z.test", RrType::A, {"v.z.test", "y.v.z.test", "*.v.z.test"}},
        {"x.w.z.test", RrType::A, {"x.w.z.test"}},
        {"x.y.w.z.test", RrType::A, {"y.w.z.test"}},
    };
    for (const Proof& proof : proofs) {
        std::set<std::string> wanted;
        for (const std::string& about : proof.about) {
            wanted.insert(record_of(about));
        }
        std::set<std::string> given;
        for (const std::string& record : asker.ask(with_do(proof.asked, proof.type)).authority) {
            if (record.find(" NSEC3 ") != std::string::npos &&
                record.find(" RRSIG NSEC3 ") == record.npos) {
                given.insert(record.substr(0, 32));
            }
        }
        BOOST_TEST((given == wanted), proof.asked);
    }
}

BOOST_AUTO_TEST_CASE(an_nsec_record_is_there_for_who_asks_without_do) {
    const World world;
    AskerAt asker(world, kNow);
    const auto packet = asker.ask("www.z.test", dns::RrType::Nsec);
    BOOST_TEST(shape(packet.answer) == "www. NSEC");
    BOOST_TEST(packet.authority.empty());
    BOOST_TEST(shape(asker.ask("b.c.z.test", dns::RrType::Nsec).authority) == " SOA");
    BOOST_TEST(shape(asker.ask("x.w.z.test", dns::RrType::Nsec).answer) == "x.w. CNAME, www. NSEC");
    BOOST_TEST(asker.ask("none.z.test", dns::RrType::Nsec).rcode == 3U);
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_cut_whole) {
    const std::string label(60, 'n');
    const std::string long_name = label + "." + label + "." + label + ".z.test";
    const World world;
    AskerAt asker(world, kNow);
    const auto packet = asker.ask(
        dns_test::QueryBuilder().question(long_name, dns::RrType::A).opt(512, 0, {}, 0x8000));
    BOOST_TEST(packet.truncated);
    BOOST_TEST(packet.authority.empty());
    asker.client.transport = dns::Transport::Tcp;
    BOOST_TEST(!asker
                    .ask(dns_test::QueryBuilder()
                             .question(long_name, dns::RrType::A)
                             .opt(512, 0, {}, 0x8000))
                    .truncated);
}

BOOST_AUTO_TEST_CASE(ttls_end_with_the_signatures) {
    const World world;
    const std::int64_t end_s = world.sealed.zone.validity.expiration_s;
    for (const auto& [left_s, ttl] : {std::pair{4000, "300"}, {200, "200"}, {1, "1"}}) {
        AskerAt asker(world, end_s - left_s);
        const auto packet = asker.ask(with_do("www.z.test", dns::RrType::A));
        BOOST_REQUIRE(packet.answer.size() == 2U);
        for (const std::string& record : packet.answer) {
            BOOST_TEST(record.starts_with("www.z.test. " + std::string(ttl) + " "), record);
        }
    }
    AskerAt late(world, end_s);
    const auto expired = late.ask(with_do("www.z.test", dns::RrType::A));
    BOOST_TEST(expired.rcode == 2U);
    BOOST_TEST(expired.answer.empty());
    BOOST_TEST(late.ask("www.z.test", dns::RrType::A).answer.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_zone_without_its_signatures_is_withheld) {
    const auto plain = dns_test::snapshot({dns_test::zone_source("z.test", {"www A 192.0.2.1"})});
    dns::Snapshot::Source source;
    source.id = 2;
    dns_test::steer_all(source, 1, dns_test::kSerial);
    source.seals = dns_test::seals({{true, nullptr, nullptr}});
    source.names = std::make_shared<const dns::NameTable>(plain->names().zones(), 7);
    const auto snapshot = dns::Snapshot::create(std::move(source)).take_value();
    dns_test::Asker asker(*snapshot);
    BOOST_TEST(asker.ask("www.z.test", dns::RrType::A).rcode == 2U);
    BOOST_TEST(asker.ask(with_do("none.z.test", dns::RrType::A)).rcode == 2U);
}

BOOST_AUTO_TEST_CASE(steered_sets_are_answered_by_their_anchor_until_they_are_signed) {
    const dns_test::Pool pool = dns_test::pool(dns::PoolKind::Mail, {4, 2, 1});
    const World world(&pool);
    const auto queue = AskQueue::create().take_value();
    AskerAt asker(world, kNow);
    asker.state().asks = queue.get();
    const auto first = asker.ask(with_do("z.test", dns::RrType::Mx));
    BOOST_TEST(first.answer.size() == 4U);
    for (const std::string& record : first.answer) {
        BOOST_TEST((record.find(" RRSIG ") != std::string::npos ||
                    record.find(" MX 10 ") != std::string::npos),
                   record);
    }
    (void)asker.ask(with_do("z.test", dns::RrType::Mx));
    const auto ask = queue->pop();
    BOOST_REQUIRE(ask.has_value());
    BOOST_TEST(!queue->pop().has_value());  // asked for once
    const ZoneVariants& zone = *world.sealed.seal.variants;
    BOOST_TEST(ask->zone == &zone);
    BOOST_TEST(ask->place == 1U);

    const auto* const variant =
        world.snapshot->parts(0).mail->find_variant(dns::SteeredKind::Mx, ask->content);
    BOOST_REQUIRE(variant != nullptr);
    SignedVariant made =
        sign_place(zone.source(), zone.source().places[1], variant->records, {kNow, kNow + 1000})
            .take_value();
    made.content = ask->content;
    const auto old = zone.add(1, made, kNow);
    const auto second = asker.ask(with_do("z.test", dns::RrType::Mx));
    BOOST_TEST(second.answer.size() == 4U);
    BOOST_TEST(std::ranges::any_of(second.answer, [](const std::string& record) {
        return record.find(" MX 20 ") != std::string::npos;
    }));
    BOOST_TEST(asker.state().counters.variants[0].value() == 1U);
    BOOST_TEST(asker.state().counters.variants[2].value() == 2U);
    // Without DO nothing of it is seen.
    BOOST_TEST(asker.ask("z.test", dns::RrType::Mx).answer.size() == 3U);
}

BOOST_AUTO_TEST_CASE(a_host_that_was_taken_out_waits_for_a_signature) {
    dns_test::Pool pool = dns_test::pool(dns::PoolKind::Mail, {4, 2, 1});
    pool.input.servers[0].forced = dns::steering::ForcedState::Down;
    const World world(&pool);
    AskerAt asker(world, kNow);
    const auto udp = asker.ask(with_do("z.test", dns::RrType::Mx));
    BOOST_TEST(udp.truncated);
    BOOST_TEST(!asker.state().waits);
    asker.client.transport = dns::Transport::Tcp;
    BOOST_TEST(asker.raw(with_do("z.test", dns::RrType::Mx).bytes()).empty());
    BOOST_TEST(asker.state().waits);
    asker.state().waited = true;
    const auto anchor = asker.ask(with_do("z.test", dns::RrType::Mx));
    BOOST_TEST(anchor.answer.size() == 4U);
}

BOOST_AUTO_TEST_CASE(over_udp_a_signature_is_waited_for_by_who_may) {
    dns_test::Pool pool = dns_test::pool(dns::PoolKind::Mail, {4, 2, 1});
    pool.input.servers[0].forced = dns::steering::ForcedState::Down;
    const World world(&pool);
    AskerAt asker(world, kNow);
    asker.state().defers[static_cast<std::size_t>(dns::DeferReason::Signature)] = true;
    const auto query = with_do("z.test", dns::RrType::Mx);
    BOOST_TEST(asker.raw(query.bytes()).empty());
    BOOST_TEST((asker.state().deferred == dns::DeferReason::Signature));
    BOOST_TEST(asker.state().counters.truncated.value() == 0U);
    asker.state().deferred = dns::DeferReason::None;
    BOOST_TEST(asker.ask("z.test", dns::RrType::Mx).answer.size() == 2U, "nobody waits without DO");
    BOOST_TEST((asker.state().deferred == dns::DeferReason::None));
    // Nobody waits for a network that is beyond its rate either.
    dns::AnswerPolicy policy;
    policy.rate_limits.answers_per_second = 1;
    policy.rate_limits.errors_per_second = 1;
    policy.rate_limits.window = std::chrono::seconds(1);
    dns::AnswerGuard guard(policy);
    asker.state().guard.swap_policy(guard);
    std::size_t deferred = 0;
    for (int i = 0; i < 20; ++i) {
        const auto raw = asker.raw(query.bytes());
        if (std::exchange(asker.state().deferred, dns::DeferReason::None) ==
            dns::DeferReason::Signature) {
            BOOST_TEST(raw.empty());
            ++deferred;
        } else {
            BOOST_TEST(dns_test::read_packet(raw).truncated);
        }
    }
    BOOST_TEST((deferred >= 1U && deferred <= 3U), deferred);
}

// As many servers as a list takes: the set and its signature fit where the names are those of life.
BOOST_AUTO_TEST_CASE(a_large_pool_is_not_truncated_by_its_signature) {
    const dns_test::Pool pool = dns_test::pool(dns::PoolKind::Mail, std::vector<double>(60, 1.0));
    const World world(&pool);
    AskerAt asker(world, kNow);
    const auto reply = asker.ask(with_do("z.test", dns::RrType::Mx));
    BOOST_TEST(!reply.truncated);
    BOOST_TEST(reply.answer.size() > 20U);
    BOOST_TEST(reply.answer.back().find(" RRSIG MX ") != std::string::npos);
    BOOST_TEST(reply.additional.empty(), "addresses are what goes first");
}

BOOST_AUTO_TEST_CASE(a_serial_that_moved_is_signed_when_it_is_asked_for) {
    const World world;
    const ZoneVariants& zone = *world.sealed.seal.variants;
    dns::Snapshot::Source source;
    source.id = 2;
    dns_test::steer_all(source, 1, dns_test::kSerial + 1);
    source.seals = dns_test::seals({world.sealed.seal});
    source.names = std::make_shared<const dns::NameTable>(world.snapshot->names().zones(), 7);
    const auto moved = dns::Snapshot::create(std::move(source)).take_value();
    const auto queue = AskQueue::create().take_value();
    dns_test::Asker asker(*moved);
    asker.state().guard.set_time({static_cast<std::uint32_t>(kNow), 0});
    asker.state().asks = queue.get();
    const auto serial_of = [&asker] {
        const auto packet = asker.ask(with_do("z.test", dns::RrType::Soa));
        BOOST_REQUIRE(packet.answer.size() == 2U);
        return packet.answer[0].find(std::to_string(dns_test::kSerial + 1)) != std::string::npos;
    };
    BOOST_TEST(!serial_of());
    BOOST_TEST(queue->pop().value().content == soa_content(dns_test::kSerial + 1));
    dns::RecordSet soa = zone.source().soa;
    std::string& data = soa.data.front();
    data[data.size() - 17] = static_cast<char>(data[data.size() - 17] + 1);
    SignedVariant made =
        sign_place(zone.source(), zone.source().places[0], soa, {kNow, kNow + 1000}).take_value();
    made.content = soa_content(dns_test::kSerial + 1);
    const auto old = zone.add(0, made, kNow);
    BOOST_TEST(serial_of());
    const auto denied = asker.ask(with_do("none.z.test", dns::RrType::A));
    BOOST_TEST(denied.authority.front().find(std::to_string(dns_test::kSerial + 1)) !=
               std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
