#include "dns/update/update_rights.h"

#include <string_view>

#include <boost/test/unit_test.hpp>

#include "dns/ldns_door.h"
#include "test/unit/dns/world.h"

using dns::Name;
using dns::update::Grant;
using dns::update::GrantMatch;
using dns::update::UpdateRights;

namespace {

Name name(const char* text) {
    return Name::from_text(text).take_value();
}

std::uint16_t type(const char* text) {
    return dns::record_type(text).take_value();
}

struct Zone {
    dns::ZoneSource source = dns_test::zone_source("example.test", {});
    std::vector<Grant> grants = {{GrantMatch::Subtree, name("example.test"), {}}};
    dns::update::MailKeeping mail;
    std::vector<dns::RecordRow> made;

    [[nodiscard]] bool allowed(const char* owner,
                               const char* of,
                               const char* data = nullptr) const {
        const auto rights = UpdateRights::create(source, grants, mail, made).take_value();
        const std::string wire =
            data == nullptr ? "" : dns::record_data(type(of), data, Name()).take_value();
        return rights.refusal(name(owner), type(of), wire).empty();
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_update_rights)

BOOST_AUTO_TEST_CASE(a_grant_covers_names_and_types) {
    using dns::update::covers;
    const Grant exact{GrantMatch::Exact, name("dyn.example.test"), {1, 28}};
    BOOST_TEST(covers(exact, name("dyn.example.test"), 1));
    BOOST_TEST(!covers(exact, name("dyn.example.test"), 16));
    BOOST_TEST(!covers(exact, name("a.dyn.example.test"), 1));
    const Grant subtree{GrantMatch::Subtree, name("dyn.example.test"), {}};
    BOOST_TEST(covers(subtree, name("dyn.example.test"), 16));
    BOOST_TEST(covers(subtree, name("a.b.dyn.example.test"), 16));
    BOOST_TEST(!covers(subtree, name("adyn.example.test"), 16));
    BOOST_TEST(!covers(subtree, name("example.test"), 16));
    const Grant acme{GrantMatch::Acme, name("example.test"), {16}};
    BOOST_TEST(covers(acme, name("_acme-challenge.example.test"), 16));
    BOOST_TEST(covers(acme, name("_acme-challenge.a.b.example.test"), 16));
    BOOST_TEST(!covers(acme, name("a._acme-challenge.example.test"), 16));
    BOOST_TEST(!covers(acme, name("_acme-challenge2.example.test"), 16));
    BOOST_TEST(!covers(acme, name("_acme-challenge.other.test"), 16));
    BOOST_TEST(!covers(acme, name("_acme-challenge.example.test"), 1));
    BOOST_TEST(!dns::update::parse_grant_match("regex"));
}

BOOST_AUTO_TEST_CASE(without_a_grant_there_is_no_right) {
    Zone zone;
    BOOST_TEST(zone.allowed("www.example.test", "A"));
    zone.grants.clear();
    BOOST_TEST(!zone.allowed("www.example.test", "A"));
}

BOOST_AUTO_TEST_CASE(no_grant_gives_what_others_keep) {
    Zone zone;
    BOOST_TEST(!zone.allowed("example.test", "SOA"));
    BOOST_TEST(!zone.allowed("example.test", "NS"));
    BOOST_TEST(zone.allowed("sub.example.test", "NS"));
    BOOST_TEST(!zone.allowed("_account.example.test", "TXT"));
    BOOST_TEST(!zone.allowed("a._account.example.test", "TXT"));
    for (const char* made : {"RRSIG", "NSEC", "NSEC3", "DNSKEY", "CDS", "CDNSKEY", "NSEC3PARAM"}) {
        BOOST_TEST(!zone.allowed("www.example.test", made));
    }
}

BOOST_AUTO_TEST_CASE(steered_names_are_the_steering_s) {
    Zone zone;
    BOOST_TEST(zone.allowed("example.test", "MX"));
    BOOST_TEST(zone.allowed("imap.example.test", "A"));
    zone.source.steers_mail = true;
    BOOST_TEST(!zone.allowed("example.test", "MX"));
    BOOST_TEST(zone.allowed("sub.example.test", "MX"));
    zone.source.steers_access = true;
    for (const char* owner : {"imap.example.test",
                              "pop.example.test",
                              "_imap._tcp.example.test",
                              "_pop3._tcp.example.test"}) {
        BOOST_TEST(!zone.allowed(owner, "A"));
        BOOST_TEST(!zone.allowed(owner, "SRV"));
        BOOST_TEST(!zone.allowed(owner, "TXT"));
    }
}

BOOST_AUTO_TEST_CASE(addresses_of_our_servers_are_theirs) {
    Zone zone;
    zone.made = {dns_test::row("mail1 A 192.0.2.1")};
    for (const char* of : {"A", "AAAA", "CNAME"}) {
        BOOST_TEST(!zone.allowed("mail1.example.test", of));
        BOOST_TEST(zone.allowed("mail2.example.test", of));
    }
    BOOST_TEST(zone.allowed("mail1.example.test", "SSHFP"));
}

BOOST_AUTO_TEST_CASE(mail_records_are_kept_once_they_were_applied) {
    Zone zone;
    BOOST_TEST(zone.allowed("_dmarc.example.test", "TXT"));
    zone.mail.applied = true;
    BOOST_TEST(!zone.allowed("_dmarc.example.test", "TXT"));
    BOOST_TEST(!zone.allowed("example.test", "TXT", "\"v=SPF1 -all\""));
    BOOST_TEST(!zone.allowed("example.test", "TXT", "\"v=s\" \"pf1 -all\""));
    BOOST_TEST(zone.allowed("example.test", "TXT", "\"v=sp\""));
    BOOST_TEST(zone.allowed("example.test", "TXT", "\"site=1\""));
    BOOST_TEST(zone.allowed("www.example.test", "TXT", "\"v=spf1 -all\""));
    const auto free = [&zone](bool dns::update::MailKeeping::*wish, const char* owner) {
        const bool before = zone.allowed(owner, "CNAME");
        zone.mail.*wish = true;
        return before && !zone.allowed(owner, "CNAME");
    };
    using Mail = dns::update::MailKeeping;
    BOOST_TEST(free(&Mail::mta_sts, "_mta-sts.example.test"));
    BOOST_TEST(!zone.allowed("mta-sts.example.test", "CNAME"));
    BOOST_TEST(free(&Mail::tls_reports, "_smtp._tls.example.test"));
    BOOST_TEST(free(&Mail::autoconfig, "autoconfig.example.test"));
    BOOST_TEST(free(&Mail::autodiscover, "autodiscover.example.test"));
    BOOST_TEST(zone.allowed("example.test", "CAA"));
    BOOST_TEST(zone.allowed("_25._tcp.mx.example.test", "TLSA"));
    zone.mail.caa = zone.mail.tlsa = true;
    zone.mail.services = {"imaps"};
    zone.mail.selectors = {"s1"};
    BOOST_TEST(!zone.allowed("example.test", "CAA"));
    BOOST_TEST(zone.allowed("www.example.test", "CAA"));
    BOOST_TEST(!zone.allowed("_imaps._tcp.example.test", "SRV"));
    BOOST_TEST(zone.allowed("_pop3s._tcp.example.test", "SRV"));
    BOOST_TEST(!zone.allowed("s1._domainkey.example.test", "TXT"));
    BOOST_TEST(zone.allowed("s2._domainkey.example.test", "TXT"));
}

BOOST_AUTO_TEST_SUITE_END()
