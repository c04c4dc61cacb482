// Verbs of fax, voicemail, notification and quarantine; as commands_test.cpp.

#include <fstream>
#include <string>

#include <boost/test/unit_test.hpp>

#include "test/unit/ops/commands_fixture.h"

using ops_test::Fixture;

BOOST_AUTO_TEST_SUITE(commands)

BOOST_AUTO_TEST_CASE(faxes_are_routed_by_the_most_specific_route) {
    Fixture f;
    f.make_cluster();
    f.play({{"account add alice@example.test --password-file ~/password"},
            {"account add bob@example.test --password-file ~/password"},
            {"fax route list", 0, "no routes"},
            {"fax route test +4930901820", 3, "no route means"},
            {"fax route add * alice@example.test", 0, "sender * go to alice@example.test"},
            {"fax route add * bob@example.test", 4, "already"},
            {"fax route add +4930* bob@example.test"},
            {"fax route add +49-30-901820 alice@example.test"},
            {"fax route add * bob@example.test --sender +4940*"},
            {"fax route add +4930* alice@example.test --subaddress 53"},
            {"fax route add +49*30 alice@example.test", 1, "is no pattern"},
            {"fax route add +4931 carol@example.test", 3, "no account"},
            {"fax route test +4930901820", 0, "alice@example.test"},
            {"fax route test 4930901821", 0, "bob@example.test"},
            {"fax route test +4930901821 --subaddress 53", 0, "alice@example.test"},
            {"fax route test +49123 --sender +4940999", 0, "bob@example.test"},
            {"fax route test +49123", 0, "alice@example.test"},
            {"fax route remove +4930*", 0, "removed"},
            {"fax route remove +4930*", 3, "no route"},
            {"fax route test +4930901821", 0, "alice@example.test"},
            {"account remove alice@example.test --yes"},
            {"fax route test +4930901820", 3}});
}

BOOST_AUTO_TEST_CASE(faxes_are_sent_by_whom_a_table_allows) {
    Fixture f;
    f.make_cluster();
    f.play({{"account add alice@example.test --password-file ~/password"},
            {"account add faxqueue@example.test --password-file ~/password"},
            {"fax domain list", 0, "no domain"},
            {"fax domain add fax.example.test faxqueue@example.test", 3, "must be there first"},
            {"domain add fax.example.test"},
            {"account add small@example.test --password-file ~/password --quota 1000000"},
            {"fax domain add fax.example.test small@example.test", 1, "has a quota"},
            {"account disable faxqueue@example.test"},
            {"fax domain add fax.example.test faxqueue@example.test", 1, "is disabled"},
            {"account enable faxqueue@example.test"},
            {"fax domain add fax.example.test faxqueue@example.test", 0, "are fax numbers"},
            {"fax domain list", 0, "faxqueue@example.test"},
            {"fax sender list", 0, "nobody"},
            {"fax sender allow alice@example.test +4930*", 0, "may send"},
            {"fax sender allow alice@example.test +4930*", 4},
            {"fax sender allow carol@example.test *", 3},
            {"fax sender list", 0, "+4930*"},
            {"fax jobs", 0, "no faxes"},
            {"fax send-queue --spool ~ --pop3 127.0.0.1:1 --login faxqueue@example.test --socket "
             "~/none "
             "--password-file ~/password",
             65,
             "can read"}});
    const auto verdict = [&](const std::string& sender, const std::string& number) {
        return f.database
            .sql(
                "SELECT verdict FROM directory.offer_fax_job('fax-out/' || $1 || $2, $1, "
                "'fax.example.test', $2, '<1@x>', 'Hi')",
                {sender, number})[0]
            .string(0);
    };
    BOOST_TEST(verdict("alice@example.test", "+4930901820") == "accepted");
    BOOST_TEST(verdict("alice@example.test", "+4930901820") == "accepted");
    BOOST_TEST(verdict("alice@example.test", "+4940") == "not_allowed");
    BOOST_TEST(verdict("faxqueue@example.test", "+4930") == "not_allowed");
    BOOST_TEST(verdict("mallory@client.invalid", "+4930") == "not_allowed");
    BOOST_TEST(f.database.sql("SELECT count(*) FROM directory.fax_job", {})[0].int64(0) == 1);
    const std::string key = "fax-out/alice@example.test+4930901820";
    const auto is = [&](const std::string& wanted) {
        return f.database.sql("SELECT state || reported FROM directory.fax_job")[0].string(0) ==
               wanted;
    };
    // What no mail server takes is over; offered again, it begins anew.
    f.database.sql("SELECT directory.refuse_fax_job($1, 'full')", {key});
    BOOST_TEST(is("refusedtrue"));
    f.play({{"fax jobs", 0, "refused"}});
    BOOST_TEST(verdict("alice@example.test", "+4930901820") == "accepted");
    BOOST_TEST(is("offeredfalse"));
    f.database.sql("SELECT directory.accept_fax_job($1)", {key});
    f.database.sql("SELECT directory.refuse_fax_job($1, 'too late')", {key});
    BOOST_TEST(is("acceptedfalse"));
    // Steps go one way, and only the first end counts.
    const auto moved = [&](const std::string& state) {
        return !f.database
                    .sql(
                        "SELECT directory.move_fax_job('fax-out/alice@example.test+4930901820', "
                        "$1, 'fax1', 7, 'x')",
                        {state})[0]
                    .is_null(0);
    };
    BOOST_TEST(moved("submitting"));
    BOOST_TEST(!moved("submitting"));
    BOOST_TEST(moved("submitted"));
    BOOST_TEST(moved("delivered"));
    BOOST_TEST(!moved("failed"));
    const auto late = [&](const std::string& login, int give_up_s) {
        return f.database
            .sql("SELECT count(*) FROM directory.late_fax_jobs($1, $2)", {login, give_up_s})[0]
            .int64(0);
    };
    BOOST_TEST(late("faxqueue@example.test", 86'400) == 1, "over and not told of");
    BOOST_TEST(late("alice@example.test", 0) == 0, "another queue's");
    f.database.sql("SELECT directory.fax_job_reported($1)", {key});
    BOOST_TEST(late("faxqueue@example.test", 0) == 0);
    f.database.sql("SELECT directory.purge_fax_jobs()");
    f.play({{"fax jobs", 0, "delivered"}});
    f.database.sql("UPDATE directory.fax_job SET changed_at = now() - interval '91 days'");
    f.database.sql("SELECT directory.purge_fax_jobs()");
    f.play({{"fax jobs", 0, "no faxes"},
            {"account disable alice@example.test"},
            {"fax sender forbid alice@example.test +4930*"},
            {"fax sender forbid alice@example.test +4930*", 3},
            {"fax domain remove fax.example.test"},
            {"fax domain remove fax.example.test", 3}});
    BOOST_TEST(f.database
                   .sql("SELECT verdict FROM directory.offer_fax_job('fax-out/2', "
                        "'alice@example.test', 'fax.example.test', '+4930', '', '')",
                        {})[0]
                   .string(0) == "no_domain");
}

BOOST_AUTO_TEST_CASE(what_runs_beside_hylafax_asks_and_reads_nothing_else) {
    Fixture f;
    f.make_cluster();
    auto opened = base::Connection::open(f.database.conninfo("roundtable_fax"), "fax");
    BOOST_REQUIRE(opened);
    const auto& connection = opened.value();
    for (const char* allowed :
         {"SELECT * FROM directory.fax_route_of('1', '', '', '')",
          "SELECT j.state, d.name FROM directory.fax_job j "
          "JOIN directory.domain d ON d.id = j.domain_id",
          "SELECT directory.note_fax_event('warning', 'fax_unrouted', 'k', 'h', 't')",
          "SELECT directory.note_fax_event('warning', 'fax_unrouted', 'k', 'h', 't')",
          "SELECT directory.judge_fax_job('a@b.c', 'd.e', '1')",
          "SELECT * FROM directory.offer_fax_job('fax-out/1', 'a@b.c', 'd.e', '1', '', '')",
          "SELECT directory.accept_fax_job('fax-out/1')",
          "SELECT directory.refuse_fax_job('fax-out/1', 'x')",
          "SELECT * FROM directory.late_fax_jobs('a@b.c', 60)",
          "SELECT directory.purge_fax_jobs()",
          "SELECT directory.move_fax_job('fax-out/1', 'failed', 'h', 1, '')",
          "SELECT directory.fax_job_reported('fax-out/1')"}) {
        BOOST_TEST_CONTEXT(allowed) {
            BOOST_CHECK(static_cast<bool>(connection->query(allowed)));
        }
    }
    BOOST_TEST(
        f.database.sql("SELECT count(*) FROM directory.event WHERE kind = 'fax_unrouted'")[0].int64(
            0) == 1);
    for (const char* refused : {"SELECT login FROM directory.account",
                                "SELECT * FROM directory.address",
                                "SELECT * FROM directory.fax_route",
                                "SELECT * FROM catalog.message",
                                "SELECT policy FROM directory.domain",
                                "UPDATE directory.fax_job SET state = 'delivered'",
                                "INSERT INTO directory.fax_sender VALUES (1, '*')",
                                "SELECT directory.raise_event('alarm', 'x', '', '', NULL)"}) {
        BOOST_TEST_CONTEXT(refused) {
            const auto answer = connection->query(refused);
            BOOST_REQUIRE(!answer);
            BOOST_TEST((answer.error().code == base::Errc::Refused));
        }
    }
}

BOOST_AUTO_TEST_CASE(notifications_are_set_listed_and_removed) {
    Fixture f;
    f.make_cluster();
    f.database.sql("INSERT INTO directory.notification_gateway DEFAULT VALUES");
    std::ofstream(f.root + "/secret") << "a secret of a webhook\n";
    f.play({
        {"account add ann@example.test --password-file ~/password", 0, ""},
        {"notify list", 0, "nobody is notified"},
        {"notify log ann@example.test", 0, "nothing was to be told"},
        {"notify set bob@example.test --by email --to bob@phone.test", 3, "no account"},
        {"notify set ann@example.test --by email --to ann@phone.test", 0, "by email"},
        {"notify set ann@example.test --by webhook --to https://x.test/h?key=1 "
         "--secret-file ~/secret --kind fax --quiet 22:00-07:00 --zone Europe/Berlin",
         0,
         "by webhook"},
        {"notify set ann@example.test --by webhook --to https://x.test/h", 0, "shown this once"},
        {"notify set ann@example.test --by email --to a@b.test --event MessageEaten",
         1,
         "--event is one of MessageNew, "},
        {"notify set ann@example.test --by email --to a@b.test --quiet 1:00-2:00", 1, "--quiet"},
        {"notify set ann@example.test --by email --to a@b.test --quiet 01:00-02:00 --zone Mars",
         1,
         "no time zone Mars"},
        {"notify set ann@example.test --by webpush", 1, "--subscription-file"},
        {"notify list ann@example.test", 0, "22:00-07:00 Europe/Berlin (digest)"},
        {"--json notify list", 0, "\"kind=fax"},
        {"notify test ann@example.test", 1, "name one by its id"},
        {"notify test bob@example.test", 3, "no account"},
        {"notify test ann@example.test 999999", 3, "no such notification"},
        {"notify remove 999999", 3, "no notification"},
        {"notify gateway", 0, "smarthost_tls"},
        {"notify configure smarthost=smtp://s.test:25", 1, ""},
        {"notify configure smarthost=smtp://s.test:25 mail_from=n@example.test", 0, "changed"},
        {"notify configure color=red", 1, "lists the settings"},
        {"notify configure vapid_subject=mailto:admin@example.test", 0, "changed"},
        {"notify configure allowed_networks=10.0.0.0/8,fd00::/8 per_hour=5", 0, "changed"},
        {"notify gateway", 0, "{10.0.0.0/8,fd00::/8}"},
        {"notify configure smarthost= mail_from=", 0, "changed"},
    });
    BOOST_TEST(f.run("notify list").out.find("key=1") == std::string::npos);
    BOOST_TEST(f.run("notify list").out.find("x.test/h") == std::string::npos);
    const auto misspelt =
        f.run("notify set ann@example.test --by email --to ann@phone.test --folder inbox/Wrok");
    BOOST_TEST(misspelt.error.find("no mailbox 'INBOX/Wrok'") != std::string::npos, misspelt.error);
    const auto inbox =
        f.run("notify set ann@example.test --by email --to ann@phone.test --folder inbox");
    BOOST_TEST(inbox.error == "");
    BOOST_TEST(f.database
                   .value("SELECT octet_length(vapid_private) || vapid_public FROM "
                          "directory.notification_gateway")
                   .size() == 2U + 87U);
    const std::string id = f.database.value("SELECT min(id) FROM directory.notification");
    f.play({{"notify test ann@example.test " + id + " --patience 1", 5, "no mail agent"},
            {"notify log", 0, "test"},
            {"notify pause " + id, 0, "is paused"},
            {"notify list", 0, "paused"},
            {"notify test ann@example.test " + id, 1, "notify resume " + id},
            {"notify resume " + id, 0, "is active"},
            {"notify resume 999999", 3, "no notification"},
            {"notify remove " + id, 0, "removed"}});
}

BOOST_AUTO_TEST_CASE(what_the_quarantine_does_not_hold) {
    Fixture f;
    f.play({{"quarantine list", 0, "nothing is held"},
            {"quarantine list --domain example.test --limit 0", 1, "--limit"},
            {"quarantine show x", 1, "no message id"},
            {"quarantine show 018bcfe5-6800-7001-8000-000000000002", 3, "never in quarantine"},
            {"quarantine release 018bcfe5-6800-7001-8000-000000000002", 3, "does not hold"},
            {"quarantine delete 018bcfe5-6800-7001-8000-000000000002", 3, "does not hold"},
            {"quarantine delete", 2}});
}

BOOST_AUTO_TEST_CASE(voicemail_boxes_and_subscribers) {
    Fixture f;
    f.make_cluster();
    f.play({
        {"account add alice@example.test --password-file ~/password"},
        {"voicemail box list", 0, "no voicemail boxes"},
        {"voicemail box add 1234@default alice@example.test", 0, "goes to alice@example.test"},
        {"voicemail box add 1235 alice@example.test", 0, "1235@default"},
        {"voicemail box add 1236 nobody@example.test", 3, "no account"},
        {"voicemail box add a/b alice@example.test", 1, "MAILBOX@CONTEXT"},
        {"voicemail box add a@b@c alice@example.test", 1, "MAILBOX@CONTEXT"},
        {"voicemail box list --account alice@example.test", 0, "1235"},
        {"voicemail waiting list", 0, "nobody is told"},
        {"voicemail waiting add 1234 hook /usr/local/bin/mwi", 0, "is told"},
        {"voicemail waiting add 1234@default hook /usr/local/bin/mwi", 4, "already"},
        {"voicemail waiting add all sip sip:{mailbox}@192.0.2.1", 0, "in all"},
        {"voicemail waiting add all sip sip:x@pbx.example", 1, "numeric address"},
        {"voicemail waiting add all hook mwi", 1, "absolute path"},
        {"voicemail waiting add all webhook gopher://x", 1, "http://"},
        {"voicemail waiting add all pigeon x", 1, "hook, webhook, sip"},
        {"voicemail waiting add 9999 hook /x", 3, "voicemail box add"},
        {"voicemail waiting list", 0, "sip:{mailbox}@192.0.2.1"},
        {"voicemail waiting show", 0, "1235"},
        {"voicemail waiting show 1234", 0, "alice@example.test"},
        {"voicemail waiting remove 999999", 3, "waiting list"},
        {"voicemail box remove 1235", 0, "removed"},
        {"voicemail box remove 1235", 3, "no voicemail box"},
        {"voicemail box", 2, ""},
        {"voicemail box carry", 2, "no command"},
        {"voicemail sweep", 2, "--spool"},
    });
}

BOOST_AUTO_TEST_SUITE_END()
