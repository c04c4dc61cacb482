#include "storage/journal/rebuilder.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/journal/journal_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

class RebuilderFixture : public JournalFixture {
  public:
    // Six messages for ann and one for bob, and everything that a client can do to them.
    void use_mailboxes(Parts& parts) {
        put_mail({make_mail(1, ann, "one"),
                  make_mail(2, ann, "two"),
                  make_mail(3, ann, "three"),
                  make_mail(4, bob, "for bob"),
                  make_mail(5, ann, "refused")});
        put_mail({make_mail(6, ann, "six"), make_mail(7, ann, "seven"), make_mail(8, ann, "8")});
        catch_up(parts);
        const AccountId account{ann};
        BOOST_REQUIRE(mailboxes.create(account, "Work/Old", "", in(5'000)));
        BOOST_REQUIRE(mailboxes.create(account, "Bin", "\\Trash", in(5'000)));
        BOOST_REQUIRE(mailboxes.create(account, "Gone", "", in(5'000)));
        const MailboxId inbox = mailbox(ann, "INBOX");
        const MailboxId work = mailbox(ann, "Work/Old");
        Mailboxes::StoreRequest request;
        request.uids = uids(1, 2);
        request.flags = mail::Flags::Seen;
        request.keywords = {"$Label1", "quo\"ted"};
        BOOST_REQUIRE(mailboxes.store_flags(inbox, request, in(5'000)));
        BOOST_REQUIRE(mailboxes.copy(inbox, uids(1, 2), work, in(5'000)));
        BOOST_REQUIRE(mailboxes.copy(inbox, uids(1, 1), work, in(5'000)));  // twice in one mailbox
        BOOST_REQUIRE(mailboxes.move(inbox, uids(3, 3), mailbox(ann, "Bin"), in(5'000)));
        BOOST_REQUIRE(mailboxes.move(inbox, uids(4, 4), mailbox(ann, "Gone"), in(5'000)));
        BOOST_REQUIRE(
            mailboxes.expunge(inbox, uids(5, 5), Mailboxes::ExpungeWhich::All, in(5'000)));
        BOOST_REQUIRE(mailboxes.remove(account, "Gone", in(5'000)));
        BOOST_REQUIRE(mailboxes.rename(account, "Work", "Arbeit", in(5'000)));
        BOOST_REQUIRE(mailboxes.subscribe(account, "Arbeit/Old", in(5'000)));
        BOOST_REQUIRE(mailboxes.subscribe(account, "News", in(5'000)));
        BOOST_REQUIRE(mailboxes.unsubscribe(account, "News", in(5'000)));
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(storage_rebuilder, RebuilderFixture)

BOOST_AUTO_TEST_CASE(everything_comes_back_from_deltas) {
    with([&](Parts& parts) {
        use_mailboxes(parts);
        const std::string before = listing();
        const std::string next = number_of(ann, "uid_next");
        const std::string modseq = number_of(ann, "highest_modseq");
        const base::Status journaled = parts.writer.delta();
        BOOST_REQUIRE_MESSAGE(journaled, why(journaled));
        drop_catalog();
        run_rebuild(parts);
        BOOST_TEST(listing() == before);
        // The jump, and nothing else, was added.
        BOOST_TEST(number_of(ann, "uid_next - 65536") == next);
        BOOST_TEST(number_of(ann, "highest_modseq - 4294967296") == modseq);
        BOOST_TEST(value("SELECT problem FROM report.rebuild").empty());
    });
}

BOOST_AUTO_TEST_CASE(everything_comes_back_from_a_checkpoint_and_the_deltas_behind_it) {
    with([&](Parts& parts) {
        use_mailboxes(parts);
        BOOST_REQUIRE(parts.writer.delta());
        const base::Status done = parts.writer.checkpoint();
        BOOST_REQUIRE_MESSAGE(done, why(done));
        BOOST_TEST(value("SELECT checkpoint > 0 FROM catalog.journal_state") == "t");
        // The first delta is in the checkpoint.
        BOOST_TEST(value("SELECT count(*) FROM catalog.segment WHERE superseded_at IS NOT NULL") ==
                   "1");
        Mailboxes::StoreRequest request;
        request.uids = uids(2, 2);
        request.change = FlagChange::Set;
        request.flags = mail::Flags::Flagged;
        BOOST_REQUIRE(mailboxes.store_flags(mailbox(ann, "INBOX"), request, in(5'000)));
        BOOST_REQUIRE(mailboxes.remove(AccountId{ann}, "Bin", in(5'000)));
        BOOST_REQUIRE(parts.writer.delta());
        const std::string before = listing();
        drop_catalog();
        run_rebuild(parts);
        BOOST_TEST(listing() == before);
        BOOST_TEST(value("SELECT checkpoint > 0 FROM catalog.rebuild") == "t");
        // And once more, from what was journaled before and after the rebuild.
        BOOST_REQUIRE(mailboxes.subscribe(AccountId{bob}, "INBOX", in(5'000)));
        BOOST_REQUIRE(parts.writer.delta());
        const std::string again = listing();
        drop_catalog();
        run_rebuild(parts);
        BOOST_TEST(listing() == again);
    });
}

BOOST_AUTO_TEST_CASE(mail_that_no_journal_mentions_goes_to_inbox_above_the_jump_once) {
    with([&](Parts& parts) {
        use_mailboxes(parts);
        BOOST_REQUIRE(parts.writer.delta());
        const std::string before = value(
            "SELECT uid_next FROM catalog.mailbox "
            "WHERE account_id = $1 AND name = 'INBOX'",
            {ann});
        put_mail({make_mail(20, ann, "not journaled"), make_mail(21, bob, "nor this")});
        catch_up(parts);
        drop_catalog();
        run_rebuild(parts);
        BOOST_TEST(value("SELECT uid FROM catalog.mailbox_message WHERE message_id = $1",
                         {message_id(20).uuid()}) == std::to_string(std::stoll(before) + 65'536));
        BOOST_TEST(value("SELECT count(*) FROM catalog.mailbox_message WHERE message_id = ANY "
                         "(ARRAY[$1::uuid, $2::uuid])",
                         {message_id(20).uuid(), message_id(21).uuid()}) == "2");
        BOOST_TEST(in_inbox(ann) == "4");
    });
}

// Two messages with one key; the catalog delivered the one with the later segment first. After a
// rebuild the other one comes first, and must not be taken for new. One more of the key comes while
// the messages are still to be found again.
BOOST_AUTO_TEST_CASE(keys_outlive_the_catalog_and_attributes_come_back) {
    with([&](Parts& parts) {
        const auto fax = [&](std::uint8_t number, const std::string& text) {
            storage::FrameInput frame = make_mail(number, ann, text);
            mail::Envelope envelope = mail::decode_envelope(frame.envelope).take_value();
            BOOST_REQUIRE(envelope.attributes.set("key", "call 7"));
            BOOST_REQUIRE(envelope.attributes.set("pages", "3"));
            frame.kind = mail::Kind::Fax;
            frame.envelope = mail::encode(envelope).take_value();
            return frame;
        };
        header.segment = storage::SegmentId(base::Uuid::time_ordered());
        SegmentBuilder early(header);
        (void)early.add(fax(1, "never shown"));
        (void)early.seal();
        put_mail({fax(2, "the fax")});
        catch_up(parts);
        put(1, early.id(), early.bytes);
        put(2, early.id(), early.bytes);
        catch_up(parts);
        BOOST_TEST(value("SELECT string_agg(message_id::text, ' ') FROM catalog.fax") ==
                   message_id(2).text());
        BOOST_TEST(value("SELECT message_id FROM catalog.aborted") == message_id(1).text());
        const std::string before = listing();
        BOOST_REQUIRE(parts.writer.delta());
        for (int round = 0; round < 2; ++round) {
            drop_catalog();
            replay(parts);
            BOOST_TEST(value("SELECT message_id FROM catalog.ingest_key WHERE key = 'call 7'") ==
                       message_id(2).text());
            finish_rebuild(parts);
            BOOST_TEST(listing() == before);
            BOOST_TEST(value("SELECT pages || ' ' || recipients FROM report.fax") ==
                       "3 x@example.test");
            BOOST_TEST(value("SELECT removed_at IS NULL FROM catalog.ingest_key") == "t");
            BOOST_REQUIRE(parts.writer.checkpoint());
        }
    });
}

BOOST_AUTO_TEST_CASE(until_the_replay_nothing_is_open_and_nothing_is_delivered) {
    with([&](Parts& parts) {
        use_mailboxes(parts);
        BOOST_REQUIRE(parts.writer.delta());
        const MailboxId inbox = mailbox(ann, "INBOX");
        sql("DROP SCHEMA catalog CASCADE");
        // Without a catalog: as if PostgreSQL were away.
        BOOST_CHECK(code_of(mailboxes.list(AccountId{ann}, in(5'000))) == base::Errc::Unavailable);
        BOOST_CHECK(code_of(parts.catch_up.run_once()) == base::Errc::Unavailable);
        BOOST_TEST(parts.catch_up.counters().problems == 0U);
        request_rebuild();
        const AccountId account{ann};
        for (const base::Errc code :
             {code_of(mailboxes.list(account, in(5'000))),
              code_of(mailboxes.status(account, "INBOX", in(5'000))),
              code_of(mailboxes.usage(account, in(5'000))),
              code_of(mailboxes.create(account, "New", "", in(5'000))),
              code_of(mailboxes.remove(account, "Bin", in(5'000))),
              code_of(mailboxes.rename(account, "Bin", "Tonne", in(5'000))),
              code_of(mailboxes.subscribe(account, "Bin", in(5'000))),
              code_of(mailboxes.open(inbox, Mailboxes::Recent::Take, in(5'000))),
              code_of(mailboxes.open(inbox, Mailboxes::Recent::Leave, in(5'000))),
              code_of(mailboxes.changes_since(inbox, 1, in(5'000))),
              code_of(
                  mailboxes.expunge(inbox, uids(1, 9), Mailboxes::ExpungeWhich::All, in(5'000)))}) {
            BOOST_CHECK(code == base::Errc::Unavailable);
        }
        DeliveryBatch batch;
        batch.committer = "mail a";
        const auto delivered = deliver(admin(), batch);
        BOOST_REQUIRE(!delivered);
        BOOST_CHECK(base::is_temporary(delivered.error().code));
        BOOST_TEST(value("SELECT catalog.may_remove_files()") == "f");
        // No journal of an empty catalog is begun.
        BOOST_REQUIRE(parts.writer.delta());
        BOOST_TEST(value("SELECT last_sequence FROM catalog.journal_state") == "0");

        replay(parts);
        // Before any message is delivered, it is known which were refused.
        BOOST_TEST(value("SELECT message_id FROM catalog.aborted") == message_id(5).text());
        // The mailboxes are there; one opens when its messages are.
        BOOST_TEST(mailboxes.list(account, in(5'000)).value().size() == 4U);
        BOOST_CHECK(code_of(mailboxes.open(inbox, Mailboxes::Recent::Leave, in(5'000))) ==
                    base::Errc::Unavailable);
        finish_rebuild(parts);
        BOOST_TEST(
            mailboxes.open(inbox, Mailboxes::Recent::Leave, in(5'000)).value().messages.size() ==
            3U);
        BOOST_TEST(value("SELECT catalog.may_remove_files()") == "t");
    });
}

BOOST_AUTO_TEST_CASE(a_committer_that_saw_commits_before_does_not_jump_again) {
    with([&](Parts& parts) {
        use_mailboxes(parts);
        BOOST_REQUIRE(parts.writer.delta());
        DeliveryBatch batch;
        batch.committer = "mail a";
        batch.seen = std::stoll(value("SELECT last_value FROM catalog.commit_sequence"));
        BOOST_TEST(batch.seen > 0);
        drop_catalog();
        run_rebuild(parts);
        const auto report = deliver(admin(), batch);
        BOOST_REQUIRE_MESSAGE(report, why(report));
        BOOST_TEST(!report.value().jumped);
        // A commit that is lost after the rebuild still is one.
        batch.seen = std::stoll(value("SELECT last_value FROM catalog.commit_sequence")) + 5;
        BOOST_TEST(deliver(admin(), batch).value().jumped);
    });
}

BOOST_AUTO_TEST_CASE(what_a_failover_lost_does_not_come_back_from_the_journal) {
    with([&](Parts& parts) {
        use_mailboxes(parts);
        BOOST_REQUIRE(parts.writer.delta());
        const std::string before = listing();
        const std::string numbers =
            "CREATE TABLE public.kept_box AS TABLE catalog.mailbox;"
            "CREATE TABLE public.kept_message AS TABLE catalog.mailbox_message;"
            "CREATE TABLE public.kept_journaled AS TABLE catalog.journaled;"
            "CREATE TABLE public.kept_state AS SELECT s.last_sequence, q.last_value "
            "FROM catalog.journal_state s, catalog.journal_sequence q";
        sql(numbers);
        Mailboxes::StoreRequest request;
        request.uids = uids(1, 9);
        request.flags = mail::Flags::Draft;
        BOOST_REQUIRE(mailboxes.store_flags(mailbox(ann, "INBOX"), request, in(5'000)));
        BOOST_REQUIRE(parts.writer.delta());
        // The primary that is promoted has not got this commit.
        sql("UPDATE catalog.mailbox_message m SET flags = k.flags, modseq = k.modseq "
            "FROM public.kept_message k WHERE (k.mailbox_id, k.uid) = (m.mailbox_id, m.uid);"
            "UPDATE catalog.mailbox b SET highest_modseq = k.highest_modseq "
            "FROM public.kept_box k WHERE k.id = b.id;"
            "UPDATE catalog.journaled j SET modseq = k.modseq "
            "FROM public.kept_journaled k WHERE k.mailbox_id = j.mailbox_id;"
            "UPDATE catalog.journal_state SET last_sequence = k.last_sequence "
            "FROM public.kept_state k;"
            "SELECT setval('catalog.journal_sequence', k.last_value) FROM public.kept_state k");
        sql("DROP TABLE public.kept_box, public.kept_message, public.kept_journaled, "
            "public.kept_state");
        sql("UPDATE catalog.lineage SET timeline = 'another'");
        DeliveryBatch batch;
        batch.committer = "mail a";
        BOOST_TEST(deliver(admin(), batch).value().jumped);
        BOOST_TEST(listing() == before);
        BOOST_REQUIRE(parts.writer.delta());
        BOOST_REQUIRE(parts.writer.checkpoint());
        drop_catalog();
        run_rebuild(parts);
        BOOST_TEST(listing() == before);
    });
}

BOOST_AUTO_TEST_CASE(a_storage_server_that_does_not_answer_is_waited_for_or_given_up) {
    with([&](Parts& parts) {
        use_mailboxes(parts);
        BOOST_REQUIRE(parts.writer.delta());
        const std::string before = listing();
        std::filesystem::rename(stores.root(2), stores.root(2) + ".away");
        BOOST_REQUIRE(eventually(
            [&] { return !parts.servers.set.find(store_id(2))->health().is_healthy(); }));
        drop_catalog();
        BOOST_CHECK(code_of(parts.rebuilder.step()) == base::Errc::Unavailable);
        BOOST_TEST(value("SELECT problem FROM report.rebuild") ==
                   "storage servers do not answer: store2");
        BOOST_TEST(phase() == "requested");
        request_rebuild({"store2"});
        run_rebuild(parts);
        BOOST_TEST(listing() == before);
        std::filesystem::rename(stores.root(2) + ".away", stores.root(2));
    });
}

// A directory that is put back with the rebuild comes after the request, and a tracker that ran on
// knows its storage servers meanwhile.
BOOST_AUTO_TEST_CASE(it_waits_until_the_directory_has_the_storage_servers_that_are_known_here) {
    with([&](Parts& parts) {
        use_mailboxes(parts);
        BOOST_REQUIRE(parts.writer.delta());
        const std::string before = listing();
        drop_catalog();
        const auto waits_for = [&](const std::string& problem) {
            BOOST_CHECK(code_of(parts.rebuilder.step()) == base::Errc::Unavailable);
            BOOST_TEST(value("SELECT problem FROM report.rebuild") == problem);
            BOOST_TEST(value("SELECT count(*) FROM catalog.segment") == "0");
        };
        sql("CREATE TEMP TABLE lost AS SELECT id, state FROM directory.storage_server");
        sql("UPDATE directory.storage_server SET state = 'retired'");
        waits_for("the directory has no storage servers");
        sql("UPDATE directory.storage_server s SET state = l.state FROM lost l WHERE l.id = s.id");
        sql("INSERT INTO directory.storage_server (name, failure_domain) VALUES ('store9', 'f9')");
        waits_for("storage server store9 is not known to the tracker yet");
        sql("DELETE FROM directory.storage_server WHERE name = 'store9'");
        run_rebuild(parts);
        BOOST_TEST(listing() == before);
    });
}

BOOST_AUTO_TEST_CASE(torn_and_spoilt_copies_of_the_journal_are_passed_over) {
    with([&](Parts& parts) {
        use_mailboxes(parts);
        BOOST_REQUIRE(parts.writer.delta());
        const std::string before = listing();
        const auto segment =
            SegmentId(sql("SELECT id FROM catalog.segment WHERE writer = '/journal'")[0].uuid(0));
        const std::string one = stores.path_of(1, {segment, 1});
        Bytes bytes = file_bytes(one);
        spoil(one, bytes.size() / 2);
        // What a tracker leaves that dies in the middle of a file.
        const SegmentId torn(base::Uuid::time_ordered());
        bytes.resize(bytes.size() / 2);
        put(1, torn, bytes);
        drop_catalog();
        run_rebuild(parts);
        BOOST_TEST(listing() == before);
    });
}

BOOST_AUTO_TEST_CASE(another_tracker_goes_on_when_one_dies_in_the_replay) {
    with([&](Parts& parts) {
        use_mailboxes(parts);
        BOOST_REQUIRE(parts.writer.delta());
        const std::string before = listing();
        drop_catalog();
        // It had replayed something else by then.
        sql("UPDATE catalog.rebuild SET phase = 'replaying', claimed_by = 'u', "
            "claimed_until = now() + interval '1 hour'");
        sql("INSERT INTO catalog.rebuild_mailbox VALUES (77, $1, NULL, 'X', 1, 1, 1, 1, NULL, "
            "now())",
            {ann});
        BOOST_REQUIRE(parts.rebuilder.step());
        BOOST_TEST(phase() == "replaying");
        sql("UPDATE catalog.rebuild SET claimed_until = now() - interval '1 second'");
        run_rebuild(parts);
        BOOST_TEST(listing() == before);
    });
}

BOOST_AUTO_TEST_CASE(a_vanished_account_takes_its_mailboxes_along) {
    with([&](Parts& parts) {
        use_mailboxes(parts);
        BOOST_REQUIRE(parts.writer.delta());
        sql("DROP SCHEMA catalog CASCADE");
        sql("DELETE FROM directory.account WHERE id = $1", {bob});
        request_rebuild();
        run_rebuild(parts);
        BOOST_TEST(value("SELECT count(*) FROM catalog.mailbox WHERE account_id = $1", {bob}) ==
                   "0");
        // It was delivered once: not to the dead letters either.
        BOOST_TEST(value("SELECT count(*) FROM catalog.mailbox WHERE dead_letter_of IS NOT NULL") ==
                   "0");
    });
}

BOOST_AUTO_TEST_SUITE_END()
