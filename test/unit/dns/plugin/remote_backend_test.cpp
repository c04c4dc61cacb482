#include "dns/plugin/remote_backend.h"

#include <string>

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/world.h"

using dns::plugin::BackendReply;
using dns::plugin::CallOutcome;
using dns::plugin::KeyUse;

namespace {

dns::Directory directory() {
    dns::Directory made;
    made.domains.resize(2);
    made.domains[0].id = 7;
    made.domains[0].name = "mail.test";
    made.domains[1].id = 9;
    made.domains[1].name = "other.test";
    return made;
}

// A server with two zones, as a connection sees it.
struct World {
    dns_test::Pool mail = dns_test::pool(dns::PoolKind::Mail, {1, 1});
    std::unique_ptr<const dns::Snapshot> snapshot;
    dns::plugin::ZoneIds ids{directory()};
    dns::plugin::NotifiedSerials notified;
    dns::plugin::RemoteBackend backend{notified};
    KeyUse keys = KeyUse::None;
    const dns::plugin::SigningData* signing = nullptr;

    World() {
        auto source = dns_test::zone_source("mail.test", {"www A 192.0.2.80", "b.ent A 192.0.2.1"});
        source.steers_mail = true;
        snapshot = dns_test::snapshot({source, dns_test::zone_source("other.test", {})}, &mail);
    }

    BackendReply reply(std::string_view line) {
        return backend.answer(line, {*snapshot, ids, keys, signing});
    }

    // The whole line.
    std::string ask(std::string_view line) {
        BackendReply made = reply(line);
        while (made.more != nullptr && made.more->next(made.text)) {
        }
        return made.text;
    }

    std::string call(const std::string& method, const std::string& parameters) {
        return ask(R"({"method":")" + method + R"(","parameters":{)" + parameters + "}}");
    }
};

constexpr std::string_view kNothing = "{\"result\":false}\n";
constexpr std::string_view kDone = "{\"result\":true}\n";
constexpr std::string_view kNoKeys = "{\"error\":\"the keys have not been read yet\"}\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_plugin_remote_backend)

BOOST_AUTO_TEST_CASE(initializes) {
    World world;
    BOOST_TEST(world.call("initialize", R"("path":"/run/x","timeout":"2000")") == kDone);
}

BOOST_AUTO_TEST_CASE(looks_up_in_the_form_that_powerdns_reads) {
    World world;
    BOOST_TEST(world.call("lookup", R"("qname":"www.mail.test.","qtype":"ANY","zone-id":7)") ==
               R"({"result":[{"qtype":"A","qname":"www.mail.test.","content":"192.0.2.80",)"
               R"("ttl":300,"auth":1,"domain_id":7}]})"
               "\n");
    BOOST_TEST(world.call("lookup", R"("qname":"ent.mail.test.","qtype":"ANY","zone-id":-1)") ==
               R"({"result":[{"qtype":"","qname":"ent.mail.test.","content":"","ttl":0,)"
               R"("auth":1,"domain_id":7}]})"
               "\n");
    const std::string mail = world.call("lookup",
                                        R"("qname":"MAIL.test.","qtype":"MX",)"
                                        R"("remote":"192.0.2.1","real-remote":"198.51.100.0/24")");
    BOOST_TEST(mail.find(R"("content":"10 mx1.hosts.test","ttl":60,"auth":1,"domain_id":7,)"
                         R"("scopeMask":24})") != std::string::npos);
    for (const char* const bad : {R"("qname":"nothing.mail.test.","qtype":"ANY")",
                                  R"("qname":"www.mail.test.","qtype":"NONSENSE")",
                                  R"("qname":"..","qtype":"A")",
                                  R"("qtype":"A")",
                                  R"("qname":"www.mail.test.")",
                                  R"("qname":7,"qtype":"A")"}) {
        BOOST_TEST(world.call("lookup", bad) == kNothing, bad);
    }
}

BOOST_AUTO_TEST_CASE(lists_a_zone_with_the_canonical_answer) {
    World world;
    const std::string list = world.call("list", R"("zonename":"mail.test.","domain_id":7)");
    BOOST_TEST(list.starts_with(R"({"result":[{"qtype":)"));
    BOOST_TEST(list.ends_with("}]}\n"));
    for (const char* const part : {R"("qtype":"SOA")",
                                   R"("content":"10 mx1.hosts.test")",
                                   R"("content":"10 mx2.hosts.test")",
                                   R"("qname":"b.ent.mail.test.")"}) {
        BOOST_TEST(list.find(part) != std::string::npos, part);
    }
    BOOST_TEST(list.find(R"("qname":"ent.mail.test.")") == std::string::npos);
    BOOST_TEST(list.find("_account") == std::string::npos);
    BOOST_TEST(world.call("list", R"("zonename":"www.mail.test.","domain_id":7)") == kNothing);
    BOOST_TEST(world.call("list", "") == kNothing);
}

BOOST_AUTO_TEST_CASE(a_list_is_of_the_moment_at_which_it_was_begun) {
    World world;
    BackendReply reply = world.reply(R"({"method":"list","parameters":{"zonename":"mail.test."}})");
    BOOST_REQUIRE(reply.more != nullptr);
    world.snapshot.reset();
    std::string text;
    while (reply.more->next(text)) {
    }
    BOOST_TEST(text.find("2026112201") != std::string::npos);
    BOOST_TEST(text.find("mx2.hosts.test") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(tells_of_domains) {
    World world;
    const std::string info = R"({"id":7,"zone":"mail.test.","kind":"master","serial":2026112201,)"
                             R"("notified_serial":0,"last_check":0,"masters":[]})";
    BOOST_TEST(world.call("getDomainInfo", R"("name":"mail.test.")") ==
               R"({"result":)" + info + "}\n");
    BOOST_TEST(world.call("getDomainInfo", R"("name":"www.mail.test.")") == kNothing);
    const std::string all = world.call("getAllDomains", R"("include_disabled":true)");
    BOOST_TEST(all.find(info) != std::string::npos);
    BOOST_TEST(all.find(R"("zone":"other.test.")") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_domain_is_updated_until_it_was_told) {
    World world;
    const auto updated = [&world] { return world.call("getUpdatedMasters", ""); };
    BOOST_TEST(updated().find("mail.test.") != std::string::npos);
    BOOST_TEST(world.call("setNotified", R"("id":7,"serial":2026112201)") == kDone);
    BOOST_TEST(updated().find("mail.test.") == std::string::npos);
    BOOST_TEST(updated().find("other.test.") != std::string::npos);
    BOOST_TEST(world.call("setNotified", R"("id":9,"serial":1.0)") == kDone);
    BOOST_TEST(updated().find("other.test.") != std::string::npos);
    for (const char* const bad : {R"("id":8,"serial":1)",
                                  R"("id":7)",
                                  R"("id":7,"serial":-1)",
                                  R"("id":7,"serial":4294967296)"}) {
        BOOST_TEST(world.call("setNotified", bad) == kNothing, bad);
    }
}

BOOST_AUTO_TEST_CASE(neighbours_are_relative_to_the_zone) {
    World world;
    const auto around = [&world](const std::string& name) {
        return world.call("getBeforeAndAfterNamesAbsolute", R"("id":7,"qname":")" + name + "\"");
    };
    BOOST_TEST(around("x.") == R"({"result":{"unhashed":"x.","before":"www","after":""}})"
                               "\n");
    BOOST_TEST(around("") == R"({"result":{"unhashed":"","before":"","after":"b.ent"}})"
                             "\n");
    BOOST_TEST(world.call("getBeforeAndAfterNamesAbsolute", R"("id":8,"qname":"x")") == kNothing);
}

BOOST_AUTO_TEST_CASE(hands_out_keys_only_where_it_is_told_to) {
    World world;
    dns::dnssec::StoredKeys stored;
    stored.domain = "mail.test";
    stored.denial = dns::dnssec::Denial::Compact;
    dns::dnssec::KeyRecord record;
    record.id = 3;
    record.state = dns::dnssec::KeyState::Active;
    stored.keys.keys = {record};
    const dns::plugin::SigningData signing({stored}, {{3, std::string(32, 'k')}});
    const std::string name = R"("name":"mail.test.")";
    BOOST_TEST(world.call("getDomainKeys", name) == kNothing);
    BOOST_TEST(world.call("getAllDomainMetadata", name) == "{\"result\":{}}\n");

    // Not known yet: neither keys nor that there are none.
    world.keys = KeyUse::Given;
    BOOST_TEST(world.call("getDomainKeys", name) == kNoKeys);
    BOOST_TEST(world.call("getAllDomainMetadata", name) == kNoKeys);
    BOOST_TEST(world.call("getDomainMetadata", name + R"(,"kind":"PRESIGNED")") == kNoKeys);

    world.signing = &signing;
    const std::string keys = world.call("getDomainKeys", name);
    BOOST_TEST(keys.starts_with(R"({"result":[{"id":3,"flags":257,"active":true,"published":true,)"
                                R"("content":"Private-key-format: v1.2\u000aAlgorithm: 13 )"));
    BOOST_TEST(world.call("getAllDomainMetadata", name) ==
               R"({"result":{"NSEC3PARAM":["1 0 0 -"],"NSEC3NARROW":["1"],)"
               R"("PUBLISH-CDNSKEY":["1"],"PUBLISH-CDS":["2"]}})"
               "\n");
    BOOST_TEST(world.call("getDomainMetadata", name + R"(,"kind":"NSEC3NARROW")") ==
               "{\"result\":[\"1\"]}\n");
    BOOST_TEST(world.call("getDomainMetadata", name + R"(,"kind":"PRESIGNED")") == kNothing);
    BOOST_TEST(world.call("getDomainKeys", R"("name":"other.test.")") == kNothing);
}

BOOST_AUTO_TEST_CASE(says_false_to_all_else) {
    World world;
    for (const char* const method : {"superMasterBackend",
                                     "feedRecord",
                                     "replaceRRSet",
                                     "startTransaction",
                                     "getTSIGKey",
                                     "setDomainMetadata",
                                     "addDomainKey",
                                     "directBackendCmd",
                                     "searchRecords",
                                     "isMaster",
                                     "",
                                     "LOOKUP"}) {
        BOOST_TEST(world.call(method, R"("name":"mail.test.")") == kNothing, method);
        BOOST_TEST((world.reply(R"({"method":")" + std::string(method) + "\"}").outcome ==
                    CallOutcome::Unknown));
    }
    for (const char* const line : {"", "x", "{}", "[1]", "GET / HTTP/1.1"}) {
        BOOST_TEST(world.ask(line) == kNothing, line);
        BOOST_TEST((world.reply(line).outcome == CallOutcome::Malformed));
    }
}

BOOST_AUTO_TEST_SUITE_END()
