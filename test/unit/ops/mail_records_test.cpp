#include "ops/mail_records.h"

#include <algorithm>

#include <boost/test/unit_test.hpp>

namespace {

using ops::MailFinding;
using ops::MailVerdict;

struct World {
    World() {
        input.domain = "e.test";
        input.steered = {{"@", "MX", 60, "10 mail1.e.test."},
                         {"_imap._tcp", "SRV", 60, "10 1 143 access1.e.test."}};
        input.mail_hosts = {"mail1.e.test", "mail2.other.test"};
    }

    const MailFinding& find(const std::string& kind, const std::string& owner) {
        found = ops::judge_mail_records(input);
        const auto place = std::ranges::find_if(found, [&](const MailFinding& each) {
            return each.kind == kind && each.owner == owner;
        });
        BOOST_REQUIRE_MESSAGE(place != found.end(), kind << " " << owner);
        return *place;
    }

    std::string added(const std::string& kind, const std::string& owner) {
        std::string text;
        for (const dns::RecordRow& row : find(kind, owner).added) {
            text += (text.empty() ? "" : ", ") + std::to_string(row.ttl) + " " + row.type + " " +
                    row.data;
        }
        return text;
    }

    ops::MailRecordInput input;
    std::vector<MailFinding> found;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(ops_mail_records, World)

BOOST_AUTO_TEST_CASE(offers_what_every_domain_needs) {
    BOOST_TEST((find("MX", "@").verdict == MailVerdict::Good));
    BOOST_TEST((find("SPF", "@").verdict == MailVerdict::Missing));
    BOOST_TEST(added("SPF", "@") == "3600 TXT \"v=spf1 mx ~all\"");
    BOOST_TEST(added("DMARC", "_dmarc") == "3600 TXT \"v=DMARC1; p=none\"");
    BOOST_TEST((find("DKIM", "_domainkey").verdict == MailVerdict::Missing));
    BOOST_TEST((find("SRV", "_imap._tcp").verdict == MailVerdict::Good));
    BOOST_TEST((find("SRV", "_pop3._tcp").verdict == MailVerdict::NotAsked));
    for (const auto& [kind, owner] : {std::pair("MTA-STS", "_mta-sts"),
                                      {"TLSRPT", "_smtp._tls"},
                                      {"CAA", "@"},
                                      {"TLSA", "_25._tcp"},
                                      {"autoconfig", "autoconfig"}}) {
        BOOST_TEST((find(kind, owner).verdict == MailVerdict::NotAsked), kind);
    }
    input.steered.clear();
    BOOST_TEST((find("MX", "@").verdict == MailVerdict::Missing));
}

BOOST_AUTO_TEST_CASE(what_an_operator_wrote_stays_while_it_is_sound) {
    input.own = {{"@", "TXT", 300, "\"v=spf1 \" \"include:x.test -all\""},
                 {"@", "TXT", 300, "\"google-site-verification=1\""},
                 {"_dmarc", "CNAME", 60, "dmarc.provider.test."}};
    BOOST_TEST((find("SPF", "@").verdict == MailVerdict::Good));
    BOOST_TEST((find("DMARC", "_dmarc").verdict == MailVerdict::Good), "an alias");
    input.own.push_back({"@", "TXT", 300, "\"v=spf1 -all\""});
    BOOST_TEST((find("SPF", "@").verdict == MailVerdict::Wrong), "RFC 7208 3.2");
    BOOST_TEST(find("SPF", "@").added.empty());
    input.own[0].data = "\"v=spf10\"";  // none of its version
    BOOST_TEST((find("SPF", "@").verdict == MailVerdict::Good));
    // What is asked for replaces records of that purpose and no others, with the set's own TTL.
    input.own[0].data = "\"v=spf1 mx\"";
    input.wishes.spf = "v=spf1 a -all";
    BOOST_TEST((find("SPF", "@").verdict == MailVerdict::Wrong));
    BOOST_TEST(added("SPF", "@") == "300 TXT \"v=spf1 a -all\"");
    BOOST_TEST((find("SPF", "@").removed == std::vector<std::size_t>{0, 3}));
    input.own = {{"@", "TXT", 300, "v=spf1\\032a\\032-all"}};
    BOOST_TEST((find("SPF", "@").verdict == MailVerdict::Good), "the same octets");
}

BOOST_AUTO_TEST_CASE(keys_have_records_until_they_are_removed) {
    const std::string p(392, 'A');
    input.keys = {{1, "s1", "rsa", p, ops::DkimState::Active, 0},
                  {2, "s2", "ed25519", "BBBB", ops::DkimState::Published, 0},
                  {3, "s3", "rsa", "CCCC", ops::DkimState::Removed, 0}};
    input.own = {{"s3._domainkey", "TXT", 60, "\"v=DKIM1; k=rsa; p=CCCC\""},
                 {"s2._domainkey", "TXT", 60, "\"v=DKIM1; k=ed25519; p=XXXX\""}};
    BOOST_TEST(added("DKIM", "s1._domainkey") ==
               "3600 TXT \"v=DKIM1; k=rsa; p=" + std::string(237, 'A') + "\" \"" +
                   std::string(155, 'A') + "\"");
    BOOST_TEST((find("DKIM", "s2._domainkey").verdict == MailVerdict::Wrong));
    BOOST_TEST(added("DKIM", "s2._domainkey") == "60 TXT \"v=DKIM1; k=ed25519; p=BBBB\"");
    BOOST_TEST((find("DKIM", "s3._domainkey").removed == std::vector<std::size_t>{0}));
    BOOST_TEST(find("DKIM", "s3._domainkey").added.empty());
}

BOOST_AUTO_TEST_CASE(makes_what_is_asked_for) {
    ops::MailWishes& wishes = input.wishes;
    wishes.mta_sts_host = "web.e.test";
    wishes.tls_reports = "mailto:tls@e.test";
    wishes.submissions = "smtp.e.test:465";
    wishes.autoconfig = "web.e.test";
    wishes.autodiscover = "autodiscover.e.test";
    wishes.tlsa = std::vector<std::string>{"3 1 1 00ff"};
    wishes.caa = std::vector<std::string>{"ca.test"};
    BOOST_TEST(added("TLSRPT", "_smtp._tls") == "3600 TXT \"v=TLSRPTv1; rua=mailto:tls@e.test\"");
    BOOST_TEST(added("SRV", "_submissions._tcp") == "3600 SRV 0 1 465 smtp.e.test.");
    BOOST_TEST(added("autoconfig", "autoconfig") == "3600 CNAME web.e.test.");
    BOOST_TEST(added("autodiscover", "_autodiscover._tcp") ==
               "3600 SRV 0 1 443 autodiscover.e.test.");
    BOOST_TEST(added("TLSA", "_25._tcp.mail1") == "3600 TLSA 3 1 1 00ff");
    BOOST_TEST((find("TLSA", "_25._tcp.mail2.other.test.").verdict == MailVerdict::NotAsked));
    BOOST_TEST(added("CAA", "@") == "3600 CAA 0 issue \"ca.test\"");
    wishes.caa->clear();
    BOOST_TEST(added("CAA", "@") == "3600 CAA 0 issue \";\"");
    BOOST_TEST(added("MTA-STS", "mta-sts") == "3600 CNAME web.e.test.");
    const std::string before = added("MTA-STS", "_mta-sts");
    BOOST_TEST(before.starts_with("3600 TXT \"v=STSv1; id="));
    wishes.mta_sts_mode = "enforce";
    BOOST_TEST(added("MTA-STS", "_mta-sts") != before, "another policy, another id");
    BOOST_TEST(ops::mta_sts_policy(wishes, input.mail_hosts) ==
               "version: STSv1\r\nmode: enforce\r\nmx: mail1.e.test\r\nmx: mail2.other.test\r\n"
               "max_age: 604800\r\n");
    // A name that is there for the host itself is no alias.
    input.own = {{"autoconfig", "A", 60, "192.0.2.1"}};
    BOOST_TEST((find("autoconfig", "autoconfig").verdict == MailVerdict::Good));
}

BOOST_AUTO_TEST_CASE(long_texts_are_cut_into_strings) {
    BOOST_TEST(ops::txt_data("") == "\"\"");
    BOOST_TEST(ops::txt_data("a\"\\") == "\"a\\\"\\\\\"");
    BOOST_TEST(ops::txt_data(std::string(256, 'x')) == "\"" + std::string(255, 'x') + "\" \"x\"");
}

BOOST_AUTO_TEST_SUITE_END()
