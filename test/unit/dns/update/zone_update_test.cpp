#include "dns/update/zone_update.h"

#include <map>
#include <string_view>

#include <boost/test/unit_test.hpp>

#include "dns/ldns_door.h"
#include "test/unit/dns/update/update_builder.h"
#include "test/unit/dns/world.h"

using dns::Name;
using dns_test::UpdateBuilder;
using dns_test::wire_name;
using namespace std::string_literals;
using namespace std::string_view_literals;

namespace {

constexpr unsigned kA = 1, kNs = 2, kCname = 5, kSoa = 6, kMx = 15, kTxt = 16, kAny = 255;
constexpr unsigned kIn = 1, kNone = 254, kAnyClass = 255;
constexpr int kNoError = 0, kNxDomain = 3, kRefused = 5, kYxDomain = 6, kYxRrset = 7, kNxRrset = 8;

const std::string kOne = "\x01\x01\x01\x01";
const std::string kTwo = "\x02\x02\x02\x02";

// A zone of which operators wrote the given lines, and servers added NS and mail1's address.
struct Zone {
    explicit Zone(const std::vector<std::string>& lines) {
        const dns::ZoneSource made = dns_test::zone_source("example.test", {"mail1 A 192.0.2.1"});
        zone.source = made;
        zone.source.records.clear();
        for (const std::string& line : lines) {
            zone.source.records.push_back(dns_test::row(line));
        }
        zone.own = zone.source.records.size();
        zone.expires.assign(zone.own, false);
        zone.source.records.insert(
            zone.source.records.end(), made.records.begin(), made.records.end());
        follows = made.records;
        zone.serial = 0x01020304;
    }

    dns::update::UpdateOutcome apply(const UpdateBuilder& message) const {
        const auto rights =
            dns::update::UpdateRights::create(zone.source, grants, {}, follows).take_value();
        const auto reading = message.read();
        BOOST_REQUIRE((reading.rcode == dns::Rcode::NoError));
        return dns::update::apply_update(zone, rights, reading.request);
    }

    int rcode(const UpdateBuilder& message) const { return static_cast<int>(apply(message).rcode); }

    // "-owner type data", "=owner type ttl" and "+owner ttl type data" of what is to be written.
    std::vector<std::string> changes(const UpdateBuilder& message) const {
        const auto outcome = apply(message);
        BOOST_TEST(static_cast<int>(outcome.rcode) == kNoError, outcome.reason);
        std::vector<std::string> lines;
        for (const auto& key : outcome.changes.removed) {
            lines.push_back("-" + key.owner + " " + key.type + " " + key.data);
        }
        for (const auto& set : outcome.changes.retimed) {
            lines.push_back("=" + set.owner + " " + set.type + " " + std::to_string(set.ttl));
        }
        for (const auto& row : outcome.changes.added) {
            lines.push_back("+" + row.owner + " " + std::to_string(row.ttl) + " " + row.type + " " +
                            row.data);
        }
        return lines;
    }

    dns::update::UpdatedZone zone;
    std::vector<dns::RecordRow> follows;
    std::vector<dns::update::Grant> grants = {
        {dns::update::GrantMatch::Subtree, Name::from_text("example.test").take_value(), {}}};
};

UpdateBuilder message() {
    return UpdateBuilder("example.test");
}

using Lines = std::vector<std::string>;

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_zone_update)

BOOST_AUTO_TEST_CASE(adds_records_and_drops_those_that_are_there) {
    const Zone zone({"www A 1.1.1.1"});
    BOOST_TEST(zone.changes(message()
                                .update("new.example.test", kA, kIn, 60, kOne)
                                .update("new.example.test", kA, kIn, 60, kOne)
                                .update("www.example.test", kA, kIn, 300, kOne)) ==
               Lines{"+new 60 A 1.1.1.1"});
    BOOST_TEST(zone.changes(message().update("example.test", kTxt, kIn, 60, "\1;"sv)) ==
               Lines{"+@ 60 TXT \";\""});
}

BOOST_AUTO_TEST_CASE(a_set_takes_the_ttl_of_the_last_that_is_added) {
    const Zone zone({"www A 1.1.1.1", "www TXT x"});
    BOOST_TEST((zone.changes(message().update("www.example.test", kA, kIn, 60, kTwo)) ==
                Lines{"=www A 60", "+www 60 A 2.2.2.2"}));
    BOOST_TEST(zone.changes(message().update("www.example.test", kA, kIn, 60, kOne)) ==
               Lines{"=www A 60"});
}

BOOST_AUTO_TEST_CASE(removes_a_record_a_set_and_a_name) {
    const Zone zone({"www A 1.1.1.1", "www A 2.2.2.2", "www TXT x", "cased MX 1 Host.Test."});
    BOOST_TEST(zone.changes(message().update("www.example.test", kA, kNone, 0, kOne)) ==
               Lines{"-www A 1.1.1.1"});
    BOOST_TEST((zone.changes(message().update("www.example.test", kA, kAnyClass, 0)) ==
                Lines{"-www A 1.1.1.1", "-www A 2.2.2.2"}));
    BOOST_TEST(zone.changes(message().update("www.example.test", kAny, kAnyClass, 0)).size() == 3U);
    BOOST_TEST(zone.changes(message().update("www.example.test", kMx, kAnyClass, 0)).empty());
    BOOST_TEST(zone.changes(message().update("no.example.test", kAny, kAnyClass, 0)).empty());
    BOOST_TEST(zone.changes(message().update(
                   "cased.example.test", kMx, kNone, 0, "\0\1"s + wire_name("hOST.tEST"))) ==
               Lines{"-cased MX 1 Host.Test."});
}

BOOST_AUTO_TEST_CASE(applies_one_after_another) {
    const Zone zone({"www A 1.1.1.1"});
    BOOST_TEST(zone.changes(message()
                                .update("www.example.test", kA, kAnyClass, 0)
                                .update("www.example.test", kA, kIn, 300, kOne))
                   .empty());
    BOOST_TEST(
        (zone.changes(message()
                          .update("www.example.test", kA, kAnyClass, 0)
                          .update("www.example.test", kCname, kIn, 60, wire_name("a.test"))) ==
         Lines{"-www A 1.1.1.1", "+www 60 CNAME a.test."}));
    BOOST_TEST(zone.changes(message()
                                .update("x.example.test", kA, kIn, 60, kOne)
                                .update("x.example.test", kA, kNone, 0, kOne))
                   .empty());
}

BOOST_AUTO_TEST_CASE(an_alias_stands_alone) {
    const Zone zone({"www A 1.1.1.1", "alias CNAME one.test."});
    BOOST_TEST(
        zone.changes(message().update("www.example.test", kCname, kIn, 60, wire_name("a.test")))
            .empty());
    BOOST_TEST(zone.changes(message().update("alias.example.test", kA, kIn, 60, kOne)).empty());
    BOOST_TEST((zone.changes(
                    message().update("alias.example.test", kCname, kIn, 60, wire_name("b.test"))) ==
                Lines{"-alias CNAME one.test.", "+alias 60 CNAME b.test."}));
}

BOOST_AUTO_TEST_CASE(what_expires_is_renewed_by_adding_it_again) {
    Zone zone({"a TXT x", "b TXT x"});
    zone.zone.expires[0] = true;
    const auto both = message()
                          .update("a.example.test", kTxt, kIn, 300, "\1x")
                          .update("b.example.test", kTxt, kIn, 300, "\1x");
    BOOST_TEST(zone.changes(both) == Lines{"+a 300 TXT x"});
    BOOST_TEST(zone.changes(message()
                                .update("a.example.test", kTxt, kAnyClass, 0)
                                .update("a.example.test", kTxt, kIn, 300, "\1x")) ==
               Lines{"+a 300 TXT x"});
}

BOOST_AUTO_TEST_CASE(prerequisites_are_about_names_sets_and_records) {
    const Zone zone({"www A 1.1.1.1", "www A 2.2.2.2", "cased MX 1 Host.Test."});
    const char* const www = "www.example.test";
    const char* const no = "no.example.test";
    BOOST_TEST(zone.rcode(message().prerequisite(www, kAny, kAnyClass)) == kNoError);
    BOOST_TEST(zone.rcode(message().prerequisite(no, kAny, kAnyClass)) == kNxDomain);
    BOOST_TEST(zone.rcode(message().prerequisite(no, kAny, kNone)) == kNoError);
    BOOST_TEST(zone.rcode(message().prerequisite(www, kAny, kNone)) == kYxDomain);
    BOOST_TEST(zone.rcode(message().prerequisite(www, kA, kAnyClass)) == kNoError);
    BOOST_TEST(zone.rcode(message().prerequisite(www, kTxt, kAnyClass)) == kNxRrset);
    BOOST_TEST(zone.rcode(message().prerequisite(www, kTxt, kNone)) == kNoError);
    BOOST_TEST(zone.rcode(message().prerequisite(www, kA, kNone)) == kYxRrset);
    const auto set = message().prerequisite(www, kA, kIn, kTwo).prerequisite(www, kA, kIn, kOne);
    BOOST_TEST(zone.rcode(set) == kNoError);
    BOOST_TEST(zone.rcode(message().prerequisite(www, kA, kIn, kOne)) == kNxRrset);
    BOOST_TEST(zone.rcode(message().prerequisite(no, kA, kIn, kOne)) == kNxRrset);
    BOOST_TEST(zone.rcode(message().prerequisite(
                   "cased.example.test", kMx, kIn, "\0\1"s + wire_name("HOST.test"))) == kNoError);
    // What follows from servers is there, too; the SOA with the serial that is published.
    BOOST_TEST(zone.rcode(message().prerequisite("mail1.example.test", kA, kNone)) == kYxRrset);
    BOOST_TEST(zone.rcode(message().prerequisite("example.test", kNs, kNone)) == kYxRrset);
    BOOST_TEST(zone.rcode(message().prerequisite("example.test", kSoa, kNone)) == kYxRrset);
    // Nothing is done when one fails.
    const auto outcome =
        zone.apply(message().prerequisite(no, kA, kAnyClass).update(no, kA, kIn, 60, kOne));
    BOOST_TEST(static_cast<int>(outcome.rcode) == kNxRrset);
    BOOST_TEST(outcome.changes.empty());
}

BOOST_AUTO_TEST_CASE(steered_sets_exist_without_certain_data) {
    Zone zone({});
    zone.zone.source.steers_mail = zone.zone.source.steers_access = true;
    BOOST_TEST(zone.rcode(message().prerequisite("example.test", kMx, kAnyClass)) == kNoError);
    BOOST_TEST(zone.rcode(message().prerequisite("imap.example.test", kA, kAnyClass)) == kNoError);
    BOOST_TEST(zone.rcode(message().prerequisite("imap.example.test", kAny, kNone)) == kYxDomain);
    BOOST_TEST(zone.rcode(message().prerequisite(
                   "example.test", kMx, kIn, "\0\1"s + wire_name("h.test"))) == kNxRrset);
    BOOST_TEST(zone.rcode(message().update("imap.example.test", kA, kIn, 60, kOne)) == kRefused);
}

BOOST_AUTO_TEST_CASE(one_record_without_right_refuses_all) {
    Zone zone({"www A 1.1.1.1", "dyn A 1.1.1.1", "dyn TXT x"});
    zone.grants = {
        {dns::update::GrantMatch::Exact, Name::from_text("dyn.example.test").take_value(), {1}}};
    BOOST_TEST(zone.changes(message().update("dyn.example.test", kA, kAnyClass, 0)).size() == 1U);
    const auto outcome = zone.apply(message()
                                        .update("dyn.example.test", kA, kIn, 60, kTwo)
                                        .update("www.example.test", kA, kNone, 0, kTwo));
    BOOST_TEST(static_cast<int>(outcome.rcode) == kRefused);
    BOOST_TEST(outcome.changes.empty());
    // Not all that is at the name is granted.
    BOOST_TEST(zone.rcode(message().update("dyn.example.test", kAny, kAnyClass, 0)) == kRefused);
    // Nothing is told of names that are none of the key's.
    BOOST_TEST(zone.rcode(message().update("no.example.test", kAny, kAnyClass, 0)) == kRefused);
}

BOOST_AUTO_TEST_CASE(the_apex_keeps_its_own_when_all_is_removed) {
    const Zone zone({"@ TXT x", "@ MX 1 a.test.", "mail1 TXT y"});
    BOOST_TEST((zone.changes(message().update("example.test", kAny, kAnyClass, 0)) ==
                Lines{"-@ TXT x", "-@ MX 1 a.test."}));
    BOOST_TEST(zone.changes(message().update("mail1.example.test", kAny, kAnyClass, 0)) ==
               Lines{"-mail1 TXT y"});
    BOOST_TEST(zone.rcode(message().update("example.test", kNs, kAnyClass, 0)) == kRefused);
    BOOST_TEST(zone.rcode(message().update("mail1.example.test", kA, kAnyClass, 0)) == kRefused);
}

BOOST_AUTO_TEST_CASE(types_without_a_layout_are_refused) {
    BOOST_TEST(Zone({}).rcode(message().update("x.example.test", 42, kIn, 60, "apl")) == kRefused);
}

BOOST_AUTO_TEST_CASE(a_zone_that_is_refused_takes_no_update) {
    const Zone zone({"www A 1.1.1.1", "www CNAME a.test."});
    BOOST_TEST(zone.rcode(message()) == kRefused);
}

BOOST_AUTO_TEST_CASE(the_records_afterwards_are_those_before_and_the_changes) {
    std::vector<dns::DirectoryRecord> before = {{"www", "A", std::nullopt, "1.1.1.1"},
                                                {"www", "A", 300, "2.2.2.2"},
                                                {"x", "TXT", 300, "x"}};
    dns::update::UpdateChanges changes;
    changes.removed = {{"www", "A", "1.1.1.1"}};
    changes.retimed = {{"www", "A", 60}};
    changes.added = {{"www", "A", 60, "3.3.3.3"}, {"x", "TXT", 90, "x"}};
    const std::vector<dns::DirectoryRecord> after = {
        {"www", "A", 60, "2.2.2.2"}, {"x", "TXT", 90, "x"}, {"www", "A", 60, "3.3.3.3"}};
    BOOST_TEST((dns::update::changed_records(before, changes) == after));
}

BOOST_AUTO_TEST_SUITE_END()
