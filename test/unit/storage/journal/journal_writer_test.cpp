#include "storage/journal/journal_writer.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/journal/journal_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

class WriterFixture : public JournalFixture {
  public:
    // Bodies of the frames of all journal segments, the oldest first.
    std::vector<JournalText> written() {
        std::vector<JournalText> all;
        for (const auto& [name, path] : stores.files(1)) {
            const Bytes bytes = file_bytes(path);
            if (decode_header(bytes).value().header.writer == kJournalWriter) {
                auto frames = decode_journal_segment(bytes);
                BOOST_REQUIRE_MESSAGE(frames, why(frames));
                std::ranges::move(std::move(frames).take_value(), std::back_inserter(all));
            }
        }
        return all;
    }

    // How often a text stands in the last round.
    std::size_t in_last_round(const std::string& text) {
        std::size_t count = 0;
        const std::vector<JournalText> all = written();
        for (const JournalText& frame : all) {
            if (frame.head.round != all.back().head.round) {
                continue;
            }
            for (std::size_t at = frame.body.find(text); at != std::string::npos;
                 at = frame.body.find(text, at + 1)) {
                ++count;
            }
        }
        return count;
    }

    void write(Parts& parts) {
        const base::Status done = parts.writer.delta();
        BOOST_REQUIRE_MESSAGE(done, why(done));
    }

    std::string segments() {
        return value("SELECT count(*) FROM catalog.segment WHERE writer = '/journal'");
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(storage_journal_writer, WriterFixture)

BOOST_AUTO_TEST_CASE(a_round_holds_what_has_changed_and_nothing_else) {
    put_mail({make_mail(1, ann, "one"), make_mail(2, bob, "two")});
    with([&](Parts& parts) {
        catch_up(parts);
        write(parts);
        BOOST_TEST(segments() == "1");
        BOOST_TEST(in_last_round(message_id(1).text()) == 1U);
        BOOST_TEST(in_last_round(message_id(2).text()) == 1U);
        BOOST_TEST(in_last_round("x@example.test") == 2U);    // to whom they were delivered
        BOOST_TEST(in_last_round("ann@example.test") == 1U);  // of the directory
        write(parts);
        BOOST_TEST(segments() == "1");  // nothing has changed

        Mailboxes::StoreRequest request;
        request.uids = uids(1, 1);
        request.flags = mail::Flags::Seen;
        BOOST_REQUIRE(mailboxes.store_flags(mailbox(ann, "INBOX"), request, in(5'000)));
        write(parts);
        BOOST_TEST(segments() == "2");
        BOOST_TEST(in_last_round(message_id(1).text()) == 1U);
        BOOST_TEST(in_last_round(message_id(2).text()) == 0U);
        BOOST_TEST(in_last_round("x@example.test") == 0U);  // delivered long ago

        BOOST_REQUIRE(mailboxes.expunge(
            mailbox(bob, "INBOX"), uids(1, 1), Mailboxes::ExpungeWhich::All, in(5'000)));
        write(parts);
        BOOST_TEST(in_last_round("\"x\":[") == 1U);
        BOOST_TEST(in_last_round(message_id(2).text()) == 1U);

        // Names: the whole list of the account.
        BOOST_REQUIRE(mailboxes.create(AccountId{ann}, "Work", "\\Archive", in(5'000)));
        BOOST_REQUIRE(mailboxes.subscribe(AccountId{ann}, "Elsewhere", in(5'000)));
        write(parts);
        BOOST_TEST(in_last_round("\"Work\"") >= 1U);
        BOOST_TEST(in_last_round("\"Elsewhere\"") == 1U);
        BOOST_TEST(value("SELECT count(*) FROM catalog.journal_change") == "0");
        BOOST_REQUIRE(mailboxes.rename(AccountId{ann}, "Work", "Play", in(5'000)));
        write(parts);
        BOOST_TEST(in_last_round("\"Play\"") == 1U);
        BOOST_TEST(in_last_round("\"Work\"") == 0U);
    });
}

BOOST_AUTO_TEST_CASE(mail_of_a_mailbox_that_lived_between_two_rounds_is_known) {
    put_mail({make_mail(1, ann, "one")});
    with([&](Parts& parts) {
        catch_up(parts);
        sql("UPDATE catalog.mailbox SET name = 'Short' WHERE account_id = $1", {ann});
        BOOST_REQUIRE(mailboxes.remove(AccountId{ann}, "Short", in(5'000)));
        BOOST_TEST(value("SELECT count(*) FROM catalog.journal_gone") == "1");
        write(parts);
        BOOST_TEST(value("SELECT count(*) FROM catalog.journal_gone") == "0");
        BOOST_TEST(in_last_round("\"d\":[") == 1U);
        BOOST_TEST(in_last_round(message_id(1).text()) == 1U);
    });
}

BOOST_AUTO_TEST_CASE(changes_of_the_directory_are_journaled_row_by_row) {
    with([&](Parts& parts) {
        write(parts);
        BOOST_TEST(in_last_round("bob@example.test") == 1U);
        sql("UPDATE directory.account SET password_hash = 'new hash' WHERE id = $1", {ann});
        sql("DELETE FROM directory.account WHERE id = $1", {bob});
        write(parts);
        BOOST_TEST(in_last_round("new hash") == 1U);
        BOOST_TEST(in_last_round("bob@example.test") == 0U);
        BOOST_TEST(in_last_round("\"account\", \"" + std::to_string(bob) + "\", null") == 1U);
        BOOST_TEST(in_last_round("storage_server") == 0U);
        const std::string before = segments();
        write(parts);
        BOOST_TEST(segments() == before);
    });
}

BOOST_AUTO_TEST_CASE(a_round_that_is_not_recorded_is_written_again) {
    put_mail({make_mail(1, ann, "one")});
    with([&](Parts& parts) {
        catch_up(parts);
        JournalOptions short_lease = journal;
        short_lease.tracker = "u";
        short_lease.lease = std::chrono::seconds(0);  // over when the segment is durable
        JournalWriter loser(parts.servers.set, pool, short_lease);
        BOOST_TEST(!loser.delta());
        BOOST_TEST(segments() == "1");
        BOOST_TEST(value("SELECT count(*) FROM catalog.journaled") == "0");
        write(parts);
        BOOST_TEST(segments() == "2");
        BOOST_TEST(in_last_round(message_id(1).text()) == 1U);
        BOOST_TEST(value("SELECT count(*) FROM catalog.journaled") != "0");
    });
}

BOOST_AUTO_TEST_CASE(one_tracker_writes_and_another_goes_on_when_its_lease_ends) {
    put_mail({make_mail(1, ann, "one")});
    with([&](Parts& parts) {
        catch_up(parts);
        write(parts);
        JournalOptions other = journal;
        other.tracker = "u";
        JournalWriter second(parts.servers.set, pool, other);
        BOOST_REQUIRE(second.delta());
        BOOST_TEST(!second.health().is_leader);
        BOOST_TEST(second.health().is_known);  // it shows the lag all the same
        sql("UPDATE catalog.journal_state SET leader_until = now() - interval '1 second'");
        BOOST_REQUIRE(second.delta());
        BOOST_TEST(second.health().is_leader);
        write(parts);
        BOOST_TEST(!parts.writer.health().is_leader);
    });
}

BOOST_AUTO_TEST_CASE(the_lag_grows_while_too_few_stores_take_it) {
    put_mail({make_mail(1, ann, "one")});
    with([&](Parts& parts) {
        catch_up(parts);
        write(parts);
        sql("UPDATE catalog.journal_state SET caught_up_at = now() - interval '100 seconds'");
        BOOST_REQUIRE(mailboxes.expunge(
            mailbox(ann, "INBOX"), uids(1, 1), Mailboxes::ExpungeWhich::All, in(5'000)));
        for (const std::uint8_t store : {std::uint8_t{1}, std::uint8_t{2}}) {
            std::filesystem::rename(stores.root(store), stores.root(store) + ".away");
            BOOST_REQUIRE(eventually(
                [&] { return !parts.servers.set.find(store_id(store))->health().is_healthy(); }));
        }
        BOOST_CHECK(code_of(parts.writer.delta()) == base::Errc::Unavailable);
        BOOST_TEST(parts.writer.health().lag_ms >= 100'000);
        for (const std::uint8_t store : {std::uint8_t{1}, std::uint8_t{2}}) {
            std::filesystem::rename(stores.root(store) + ".away", stores.root(store));
        }
        parts.servers.settle();
        write(parts);
        write(parts);
        BOOST_TEST(parts.writer.health().lag_ms < 60'000);
    });
}

BOOST_AUTO_TEST_CASE(a_checkpoint_of_many_segments_names_them_and_replaces_the_journal) {
    std::vector<FrameInput> frames;
    for (std::uint8_t n = 1; n <= 200; ++n) {
        frames.push_back(make_mail(n, n % 2 == 0 ? ann : bob, "x"));
    }
    put_mail(frames);
    journal.segment_octets = 4'000;
    with([&](Parts& parts) {
        catch_up(parts);
        write(parts);
        BOOST_REQUIRE(parts.writer.checkpoint());
        const std::vector<JournalText> all = written();
        const JournalHead& end = all.back().head;
        BOOST_CHECK(end.kind == JournalKind::Checkpoint);
        BOOST_CHECK(end.end == JournalEnd::Yes);
        BOOST_TEST(end.part > 4U);
        BOOST_TEST(all.back().body.find("{\"segments\":[\"") == 0U);
        BOOST_TEST(value("SELECT count(*) > 3 FROM catalog.journal_segment WHERE checkpoint > 0") ==
                   "t");
        BOOST_TEST(value("SELECT count(*) FROM catalog.segment g WHERE writer = '/journal' AND "
                         "(superseded_at IS NULL) <> EXISTS (SELECT FROM catalog.journal_segment s "
                         "WHERE s.segment_id = g.id)") == "0");
        BOOST_TEST(value("SELECT count(*) > 0 FROM catalog.segment "
                         "WHERE superseded_at IS NOT NULL") == "t");
        // No second one until the deltas have outgrown it.
        const std::string before = segments();
        BOOST_REQUIRE(parts.writer.checkpoint());
        BOOST_TEST(segments() == before);
        sql("UPDATE catalog.journal_state SET delta_bytes = 100000000");
        BOOST_REQUIRE(parts.writer.checkpoint());
        BOOST_TEST(segments() != before);
    });
}

BOOST_AUTO_TEST_SUITE_END()
