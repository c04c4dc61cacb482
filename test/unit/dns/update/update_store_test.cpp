#include "dns/update/update_store.h"

#include <boost/test/unit_test.hpp>

#include "dns/directory/directory_reader.h"
#include "test/unit/dns/directory/directory_database.h"
#include "test/unit/dns/update/update_builder.h"

using dns::Rcode;
using dns_test::DirectoryDatabase;
using dns_test::UpdateBuilder;

namespace {

constexpr unsigned kA = 1, kTxt = 16, kAny = 255, kIn = 1, kAnyClass = 255, kNone = 254;
const std::string kOne = "\x01\x01\x01\x01";

// The daemon's own rights, a key that may change all of mail.test, and one for challenges.
struct Storing {
    Storing() : connection(database.open("roundtable_dnsd")) {
        database.fill();
        database.sql("INSERT INTO directory.transfer_key (name) VALUES ('all.key'), ('acme.key')");
        database.sql(
            "INSERT INTO directory.update_grant (key_id, domain_id, match, types, lifetime) "
            "SELECT k.id, d.id, v.match, v.types::text[], v.lifetime::interval "
            "FROM (VALUES ('all.key', 'subtree', '{}', NULL), "
            "('acme.key', 'acme', '{TXT}', '1 hour')) v(key, match, types, lifetime) "
            "JOIN directory.transfer_key k ON k.name = v.key, directory.domain d "
            "WHERE d.name = 'mail.test'");
    }

    dns::update::UpdateJob job(const UpdateBuilder& message, const char* key = "all.key") {
        dns::update::UpdateJob made;
        made.name_server = "ns1";
        made.key = key;
        made.client = base::IpAddress::parse("192.0.2.99").take_value();
        made.mac.assign(32, static_cast<std::byte>(++requests));
        made.request = message.read().request;
        return made;
    }

    dns::update::UpdateResult store(const dns::update::UpdateJob& one) {
        auto result = dns::update::store_update(*connection, one);
        BOOST_REQUIRE_MESSAGE(result, (result ? "" : result.error().detail));
        return std::move(result).take_value();
    }

    int rcode(const UpdateBuilder& message, const char* key = "all.key") {
        return static_cast<int>(store(job(message, key)).rcode);
    }

    std::string text(const std::string& sql) {
        const base::Rows rows = database.sql(sql);
        return rows.empty() ? "" : rows[0].string(0);
    }

    std::string records(const std::string& owner) {
        return text(
            "SELECT coalesce(string_agg(concat_ws(' ', type, ttl, rdata), ', ' ORDER BY id), '') "
            "FROM directory.record WHERE owner = '" +
            owner + "'");
    }

    DirectoryDatabase database;
    std::unique_ptr<base::Connection> connection;
    int requests = 0;
};

UpdateBuilder message() {
    return UpdateBuilder("mail.test");
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(dns_update_store, Storing)

BOOST_AUTO_TEST_CASE(makes_an_update_with_its_history_and_version) {
    const auto result = store(job(message()
                                      .update("new.mail.test", kA, kIn, 60, kOne)
                                      .update("www.mail.test", kA, kAnyClass, 0)));
    BOOST_TEST((result.rcode == Rcode::NoError));
    BOOST_TEST(result.added == 1U);
    BOOST_TEST(result.removed == 1U);
    BOOST_TEST(result.version == dns::read_directory_version(*connection).value());
    BOOST_TEST(records("new") == "A 60 1.1.1.1");
    BOOST_TEST(records("www") == "");
    BOOST_TEST(text("SELECT concat_ws(' ', domain, name_server, key_name, host(client), removed, "
                    "added) FROM directory.zone_update") ==
               "mail.test ns1 all.key 192.0.2.99 {\"www A 192.0.2.80\"} {\"new 60 A 1.1.1.1\"}");
}

BOOST_AUTO_TEST_CASE(changes_the_ttl_of_what_is_there) {
    BOOST_TEST(rcode(message().update("www.mail.test", kA, kIn, 77, kOne)) == 0);
    BOOST_TEST(records("www") == "A 77 192.0.2.80, A 77 1.1.1.1");
}

BOOST_AUTO_TEST_CASE(the_same_request_is_made_once) {
    const auto first = job(message()
                               .prerequisite("new.mail.test", kAny, kNone)
                               .update("new.mail.test", kA, kIn, 60, kOne));
    const auto version = store(first).version;
    BOOST_TEST(rcode(message().update("new.mail.test", kA, kAnyClass, 0)) == 0);
    const auto again = store(first);
    BOOST_TEST((again.rcode == Rcode::NoError));
    BOOST_TEST(again.again);
    BOOST_TEST(again.version == version);
    BOOST_TEST(records("new") == "");
}

BOOST_AUTO_TEST_CASE(refuses_without_a_trace) {
    BOOST_TEST(rcode(UpdateBuilder("none.test")) == 9);
    BOOST_TEST(rcode(UpdateBuilder("hosts.test")) == 5);
    BOOST_TEST(rcode(message(), "no.key") == 5);
    BOOST_TEST(rcode(message().update("www.mail.test", kA, kAnyClass, 0), "acme.key") == 5);
    BOOST_TEST(rcode(message().prerequisite("no.mail.test", kAny, kAnyClass)) == 3);
    // The zone would be refused: a delegation without its server's address.
    BOOST_TEST(rcode(message().update(
                   "sub.mail.test", 2, kIn, 60, dns_test::wire_name("ns.sub.mail.test"))) == 5);
    BOOST_TEST(records("www") == "A 120 192.0.2.80");
    BOOST_TEST(text("SELECT count(*) FROM directory.zone_update") == "0");
}

BOOST_AUTO_TEST_CASE(a_zone_below_has_its_names_to_itself) {
    const auto add = [](const char* owner) {
        return message().update(owner, kTxt, kIn, 60, "\1x");
    };
    BOOST_TEST(rcode(add("a.sub.mail.test")) == 0);
    database.sql("INSERT INTO directory.domain (name) VALUES ('sub.mail.test')");
    BOOST_TEST(rcode(add("b.sub.mail.test")) == 10);
    BOOST_TEST(rcode(add("sub.mail.test")) == 10);
    BOOST_TEST(rcode(add("xsub.mail.test")) == 0);
}

BOOST_AUTO_TEST_CASE(keeps_what_mail_records_keeps) {
    const auto dmarc = message().update("_dmarc.mail.test", kTxt, kIn, 60, "\x0bv=DMARC1; p");
    BOOST_TEST(rcode(dmarc) == 0);
    database.sql(
        "INSERT INTO directory.mail_records (domain_id, imaps) SELECT id, 'x:993' "
        "FROM directory.domain WHERE name = 'mail.test'");
    database.sql(
        "INSERT INTO directory.dkim_key (domain_id, selector, algorithm, public_key, state) "
        "SELECT id, v.s, 'rsa', 'AAAA', v.state FROM directory.domain, "
        "(VALUES ('old', 'removed'), ('now', 'active')) v(s, state) WHERE name = 'mail.test'");
    BOOST_TEST(rcode(dmarc) == 5);
    BOOST_TEST(rcode(message().update("now._domainkey.mail.test", kTxt, kIn, 60, "\1x")) == 5);
    BOOST_TEST(rcode(message().update("old._domainkey.mail.test", kTxt, kIn, 60, "\1x")) == 0);
    BOOST_TEST(rcode(message().update("_imaps._tcp.mail.test", kTxt, kIn, 60, "\1x")) == 5);
    BOOST_TEST(rcode(message().update("_pop3s._tcp.mail.test", kTxt, kIn, 60, "\1x")) == 0);
}

BOOST_AUTO_TEST_CASE(records_with_a_lifetime_go_and_leave_a_history) {
    const auto challenge = [](const char* token) {
        return message().update("_acme-challenge.a.mail.test", kTxt, kIn, 60, token);
    };
    BOOST_TEST(rcode(challenge("\1x"), "acme.key") == 0);
    BOOST_TEST(rcode(challenge("\1y")) == 0);  // by a key without a lifetime
    BOOST_TEST(text("SELECT count(*) FROM directory.record WHERE expires_at > now() + "
                    "interval '59 minutes'") == "1");
    BOOST_TEST(dns::update::expire_records(*connection, "ns1").value() == 0);
    database.sql("UPDATE directory.record SET expires_at = now() WHERE expires_at IS NOT NULL");
    // Adding it again gives it its time again; what stays stays.
    BOOST_TEST(rcode(challenge("\1x"), "acme.key") == 0);
    BOOST_TEST(rcode(challenge("\1y"), "acme.key") == 0);
    BOOST_TEST(dns::update::expire_records(*connection, "ns1").value() == 0);
    database.sql("UPDATE directory.record SET expires_at = now() WHERE expires_at IS NOT NULL");
    BOOST_TEST(dns::update::expire_records(*connection, "ns1").value() == 1);
    BOOST_TEST(records("_acme-challenge.a") == "TXT 60 \"y\"");
    BOOST_TEST(text("SELECT removed FROM directory.zone_update WHERE key_name IS NULL") ==
               "{\"_acme-challenge.a TXT \\\"x\\\"\"}");
}

BOOST_AUTO_TEST_CASE(a_record_that_is_added_twice_has_the_last_ttl) {
    BOOST_REQUIRE(connection->query(
        "SELECT directory.update_domain('ns1', 'all.key', '192.0.2.1', d.id, NULL, '{}', '{}', "
        "'{}', '{}', '{}', '{}', ARRAY['b', 'a', 'b'], ARRAY['TXT', 'TXT', 'TXT'], "
        "ARRAY[60, 60, 77], ARRAY['\"x\"', '\"x\"', '\"x\"']) "
        "FROM directory.domain d WHERE d.name = 'mail.test'"));
    BOOST_TEST(records("a") == "TXT 60 \"x\"");
    BOOST_TEST(records("b") == "TXT 77 \"x\"");
}

// A name server that is taken over may do no more than its keys.
BOOST_AUTO_TEST_CASE(the_database_looks_at_the_grants_once_more) {
    const auto call = [this](const char* key, const char* owner, const char* type) {
        return connection->query(
            "SELECT directory.update_domain('ns1', $1, '192.0.2.1', d.id, NULL, '{}', '{}', '{}', "
            "'{}', '{}', '{}', ARRAY[$2], ARRAY[$3], ARRAY[60], ARRAY['\"x\"']) "
            "FROM directory.domain d WHERE d.name = 'mail.test'",
            {key, owner, type});
    };
    BOOST_TEST(bool(call("acme.key", "_acme-challenge", "TXT")));
    BOOST_TEST(bool(call("acme.key", "_acme-challenge.a.b", "TXT")));
    BOOST_TEST(bool(call("all.key", "@", "TXT")));
    for (const auto& [key, owner, type] : {std::tuple("acme.key", "www", "TXT"),
                                           std::tuple("acme.key", "a._acme-challenge", "TXT"),
                                           std::tuple("acme.key", "_acme-challenge", "A"),
                                           std::tuple("no.key", "www", "TXT"),
                                           std::tuple("all.key", "@", "DNSKEY")}) {
        const auto refused = call(key, owner, type);
        BOOST_TEST((!refused && refused.error().code == base::Errc::Refused));
    }
    BOOST_TEST(!connection->query("DELETE FROM directory.record"));
    BOOST_TEST(!connection->query("UPDATE directory.update_grant SET types = '{}'"));
}

BOOST_AUTO_TEST_SUITE_END()
