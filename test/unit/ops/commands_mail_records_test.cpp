// Verbs of the records that mail needs, and of DKIM; as commands_test.cpp.

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <boost/test/unit_test.hpp>

#include "test/unit/ops/commands_fixture.h"

using ops_test::Fixture;

BOOST_AUTO_TEST_SUITE(commands)

BOOST_AUTO_TEST_CASE(one_command_makes_the_mail_records_right_and_keeps_them) {
    Fixture f;
    f.make_cluster();
    const std::string command = "domain mail-records example.test";
    f.play({
        {command, 1, "3 missing or wrong"},
        {"record list example.test", 0, "no records"},
        {"domain mail-records", 1, "name one domain"},
        {"domain mail-records none.test", 3, "no domain none.test"},
        {"domain mail-records --all --apply", 0, ""},
        {command + " --apply --submission smtp.example.test", 1, "HOST:PORT"},
        {command + " --apply --submission smtp.example.test:99999", 1, "HOST:PORT"},
        {command + " --apply --spf all", 1, "begins with \"v=spf1\""},
        {command + " --apply --dkim dsa", 1, "rsa, ed25519 or off"},
        {command + " --apply --tls-reports nobody", 1, "a mail address"},
        {command + " --apply --dkim-rotate 3", 1, "14 days"},
        {command + " --apply --tlsa ~/password", 1, "no certificate"},
        {"record list example.test", 0, "no records"},
        {command + " --apply --dkim ed25519", 0, "3 made right"},
        {command, 0, "good"},
        {command + " --apply", 0, "0 made right"},
        {"record list example.test", 0, "v=spf1 mx ~all"},
        {"record list example.test", 0, "v=DMARC1; p=none"},
        {"record list example.test", 0, "v=DKIM1; k=ed25519; p="},
        {"--json " + command, 0, "\"state\": \"good\""},
        {command + " --spf v=spf1", 1, "1 missing or wrong"},
        {command + " --apply --spf v=spf1 --caa ca.test --tls-reports tls@example.test "
                   "--submissions mail1.example.test:465 --mta-sts mail1.example.test",
         0,
         "6 made right"},
        {"domain mta-sts-policy example.test", 0, "mx: mail2.example.test"},
        {"zone check", 0, "served"},
        // A new mail server changes the policy of MTA-STS, and so its id.
        {"mx remove example.test mail2", 0, ""},
        {command, 1, "1 missing or wrong"},
        {"domain mail-records --all", 1, "not all domains"},
        {"domain mail-records --all --apply", 0, "1 made right"},
        // An alias as the target of an SRV record would break the zone: nothing is changed.
        {"record add example.test smtp CNAME mail1.example.test."},
        {command + " --apply --submission smtp.example.test:587 --caa other.test",
         1,
         "is an alias"},
        {command, 0, "ca.test"},
        {command + " --apply --submissions default", 0, "0 made right"},
    });
}

BOOST_AUTO_TEST_CASE(keys_of_dkim_are_published_then_signed_with_then_gone) {
    Fixture f;
    f.make_cluster();
    const auto age = [&f](const std::string& interval) {
        f.database.sql("UPDATE directory.dkim_key SET changed_at = changed_at - interval '" +
                       interval + "'");
    };
    const auto states = [&f] {
        return f.database.value(
            "SELECT string_agg(state, ' ' ORDER BY id) FROM directory.dkim_key");
    };
    const auto secrets = [&f] {
        return f.database.value("SELECT count(*) FROM directory.dkim_secret");
    };
    f.play({{"dkim list", 0, "no keys"},
            {"dkim export example.test --file ~/key", 5, "an hour after"},
            {"dkim list example.test", 0, "published"}});
    age("1 hour");
    const auto first = f.run("dkim export example.test --file ~/key");
    BOOST_TEST(first.code == 0, first.error);
    BOOST_TEST(first.out.starts_with("rt"));
    std::stringstream pem;
    pem << std::ifstream(f.root + "/key").rdbuf();
    BOOST_TEST(pem.str().starts_with("-----BEGIN PRIVATE KEY-----\n"));
    BOOST_TEST((std::filesystem::status(f.root + "/key").permissions() ==
                (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write)));
    BOOST_TEST(f.database.value("SELECT count(*) FROM directory.event "
                                "WHERE kind = 'dkim_key_read' AND subject = 'example.test'") ==
               "1");
    f.play({{"dkim roll example.test", 0, "is published"}});
    BOOST_TEST(states() == "active published");
    BOOST_TEST(f.run("dkim export example.test --file ~/key").out == first.out);
    age("1 hour");
    const auto second = f.run("dkim export example.test --file ~/key");
    BOOST_TEST(second.out != first.out);
    BOOST_TEST(states() == "retired active");
    BOOST_TEST(secrets() == "1");
    BOOST_TEST(f.database.value("SELECT count(*) FROM directory.record "
                                "WHERE owner LIKE '%\\_domainkey'") == "2");
    age("7 days");
    f.play({{"domain mail-records example.test --apply", 0, "made right"}});
    BOOST_TEST(states() == "removed active");
    BOOST_TEST(f.database.value("SELECT count(*) FROM directory.record "
                                "WHERE owner LIKE '%\\_domainkey'") == "1");
    f.play({{"domain mail-records example.test --apply --dkim-rotate 14", 0, ""}});
    age("14 days");
    f.play({{"domain mail-records --all --apply", 0, ""}});
    BOOST_TEST(states() == "removed active published");
    // Nobody reads the secrets but through the function that leaves an event.
    auto opened = base::Connection::open(f.database.conninfo("roundtable_operator"), "test");
    BOOST_REQUIRE(opened);
    for (const char* sql : {"SELECT * FROM directory.dkim_secret",
                            "DELETE FROM directory.dkim_key",
                            "UPDATE directory.dkim_key SET public_key = 'AAAA'"}) {
        const auto answer = opened.value()->query(sql);
        BOOST_TEST_CONTEXT(sql) {
            BOOST_TEST((!answer && answer.error().code == base::Errc::Refused));
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
