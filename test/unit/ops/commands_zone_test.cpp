// Verbs of zones, and what refuses an edit that would break one; as commands_test.cpp.

#include <fstream>
#include <string>

#include <boost/test/unit_test.hpp>

#include "test/unit/ops/commands_fixture.h"

using ops_test::Fixture;

namespace {

void write(const Fixture& f, const std::string& name, const std::string& text) {
    std::ofstream(f.root + "/" + name) << text;
}

constexpr const char* kZone =
    "$ORIGIN example.test.\n"
    "$TTL 1h\n"
    "@ IN SOA dns1 admin 2024010101 2h 15m 2w 5m\n"
    "@ NS dns1\n"
    "dns1 A 127.0.0.4\n"
    "@ MX 10 elsewhere.test.\n"
    "www 600 A 192.0.2.1\n"
    "txt TXT \"a;b\" ( \"c\" )\n"
    "u TYPE65280 \\# 3 abcdef\n"
    "www RRSIG A 13 3 600 20300101000000 20200101000000 1 example.test. AAAA\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(commands)

BOOST_AUTO_TEST_CASE(zones_are_imported_when_they_were_shown) {
    Fixture f;
    f.make_cluster();
    write(f, "zone", kZone);
    f.play({
        {"zone check ~/zone", 0, "good as they stand"},
        {"zone diff ~/zone", 0, "+ www 600 IN A 192.0.2.1"},
        {"zone diff ~/zone", 0, "+ txt 3600 IN TXT \"a;b\" \"c\""},
        {"zone diff ~/zone", 0, "~ SOA minimum 60 -> 300"},
        {"zone diff ~/zone", 0, "~ SOA contact hostmaster@example.test -> admin@example.test"},
        {"zone diff ~/zone", 0, "1 record left out: the MX of example.test is steered"},
        {"zone diff ~/zone", 0, "2 records left out: the same ones follow"},
        {"zone diff ~/zone", 0, "1 record left out: signatures"},
        {"zone diff ~/zone", 0, "serial 2024010101 is not taken"},
        {"zone import ~/zone", 1, "with --yes"},
        {"record list example.test", 0, "no records"},
        {"zone import ~/zone --yes", 0, "3 records added, 0 removed"},
        {"zone import ~/zone --yes", 0, "nothing to change"},
        {"record list example.test", 0, "\\# 3 abcdef"},
        {"--json zone diff ~/zone", 0, "\"changes\": []"},
        {"zone check", 0, "1 domains are served as written"},
        {"zone check --domain example.test", 0, "is served"},
        {"zone problems", 0, "serve every domain"},
    });
    // What is exported says the same as what is there, the steered records included.
    const auto exported = f.run("zone export example.test");
    BOOST_TEST(exported.code == 0, exported.error);
    BOOST_TEST(exported.out.starts_with("example.test. 3600 IN SOA dns1.example.test. "
                                        "admin.example.test. "),
               exported.out);
    for (const char* line :
         {"\nexample.test. 60 IN MX 10 mail1.example.test.\n",
          "\nimap.example.test. 60 IN A 127.0.0.3\n",
          "\n_imap._tcp.example.test. 60 IN SRV 10 1 143 access1.example.test.\n",
          "\nmail1.example.test. 3600 IN A 127.0.0.1\n",
          "\nwww.example.test. 600 IN A 192.0.2.1\n"}) {
        BOOST_TEST(exported.out.find(line) != std::string::npos, line << exported.out);
    }
    write(f, "again", exported.out);
    f.play({{"zone import ~/again --yes", 0, "nothing to change"}});
    BOOST_TEST(f.run("--json zone diff ~/again").out.find("\"changes\": []") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_import_replaces_and_nothing_is_half_done) {
    Fixture f;
    f.make_cluster();
    f.play({{"record add example.test old A 192.0.2.7"},
            {"record add example.test same A 192.0.2.8 --ttl 60"}});
    write(f, "new", "same 60 A 192.0.2.8\nsame 60 AAAA 2001:db8::8\n");
    write(f, "alias", "www 60 CNAME same\nwww 60 A 192.0.2.1\n");
    write(f, "server", "@ 60 NS ns.example.test.\n");
    write(f, "bad", "www 60 A 192.0.2.1\nwww 60 MX 99999 a\n");
    write(f, "other", "www.other.test. 60 A 192.0.2.1\n");
    f.play({
        {"zone diff ~/new", 1, "line 1: \"same\" is relative"},
        {"zone diff ~/new --domain example.test", 0, "- old 3600 IN A 192.0.2.7"},
        {"zone import ~/alias --domain example.test --yes", 1, "other records beside it"},
        {"zone import ~/server --domain example.test --yes", 1, "no address for ns.example.test."},
        {"zone import ~/bad --domain example.test --yes", 1, "line 2: number 99999"},
        {"zone import ~/other --domain example.test --yes", 1, "is not in the zone"},
        {"zone import ~/new --domain none.test --yes", 3, "no domain none.test"},
        {"zone import ~/none --domain example.test", 3, ""},
        {"record list example.test", 0, "192.0.2.7"},
        {"zone import ~/new --domain example.test --yes", 0, "1 records added, 1 removed"},
        {"zone check ~/alias --domain example.test", 1, ""},
        {"zone export none.test", 3, "no domain"},
    });
    const auto records = f.run("record list example.test").out;
    BOOST_TEST(records.find("192.0.2.7") == std::string::npos);
    BOOST_TEST(records.find("2001:db8::8") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(edits_that_would_break_a_zone_are_refused) {
    Fixture f;
    f.make_cluster();
    f.play({
        {"record add example.test www A 192.0.2.1"},
        {"record add example.test www CNAME example.test.", 1, "other records beside it"},
        {"record add example.test www A 192.0.2.2 --ttl 60", 1, "two TTLs in one RRset"},
        {"record add example.test x MX 99999 a", 1, "number 99999 does not fit"},
        {"record add example.test x NOSUCH a", 1, "unknown record type"},
        {"record add example.test @ NS ns.example.test.", 1, "no address for ns.example.test."},
        {"record add example.test www A 192.0.2.2 --ttl 3600"},
        {"domain set example.test --ttl 60", 1, "two TTLs in one RRset"},
        {"record add example.test ns A 192.0.2.53"},
        {"record add example.test @ NS ns.example.test."},
        {"record remove example.test ns A", 1, "no address for ns.example.test."},
        {"record remove example.test none A", 3, "no such record"},
    });
    // By SQL nobody stands between: the command says that it is broken, and lets it be mended.
    f.database.sql(
        "INSERT INTO directory.record (domain_id, owner, type, ttl, rdata) "
        "SELECT id, 'www', 'CNAME', 5, 'x' FROM directory.domain WHERE name = 'example.test'");
    f.play({{"zone check", 1, "1 of 1 domains are refused"},
            {"zone check --domain example.test", 1, "other records beside it"},
            {"zone export example.test", 1, "other records beside it"}});
    const auto still = f.run("record add example.test y A 192.0.2.1");
    BOOST_TEST(still.code == 0);
    BOOST_TEST(still.error.find("as before") != std::string::npos, still.error);
    f.play({{"record remove example.test www CNAME"}, {"zone check", 0, "served"}});
}

BOOST_AUTO_TEST_SUITE_END()
