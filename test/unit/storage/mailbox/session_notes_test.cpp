#include "storage/mailbox/session_notes.h"

#include <string>

#include <boost/test/unit_test.hpp>

#include "base/metrics.h"
#include "test/unit/storage/catalog/deliver_fixture.h"

using storage::SessionEvent;
using storage::SessionNote;
using storage::SessionNotes;

namespace {

constexpr auto kLong = std::chrono::seconds(60);

base::Deadline soon() {
    return base::Deadline::after(kLong);
}

struct NotesFixture : test_support::DeliverFixture {
    NotesFixture() : notes(conninfo("roundtable_accessd"), "test") {}

    void rule(std::int64_t account, const std::string& events) {
        sql("INSERT INTO directory.notification (account_id, channel, target, events) "
            "VALUES ($1, 'webhook', 'https://x.test/h', $2::text[])",
            {account, events});
    }

    [[nodiscard]] SessionNote note(SessionEvent event, const std::string& session) const {
        SessionNote made;
        made.event = event;
        made.account = storage::AccountId{ann};
        made.session = session;
        made.service = "imap";
        made.client = base::Endpoint::parse("192.0.2.7:40001").value();
        made.server = base::Endpoint::parse("[2001:db8::1]:993").value();
        made.at_us = base::wall_us();
        return made;
    }

    std::string jobs(const std::string& columns) {
        return value("SELECT string_agg(concat_ws(' ', " + columns +
                     "), '|' ORDER BY id) FROM directory.notification_job");
    }

    SessionNotes notes;
};

std::uint64_t lost(std::string_view reason) {
    return base::counter("roundtable_session_notes_lost_total",
                         "",
                         {{"folder", "storage"}, {"reason", reason}})
        .value();
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(session_notes, NotesFixture)

BOOST_AUTO_TEST_CASE(each_is_queued_once_for_a_session_in_order) {
    rule(ann, "{Login,Logout}");
    notes.add(note(SessionEvent::Login, "one"));
    notes.add(note(SessionEvent::Login, "one"));  // as when an answer was lost
    notes.add(note(SessionEvent::Login, "two"));
    notes.add(note(SessionEvent::Logout, "one"));
    notes.finish(soon());
    BOOST_TEST(jobs("key") == "Login:one|Login:two|Logout:one");
    BOOST_TEST(value("SELECT concat_ws(' ', (happened).service, (happened).client_ip, "
                     "(happened).client_port, (happened).server_ip, (happened).server_port, "
                     "(happened).at BETWEEN now() - interval '1 minute' AND now()) "
                     "FROM directory.notification_job WHERE key = 'Logout:one'") ==
               "imap 192.0.2.7 40001 2001:db8::1 993 t");
}

// Access servers do not ask for these; a rule that changed meanwhile, or a forged call, does.
BOOST_AUTO_TEST_CASE(only_rules_that_name_it_are_met) {
    rule(bob, "{Login,Logout}");
    rule(ann, "{MessageNew}");
    rule(ann, "{Logout}");
    sql("INSERT INTO directory.notification (account_id, channel, target, events, folder) "
        "VALUES ($1, 'webhook', 'https://x.test/h', '{Login}', 'INBOX')",
        {ann});
    notes.add(note(SessionEvent::Login, "one"));
    notes.add(note(SessionEvent::Logout, "one"));
    notes.finish(soon());
    BOOST_TEST(jobs("key, account_id") == "Logout:one " + std::to_string(ann));
}

BOOST_AUTO_TEST_CASE(access_servers_alone_may_note_and_nothing_else) {
    const std::string call =
        "SELECT catalog.note_session('Login', 1, 's', 1, 'imap', '::1', 1, '::1', 1)";
    BOOST_TEST(bool(open("roundtable_accessd")->query(call)));
    for (const char* role : {"roundtable_mtad",
                             "roundtable_trackerd",
                             "roundtable_dnsd",
                             "roundtable_operator",
                             "roundtable_report"}) {
        const auto refused = open(role)->query(call);
        BOOST_TEST(!refused, role);
    }
    rule(ann, "{MessageNew}");
    const auto forged = open("roundtable_accessd")
                            ->query("SELECT catalog.note_session('MessageNew', " +
                                    std::to_string(ann) + ", 's', 1, 'imap', '::1', 1, '::1', 1)");
    BOOST_REQUIRE(!forged);
    BOOST_CHECK(forged.error().code == base::Errc::Invalid);
    BOOST_TEST(!open("roundtable_accessd")->query("SELECT target FROM directory.notification"));
}

// What goes wrong in the queue is an event for operators.
BOOST_AUTO_TEST_CASE(a_queue_that_is_broken_is_told_to_operators) {
    rule(ann, "{Login}");
    sql("ALTER TABLE directory.notification_job ADD CONSTRAINT broken CHECK (id < 0) NOT VALID");
    notes.add(note(SessionEvent::Login, "one"));
    notes.finish(soon());
    sql("ALTER TABLE directory.notification_job DROP CONSTRAINT broken");
    BOOST_TEST(value("SELECT subject FROM directory.event WHERE kind = 'notification_lost'") ==
               "session");
}

BOOST_AUTO_TEST_CASE(without_a_database_nobody_waits_and_all_are_counted) {
    const std::uint64_t busy = lost("busy");
    const std::uint64_t cancelled = lost("cancelled");
    {
        SessionNotes away("host=/nonexistent", "test");
        for (std::size_t i = 0; i < storage::kSessionNotesMax + 3; ++i) {
            away.add(note(SessionEvent::Login, std::to_string(i)));
        }
        BOOST_TEST(lost("busy") == busy + 3);
        away.finish(base::Deadline::after(std::chrono::milliseconds(1)));
    }
    BOOST_TEST(lost("cancelled") == cancelled + storage::kSessionNotesMax);
}

BOOST_AUTO_TEST_SUITE_END()
