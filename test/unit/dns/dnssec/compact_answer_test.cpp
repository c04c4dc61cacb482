// What answer() gives to a query with DO of a zone with compact denial: RFC 9824.

#include <algorithm>

#include "dns/control/denial_signer.h"
#include "test/unit/dns/dnssec/signed_world.h"

namespace {

using namespace signed_test;  // NOLINT(google-build-using-namespace): what is asked

constexpr auto kTxt = dns::RrType::Txt;

struct Compact {
    Compact() {
        asker.state().denials = cache.get();
        // Not more than the budget at one moment.
        dns::AnswerPolicy policy;
        policy.denials = {20, 20};
        dns::AnswerGuard guard(policy);
        asker.state().guard.swap_policy(guard);
        asker.state().guard.set_time({static_cast<std::uint32_t>(kNow), 5'000'000});
    }

    // As the signer does; gives how many were asked for.
    std::size_t sign_all() {
        DenialAsk ask;
        std::size_t asked = 0;
        for (; cache->pop(ask); ++asked) {
            BOOST_TEST((ask.zone == world.sealed.seal.variants.get()));
            const auto octets = std::span(ask.name).first(ask.size);
            const auto made = dns::sign_denial(world.sealed.seal.variants->source(),
                                               dns::Name::from_wire(octets).value(),
                                               {kNow - 3600, kNow + 10 * 86400});
            cache->put(ask.signer, octets, kNow, made.value());
        }
        return asked;
    }

    auto ask(const char* owner, dns::RrType type = kTxt, std::uint16_t flags = 0x8000) {
        return asker.ask(dns_test::QueryBuilder().question(owner, type).opt(1232, 0, {}, flags));
    }

    World world{nullptr, Denial::Compact};
    std::unique_ptr<DenialCache> cache = DenialCache::create().take_value();
    AskerAt asker{world, kNow};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_dnssec_compact_answer)

BOOST_AUTO_TEST_CASE(names_that_are_there_are_denied_by_what_was_signed_before) {
    Compact zone;
    const std::pair<const char*, const char*> cases[] = {
        {"www.z.test", " SOA,  RRSIG SOA, www. NSEC, www. RRSIG NSEC"},
        {"b.c.z.test", " SOA,  RRSIG SOA, b.c. NSEC, b.c. RRSIG NSEC"},
    };
    for (const auto& [owner, authority] : cases) {
        BOOST_TEST(shape(zone.ask(owner).authority) == authority);
    }
    BOOST_TEST(shape(zone.ask("x.w.z.test", dns::RrType::Cname).authority) ==
               "*.w. NSEC, *.w. RRSIG NSEC");
    BOOST_TEST(shape(zone.ask("!.v.z.test", dns::RrType::A).authority) ==
               " SOA,  RRSIG SOA, *.v. NSEC, *.v. RRSIG NSEC, mail. NSEC, mail. RRSIG NSEC");
    BOOST_TEST(shape(zone.ask("a.cut.z.test").authority) == "cut. NS, cut. NSEC, cut. RRSIG NSEC");
    BOOST_TEST(zone.sign_all() == 0U);
}

BOOST_AUTO_TEST_CASE(the_flag_of_compact_denial_comes_back_with_do_from_zones_that_deny_so) {
    constexpr std::uint16_t kDo = 0x8000;
    constexpr std::uint16_t kCo = 0x4000;
    Compact zone;
    World chained;
    AskerAt other{chained, kNow};
    const auto flags = [](AskerAt& asker, const char* owner, std::uint16_t asked) {
        const auto reply = asker.raw(
            dns_test::QueryBuilder().question(owner, kTxt).opt(1232, 0, {}, asked).bytes());
        return dns::load_u16(reply.data() + reply.size() - 4);  // an OPT without options ends it
    };
    BOOST_TEST(flags(zone.asker, "www.z.test", kDo | kCo) == (kDo | kCo));
    BOOST_TEST(flags(zone.asker, "www.z.test", kDo) == kDo);
    BOOST_TEST(flags(other, "www.z.test", kDo | kCo) == kDo);
    // CO says nothing without DO (RFC 9824 5.1): the name is not there, and nothing proves it.
    for (const char* owner : {"www.z.test", "none.z.test"}) {
        BOOST_TEST(flags(zone.asker, owner, kCo) == 0);
    }
    const auto plain = zone.ask("none.z.test", kTxt, kCo);
    BOOST_TEST(plain.rcode == 3U);
    BOOST_TEST(shape(plain.authority) == " SOA");
    BOOST_TEST(zone.sign_all() == 0U);
}

BOOST_AUTO_TEST_CASE(a_name_that_is_not_there_waits_for_its_signature) {
    Compact zone;
    zone.asker.state().defers[static_cast<std::size_t>(dns::DeferReason::Signature)] = true;
    BOOST_TEST(zone.asker.raw(with_do("none.z.test", kTxt).bytes()).empty());
    BOOST_TEST((zone.asker.state().deferred == dns::DeferReason::Signature));
    zone.asker.state().deferred = dns::DeferReason::None;
    BOOST_TEST(zone.sign_all() == 1U);
    const auto packet = zone.ask("NONE.z.test");
    BOOST_TEST(packet.rcode == 0U);
    BOOST_TEST(shape(packet.authority) == " SOA,  RRSIG SOA, none. NSEC, none. RRSIG NSEC");
    BOOST_TEST(packet.authority[2].find(" NSEC \\000.none.z.test. RRSIG NSEC TYPE128") !=
                   std::string::npos,
               packet.authority[2]);
    BOOST_TEST(zone.sign_all() == 0U, "once");
    // RFC 9824 5.1, and without DO.
    BOOST_TEST(zone.ask("none.z.test", kTxt, 0xc000).rcode == 3U);
    BOOST_TEST(zone.asker.ask("none.z.test", kTxt).rcode == 3U);
    // By its type it is there.
    const auto nsec = zone.ask("none.z.test", dns::RrType::Nsec);
    BOOST_TEST(shape(nsec.answer) == "none. NSEC, none. RRSIG NSEC");
    BOOST_TEST(nsec.authority.empty());
    // At the end of an alias.
    zone.asker.state().defers.fill(false);
    BOOST_TEST(zone.ask("x.d.z.test").truncated);
    BOOST_TEST(zone.sign_all() == 1U);
    BOOST_TEST(shape(zone.ask("x.d.z.test").authority) ==
               " SOA,  RRSIG SOA, x.www. NSEC, x.www. RRSIG NSEC");
}

BOOST_AUTO_TEST_CASE(beyond_the_budget_nothing_is_asked_for) {
    Compact zone;
    zone.asker.state().defers[static_cast<std::size_t>(dns::DeferReason::Signature)] = true;
    std::size_t waiting = 0;
    for (int i = 0; i < 100; ++i) {
        const std::string owner = "r" + std::to_string(i) + ".z.test";
        const auto reply = zone.asker.raw(with_do(owner, kTxt).bytes());
        if (reply.empty()) {
            ++waiting;
            zone.asker.state().deferred = dns::DeferReason::None;
        } else {
            BOOST_TEST((std::to_integer<unsigned>(reply[2]) & 2U) != 0U, "TC");
            BOOST_TEST(reply.size() < 64U, "no larger than the query");
        }
    }
    BOOST_TEST(waiting >= 1U);
    BOOST_TEST(waiting <= 20U);
    BOOST_TEST(zone.sign_all() == waiting);
    const auto& counters = zone.asker.state().counters.denials;
    BOOST_TEST(counters[static_cast<std::size_t>(dns::OnlineDenial::Asked)].value() == waiting);
    BOOST_TEST(counters[static_cast<std::size_t>(dns::OnlineDenial::Refused)].value() ==
               100 - waiting);
    zone.asker.client.transport = dns::Transport::Tcp;
    BOOST_TEST(zone.ask("s.z.test").rcode == 2U);
}

BOOST_AUTO_TEST_CASE(a_signature_that_does_not_come_is_tc_and_over_tcp_servfail) {
    Compact zone;
    zone.asker.state().holds = true;
    BOOST_TEST(zone.ask("none.z.test").truncated);
    zone.asker.client.transport = dns::Transport::Tcp;
    BOOST_TEST(zone.asker.raw(with_do("none.z.test", kTxt).bytes()).empty());
    BOOST_TEST(zone.asker.state().waits);
    zone.asker.state().waited = true;
    BOOST_TEST(zone.ask("none.z.test").rcode == 2U);
    const auto& counters = zone.asker.state().counters.denials;
    BOOST_TEST(counters[static_cast<std::size_t>(dns::OnlineDenial::Late)].value() == 2U);
    BOOST_TEST(zone.sign_all() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
