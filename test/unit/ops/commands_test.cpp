// Each verb of `roundtable` through the command line, against the real schema and as the operator's
// role: its SQL, its rights, its exit code and what it says. ops/commands has a file for each noun;
// this one holds for all of them.

#include <fstream>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "test/unit/ops/commands_fixture.h"

using ops_test::Fixture;
using ops_test::Run;

BOOST_AUTO_TEST_SUITE(commands)

BOOST_AUTO_TEST_CASE(servers_come_and_go) {
    Fixture f;
    f.make_cluster();
    f.play({
        {"server list", 0, "mail1.example.test"},
        {"--json server list", 0, "\"kind\":\"access\""},
        {"server add mail mail1 --host other.example.test --address 127.0.0.9 --storage store1",
         4,
         "already"},
        {"server add mail mail3 --host mail3.example.test --address 127.0.0.9 --storage store9",
         3,
         "no storage server store9"},
        {"server add mail mail3 --address 127.0.0.9 --storage store1", 1, "needs --host"},
        {"server add mail mail3 --host m.example.test --storage store1 --smtp-port 70000",
         1,
         "--smtp-port"},
        {"server add printer p1", 1, "kinds are"},
        {"server add storage store3", 1, "--path"},
        {"server add storage store3 --path stores/three", 1, "absolute"},
        {"server remove storage store1", 1, "still in use"},
        {"server remove mail mail2", 1, "mx remove"},
        {"mx remove example.test mail2", 0, "no longer serves"},
        {"server remove mail mail2", 0, "removed mail server mail2"},
        {"server remove mail mail2", 3, "no mail server mail2"},
        {"server remove access access1", 0, "removed access server access1"},
        {"server remove access access1", 3, "no access server access1"},
        {"server remove name dns1", 0, "removed name server dns1"},
        {"server remove printer p1", 1, "kinds are"},
        {"path add store1 ~/store1b --preference 20 --for mail1", 0, "also reached"},
        {"path add store1 ~/store1b --for mail1", 4, "already"},
        {"path add store9 ~/x", 3, "no storage server"},
        {"path add store2 ~/store1b", 1, "another"},
        {"server list", 0, "store1b"},
        {"path remove store1 ~/store1b", 0, "no longer reached"},
        {"path remove store1 ~/store1b", 3, "has no path"},
    });
}

BOOST_AUTO_TEST_CASE(the_mirroring_table_is_edited_by_rows) {
    Fixture f;
    f.make_cluster();
    f.play({
        {"mirror list", 0, "mail1"},
        {"mirror set mail1 mail2", 0, "mirrors to its peers"},
        {"mirror list", 0, "store2"},
        {"mirror set mail1 mail2 mail9", 3, "no mail server mail9"},
        {"mirror set mail9 mail1", 3, "no mail server mail9"},
        {"--json mirror list", 0, "\"peer\":\"mail2\""},  // as before the one that failed
        {"mirror remove mail1 mail2", 0, "no longer mirrored"},
        {"mirror remove mail1 mail2", 3, "not mirrored"},
    });
}

BOOST_AUTO_TEST_CASE(what_does_not_meet_the_mirroring_table_is_listed) {
    Fixture f;
    f.make_cluster();
    f.play({{"mirror set mail1 mail2"},
            {"mirror check", 0, "every message meets the mirroring table"},
            {"--json mirror check", 0, "[]"},
            {"mirror check --limit 0", 1, "--limit"}});
    f.add_segment("mail1", {"store1"});
    f.play({{"mirror check", 5, "1 segments with 1 messages"},
            {"mirror check --messages", 5, "1 segments with 1 messages"}});
    BOOST_TEST(f.run("mirror check").out.find("store2") != std::string::npos);
    BOOST_TEST(f.run("--json mirror check --messages").out.find("\"copy_state\":\"missing\"") !=
               std::string::npos);
    f.add_copy("store2");
    f.play({{"mirror check --messages", 0, "every message meets the mirroring table"}});
}

BOOST_AUTO_TEST_CASE(storage_servers_are_shown_checked_and_added) {
    Fixture f;
    f.make_cluster();
    f.add_segment("mail1", {"store1", "store2"});
    f.play(
        {{"storage status", 0, "(all)"},
         {"--json storage status", 0, "\"copies_owed\":0"},
         {"storage add store3 --path ~/store3 --path ~/other --failure-domain rack3", 0, "added"},
         {"storage add store3 --path ~/store4", 4, "already"},
         {"storage add store4", 1, "--path"},
         {"server list", 0, "/other"},
         {"storage status", 0, "rack3"},
         {"storage scrub --no-wait", 0, "asked for"},
         {"storage scrub store9 --no-wait", 3, "no storage server store9"},
         {"storage verify store1 --timeout 1ms", 5, "1 copies to go"},
         {"storage scrub --timeout soon", 1, "--timeout"},
         {"storage repair", 0, "no copies are owed"}});
    BOOST_TEST(f.database.value("SELECT string_agg(kind, ' ' ORDER BY id) "
                                "FROM catalog.upkeep_request") == "scrub verify");
    f.database.sql(
        "INSERT INTO catalog.copy_owed (segment_id, storage_server_id, reason, "
        "not_before) SELECT s.id, v.id, 'late', now() + interval '1 h' "
        "FROM catalog.segment s, directory.storage_server v WHERE v.name = 'store3'");
    f.play({{"storage repair --timeout 1ms", 5, "1 to store3 (late)"},
            {"storage repair --no-wait", 0, "due now"}});
    BOOST_TEST(f.database.value("SELECT not_before <= now() FROM catalog.copy_owed") == "t");
}

BOOST_AUTO_TEST_CASE(a_storage_server_is_retired_only_if_the_others_suffice) {
    Fixture f;
    f.make_cluster();
    f.add_segment("mail1", {"store1"});
    const auto state = [&] {
        return f.database.value(
            "SELECT state FROM directory.storage_server "
            "WHERE name = 'store1'");
    };
    f.play({{"storage retire store9", 3, "no storage server store9"},
            {"storage retire store1", 1, "own storage server of mail1"},
            {"storage retire store1", 1, "server move mail1"},
            {"server move mail1 store9", 3, "no active storage server store9"},
            {"storage add store3 --path ~/store3 --failure-domain store2"},
            {"server move mail1 store3", 0, "keeps its mail on store3"},
            {"storage retire store1", 1, "in 1 failure domains"},
            {"storage add store4 --path ~/store4"},
            {"storage retire store1 --cancel", 3, "being emptied"},
            {"storage retire store1 --no-wait", 0, "then it is retired"}});
    BOOST_TEST(state() == "draining");
    f.play({{"storage retire store1 --timeout 1ms", 5, "1 segments need a copy elsewhere"},
            {"storage retire store1 --cancel", 0, "takes new segments again"}});
    BOOST_TEST(state() == "active");
    f.play({{"storage retire store1 --lost --no-wait", 0, "1 segments with 1 messages had no copy"},
            {"storage retire store1", 4, "retired already"}});
    BOOST_TEST(state() == "retired");
    BOOST_TEST(f.database.value("SELECT severity FROM directory.event "
                                "WHERE kind = 'segments_lost'") == "alarm");
}

BOOST_AUTO_TEST_CASE(domains_and_records) {
    Fixture f;
    f.make_cluster();
    f.play({
        {"domain list", 0, "example.test"},
        {"domain show example.test", 0, "hostmaster@example.test"},
        {"domain add example.test", 4, "already"},
        {"domain add other.test --contact dns@other.test --policy rotate", 0, "added"},
        {"domain show other.test", 0, "rotate"},
        {"domain add third.test --policy dice", 1, ""},
        {"domain set other.test --policy load --ttl 600 --mx-ttl 60", 0, "changed"},
        {"domain set other.test --mx-ttl 5", 1, "--mx-ttl"},
        {"domain set none.test --ttl 600", 3, "no domain none.test"},
        {"domain set other.test --virus quarantine --no-scanner accept", 0, "changed"},
        {"--json domain show other.test", 0, "\"virus\":\"quarantine\""},
        {"domain set other.test --virus default", 0, "changed"},
        {"--json domain show other.test", 0, "\"virus\":\"default\""},
        {"--json domain show other.test", 0, "\"no_scanner\":\"accept\""},
        {"domain set other.test --virus delete", 1, "reject, quarantine, tag, default"},
        {"domain set other.test --no-scanner reject", 1, "tempfail, accept, default"},
        {"domain show none.test", 3, "no domain none.test"},
        {"record add other.test www A 192.0.2.1", 0, "added"},
        {"record add other.test www A 192.0.2.1", 4, "already"},
        {"record add none.test www A 192.0.2.1", 3, "no domain"},
        {"record list other.test", 0, "192.0.2.1"},
        {"record remove other.test www A 192.0.2.9", 3, "no such record"},
        {"record remove other.test www A", 0, "removed"},
        {"record list other.test", 0, "no records"},
        {"domain remove other.test", 0, "removed"},
        {"domain remove other.test", 3, "no domain"},
    });
}

BOOST_AUTO_TEST_CASE(priorities_and_overrides) {
    Fixture f;
    f.make_cluster();
    f.play({
        {"mx list", 0, "mail2"},
        {"mx list example.test", 0, "mail1.example.test"},
        {"mx set example.test mail1 20", 0, "serves"},
        {"mx set example.test mail1 70000", 1, "preference"},
        {"mx set none.test mail1", 3, "no domain"},
        {"mx policy example.test roundtable", 0, "roundtable"},
        {"mx policy example.test dice", 1, ""},
        {"mx policy none.test load", 3, "no domain"},
        {"mx policy example.test rotate --strict", 0, "rotate, strict"},
        {"mx policy example.test load --strict", 1, "rotate"},
        {"mx policy example.test pool", 0, "pool"},
        {"mx pool policy mail rotate --strict", 0, "pool mail is rotate, strict"},
        {"mx pool policy access static", 0, "static"},
        {"mx pool policy access pool", 1, "load, roundtable, rotate or static"},
        {"mx pool policy web load", 1, "mail and access"},
        {"mx commits", 0, "has not changed yet"},
        {"mx overrides", 0, "no overrides"},
        {"mx pin mail1 5 --reason test", 0, "in force"},
        {"mx weight mail2 2.5 --reason test --domain example.test", 0, "in force"},
        {"mx drain mail1 --reason test --expires 2h", 0, "mx clear mail1"},
        {"mx down mail2 --reason test", 0, "in force"},
        {"mx up access1 --reason test", 0, "in force"},
        {"mx drain mail9 --reason test", 3, "server list"},
        {"mx drain mail1 --reason test --pool access", 3, "no access server mail1"},
        {"mx drain mail1 --reason test --pool web", 1, "mail or access"},
        {"mx down mail* --reason site --pool mail", 0, "mx clear mail*"},
        {"mx down web* --reason site", 3, "web*"},
        {"mx list", 0, "drained, quiet from"},
        {"mx list", 0, "forced down"},
        {"mx trim off --reason odd", 0, "mx clear --id"},
        {"mx trim off mail1 --reason odd --domain example.test", 0, "mail1"},
        {"mx freeze --pool access --reason odd", 0, "all servers of the pool access"},
        {"mx freeze access? --reason odd", 0, "access?"},
        {"mx freeze --reason odd --domain example.test", 2, "--domain"},
        {"mx overrides", 0, "(all)"},
        {"mx clear mail*", 0, "cleared the overrides of mail*"},
        {"mx clear mail*", 3, "no override"},
        {"mx clear", 1, "--id"},
        {"mx clear mail1 --id 1", 1, "--id"},
        {"mx clear --id 1", 0, "number 1"},
        {"mx clear --id 1", 3, "no override"},
        {"mx clear mail2 --domain none.test", 3, "no domain"},
        {"mx history", 0, "all of access"},
        {"mx drain mail1 --reason test --domain none.test", 3, "no domain"},
        {"mx drain mail1 --reason test --expires tomorrow", 1, "--expires"},
        {"mx drain mail1", 2, "--reason"},
        {"mx weight mail1 much --reason test", 1, "number"},
        {"--json mx overrides", 0, "\"action\":\"drain\""},
        {"mx clear mail1", 0, "cleared"},
        {"mx clear mail1", 3, "no override"},
        {"mx history", 0, "end of drain"},
        {"mx history --limit 0", 1, "--limit"},
        {"mx remove example.test mail1", 0, "no longer serves"},
        {"mx remove example.test mail1", 3, "does not serve"},
    });
}

BOOST_AUTO_TEST_CASE(accounts_and_addresses) {
    Fixture f;
    f.make_cluster();
    f.play({
        {"account list", 0, "no accounts"},
        {"account add Alice@example.test --password-file ~/password --quota 1000000", 0, "added"},
        {"account add alice@example.test --password-file ~/password", 4, "already"},
        {"account add bob@none.test --password-file ~/password", 3, "not ours"},
        {"account add bob --password-file ~/password", 1, "no address"},
        {"account add bob@example.test --password-file ~/none", 3, ""},
        {"account add bob@example.test --password-file ~/password --quota 0", 1, "--quota"},
        {"account list --domain example.test", 0, "alice@example.test"},
        {"account list --domain other.test", 0, "no accounts"},
        {"--json account show alice@example.test", 0, "\"quota\":1000000"},
        {"account show bob@example.test", 3, "no account"},
        {"account password alice@example.test --password-file ~/password", 0, "changed"},
        {"account password bob@example.test --password-file ~/password", 3, "no account"},
        {"account set alice@example.test --fax-folder Office/Fax --voicemail-folder Voice",
         0,
         "gets"},
        {"--json account show alice@example.test", 0, "\"fax_folder\":\"Office/Fax\""},
        {"account set alice@example.test --fax-folder INBOX", 0, "gets"},
        {"--json account show alice@example.test", 0, "\"voicemail_folder\":\"Voice\""},
        {"--json account show alice@example.test", 0, "\"fax_folder\":\"INBOX\""},
        {"account set alice@example.test --fax-folder a//b", 1, "a folder has a name"},
        {"account set bob@example.test --fax-folder Fax", 3, "no account"},
        {"account set alice@example.test", 1, "nothing to set"},
        {"ingest fax --to alice@example.test --socket ~/none ~/password", 75, "none"},
        {"ingest fax --to alice@example.test --socket ~/none ~/missing", 2, "missing"},
        {"ingest fax --to alice@example.test --attribute pages", 2, "name=value"},
        {"ingest fax --socket ~/none ~/password", 2, "--to"},
        {"account disable alice@example.test", 0, "disabled"},
        {"account enable alice@example.test", 0, "active"},
        {"account enable bob@example.test", 3, "no account"},
        {"address add sales@example.test alice@example.test", 0, "goes to"},
        {"address add sales@example.test alice@example.test", 4, ""},
        {"address add sales@none.test alice@example.test", 3, "no domain none.test"},
        {"address add sales alice@example.test", 1, "no address"},
        {"account show alice@example.test", 0, "sales@example.test"},
        {"address remove sales@example.test", 0, "removed"},
        {"address remove sales@example.test", 3, "no address"},
        {"domain remove example.test", 1, "still has accounts"},
        {"account remove alice@example.test", 1, "--yes"},
        {"account remove alice@example.test --yes", 0, "removed"},
        {"account remove alice@example.test --yes", 3, "no account"},
    });
}

BOOST_AUTO_TEST_CASE(a_password_is_kept_as_a_hash) {
    Fixture f;
    f.make_cluster();
    f.play({{"account add alice@example.test --password-file ~/password"}});
    const std::string hash = f.database.value("SELECT password_hash FROM directory.account");
    BOOST_TEST(hash.starts_with("$"));
    BOOST_TEST(hash.find("horse") == std::string::npos);
    std::ofstream(f.root + "/password") << std::string(600, 'x');
    f.play({{"account password alice@example.test --password-file ~/password", 1, ""}});
    std::ofstream(f.root + "/password") << "";
    f.play({{"account password alice@example.test --password-file ~/password", 1, "512"}});
}

BOOST_AUTO_TEST_CASE(senders_are_blocked_by_address_domain_or_subtree) {
    Fixture f;
    f.play({
        {"block list", 0, "no sender is blocked"},
        {"block add --address Spam@bad.test --reason test", 0, "address spam@bad.test"},
        {"block add --address spam@bad.test --reason test", 4, "already"},
        {"block add --domain bad.test --reason test --expires 7d", 0, "refused"},
        {"block add --subtree worse.test --reason test", 0, "refused"},
        {"block add --reason test", 1, "--subtree D"},
        {"block add --domain a.test --subtree a.test --reason test", 1, "give one of"},
        {"block add --domain a.test", 2, "--reason"},
        {"block add --domain a.test --reason test --expires -3h", 1, "--expires"},
        {"--json block list", 0, "\"kind\":\"subtree\""},
        {"block remove --subtree worse.test", 0, "no longer blocked"},
        {"block remove --subtree worse.test", 3, "is not blocked"},
    });
}

BOOST_AUTO_TEST_CASE(messages_that_are_not_there) {
    Fixture f;
    f.play({
        {"message find", 0, "no messages"},
        {"message find --recipient alice@example.test --sender a@b.test --limit 5", 0, ""},
        {"--json message find", 0, "[]"},
        {"message track 0190b6c1-7f3a-7c2e-9d51-0123456789ab", 3, "does not know"},
        {"message track 17", 1, "no message id"},
        {"message removed", 2, "--account"},
        {"message removed --account nobody@example.test", 3, "no account"},
        {"message restore 0190b6c1-7f3a-7c2e-9d51-0123456789ab", 3, "can be restored"},
        {"message restore 17", 1, "no message id"},
        {"storage compact", 0, "0 segments are due"},
        {"--json storage compact --wait", 0, "\"left\":0"},
        {"storage compact --wait --patience 0", 1, "--patience"},
    });
}

BOOST_AUTO_TEST_CASE(settings_of_the_cluster) {
    Fixture f;
    f.play({
        {"setting list", 0, "expunged_retention"},
        {"--json setting list", 0, "\"setting\":\"compression\""},
        {"setting set compression zstd", 0, "compression is now zstd"},
        {"setting set compression lzma", 1, "none or zstd"},
        {"setting set expunged_retention 30d"},
        {"setting set expunged_retention soon", 1, "interval"},
        {"setting set min_copies 9", 1, "from 1 to 5"},
        {"setting set virus_policy quarantine", 0, "virus_policy is now quarantine"},
        {"setting set virus_policy delete", 1, "reject, quarantine or tag"},
        {"setting set no_scanner_policy reject", 1, "tempfail or accept"},
        {"setting set quarantine_retention -1d", 1, "not negative"},
        {"setting set colour red", 3, "there is no setting colour"},
        {"setting list", 0, "30 days"},
    });
}

BOOST_AUTO_TEST_CASE(messages_of_an_account) {
    Fixture f;
    f.make_cluster();
    f.play({{"account add alice@example.test --password-file ~/password"},
            {"message list alice@example.test", 0, "no messages"},
            {"message list ALICE@example.test --mailbox inbox", 0, "no messages"},
            {"--json message list alice@example.test", 0, "[]"},
            {"message list alice@example.test --mailbox Work", 3, "no mailbox Work"},
            {"message list bob@example.test", 3, "no account"},
            {"message list", 2, ""}});
    f.database.sql("INSERT INTO catalog.rebuild (phase) VALUES ('cataloguing')");
    const Run unknown = f.run("message list alice@example.test");
    BOOST_TEST(unknown.code == 5);
    BOOST_TEST(unknown.out.empty());
    BOOST_TEST(unknown.error.find("rebuilt") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_cluster_as_a_whole) {
    Fixture f;
    f.make_cluster();
    f.play({
        {"status", 0, "min_copies"},
        {"status", 0, "no standby: PostgreSQL cannot fail over"},
        {"--json status", 0, "\"copies_owed\":0"},
        {"schema status", 0, "schema version"},
        {"endpoints", 1, "--dir"},
        {"daemon list", 1, "--dir"},
        {"up", 1, "--dir"},
        {"--dir ~ endpoints", 5, "no cluster is up"},
        {"--dir ~ daemon list", 5, "start it first"},
        {"--dir ~ daemon stop mail1", 5, "start it first"},
        {"completion bash", 0, "complete -o default"},
        {"completion tcsh", 1, "bash, zsh and fish"},
    });
}

// What an author column says is a person, not the role of the database.
BOOST_AUTO_TEST_CASE(changes_carry_their_author) {
    Fixture f;
    f.make_cluster();
    f.play({{"mx drain mail1 --reason test"}});
    const std::string author = f.database.value("SELECT author FROM directory.mx_override");
    BOOST_TEST(!author.empty());
    BOOST_TEST(author != "roundtable_operator");
}

BOOST_AUTO_TEST_CASE(a_catalog_is_thrown_away_only_when_that_is_said_twice) {
    Fixture f;
    f.make_cluster();
    f.play({{"catalog status", 3, "no tracker has written a journal"},
            {"catalog wait", 3, "no rebuild was asked for"},
            {"catalog rebuild --drop", 1, "--yes"}});
    const auto as_owner = [&](std::vector<std::string> words) {
        words.insert(words.begin(), {"--database", f.database.conninfo("postgres")});
        return ops_test::run(std::move(words));
    };
    const Run kept = as_owner({"catalog", "rebuild"});
    BOOST_TEST(kept.code == 1);
    BOOST_TEST(kept.error.find("--drop") != std::string::npos);
    const Run asked = as_owner(
        {"catalog", "rebuild", "--drop", "--yes", "--no-wait", "--without", "store2", "--json"});
    BOOST_TEST(asked.code == 0, asked.error);
    BOOST_TEST(asked.out.find("\"requested\"") != std::string::npos, asked.out);
    BOOST_TEST(f.database.value("SELECT without FROM catalog.rebuild") == "{store2}");
    f.database.sql("INSERT INTO catalog.journal_state (id) VALUES (1)");
    f.database.sql("UPDATE catalog.rebuild SET phase = 'done'");
    f.play({{"catalog status", 0, "journal_lag_seconds"},
            {"catalog wait", 0, "done"},
            {"status", 0, "journal_lag_seconds"}});
}

BOOST_AUTO_TEST_SUITE_END()
