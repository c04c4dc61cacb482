#pragma once

// A small cluster whose mailboxes are journaled and whose catalog is dropped and rebuilt: mail in
// segments on the stores, delivered by catch-up; mailboxes changed as access servers do it.

#include <string>
#include <vector>

#include "storage/catalog/migrate.h"
#include "storage/journal/journal_writer.h"
#include "storage/journal/rebuilder.h"
#include "storage/mailbox/mailboxes.h"
#include "storage/tracking/catch_up.h"
#include "test/unit/storage/tracking/cluster_fixture.h"

namespace storage_test {

class JournalFixture : public ClusterFixture {
  public:
    JournalFixture()
        : pool(conninfo("roundtable_trackerd"), "test", {2, 16, {}}),
          access_pool(conninfo("roundtable_accessd"), "test", {1, 16, {}}),
          mailboxes(access_pool) {
        header.replicas = {store_id(1), store_id(2)};
        header.writer = "a";
        journal.tracker = "t";
        journal.database = conninfo("roundtable_trackerd");
        rebuild.tracker = "t";
        rebuild.database = journal.database;
    }

    /// What a tracker consists of. In a fiber.
    struct Parts {
        Parts(base::Loop& loop, JournalFixture& fixture)
            : servers(loop, fixture.stores),
              discovery(servers.set, fixture.pool),
              catch_up(servers.set, fixture.pool, quick_catch_up()),
              writer(servers.set, fixture.pool, fixture.journal),
              rebuilder(servers.set, fixture.pool, fixture.rebuild) {}

        static storage::CatchUpOptions quick_catch_up() {
            storage::CatchUpOptions options;
            options.tracker = "t";
            options.grace = milliseconds(0);
            options.pause = milliseconds(0);
            return options;
        }

        Servers servers;
        storage::Discovery discovery;
        storage::CatchUp catch_up;
        storage::JournalWriter writer;
        storage::Rebuilder rebuilder;
    };

    void with(const std::function<void(Parts&)>& body) {
        run_in_fiber([&](base::Loop& loop) {
            Parts parts(loop, *this);
            body(parts);
        });
    }

    /// A sealed segment with these messages, on two stores; aborts for those whose text is
    /// "refused".
    storage::SegmentId put_mail(const std::vector<storage::FrameInput>& frames) {
        header.segment = storage::SegmentId(base::Uuid::time_ordered());
        SegmentBuilder segment(header);
        for (const storage::FrameInput& frame : frames) {
            const storage::FrameLocation at = segment.add(frame);
            if (frame.message == "refused") {
                (void)segment.cancel(frame.id, at);
            }
        }
        (void)segment.seal();
        put(1, segment.id(), segment.bytes);
        put(2, segment.id(), segment.bytes);
        return segment.id();
    }

    /// Until everything on the stores is in the catalog.
    void catch_up(Parts& parts) {
        BOOST_REQUIRE(parts.discovery.run_once(storage::DiscoveryDepth::All));
        BOOST_REQUIRE(eventually([&] {
            BOOST_REQUIRE(parts.catch_up.run_once());
            return value(
                       "SELECT count(*) FROM catalog.segment s WHERE s.writer <> '/journal' "
                       "AND s.catalogued_to = s.first_frame") == "0";
        }));
    }

    void drop_catalog(const std::vector<std::string>& without = {}) {
        sql("DROP SCHEMA catalog CASCADE");
        request_rebuild(without);
    }

    void request_rebuild(const std::vector<std::string>& without = {}) {
        const auto migrations = storage::load_migrations(SOURCE_DIR "/schema");
        BOOST_REQUIRE(migrations);
        const auto made = storage::remake_catalog(
            admin(), migrations.value(), storage::OldCatalog::Drop, without);
        BOOST_REQUIRE_MESSAGE(made, why(made));
    }

    /// Up to the opening of the mailboxes. A busy machine's probes may be late for a moment.
    void replay(Parts& parts) {
        BOOST_REQUIRE(eventually(
            [&] {
                const base::Status replayed = parts.rebuilder.step();
                BOOST_REQUIRE_MESSAGE(replayed || code_of(replayed) == base::Errc::Unavailable,
                                      why(replayed));
                return replayed.operator bool();
            },
            milliseconds(40'000)));
        BOOST_TEST(phase() == "cataloguing");
    }

    /// The replay, and then all the rest.
    void run_rebuild(Parts& parts) {
        replay(parts);
        finish_rebuild(parts);
    }

    void finish_rebuild(Parts& parts) {
        BOOST_REQUIRE(eventually(
            [&] {
                BOOST_REQUIRE(parts.catch_up.run_once());
                BOOST_REQUIRE(parts.rebuilder.step());
                return phase() == "done";
            },
            milliseconds(40'000)));
    }

    std::string phase() { return value("SELECT phase FROM catalog.rebuild"); }

    /// All that IMAP clients can see, but for UIDNEXT and HIGHESTMODSEQ.
    std::string listing() {
        return value(
            "SELECT string_agg(l, E'\\n' ORDER BY l COLLATE \"C\") FROM ("
            "SELECT concat_ws(' ', b.id, b.account_id, b.dead_letter_of, b.name, b.uid_validity, "
            "b.special_use, b.messages, b.unseen, b.deleted, b.bytes) AS l FROM catalog.mailbox b "
            "UNION ALL SELECT concat_ws(' ', b.name, m.uid, m.message_id, m.modseq, m.flags, "
            "m.keywords, m.internal_date, m.size) FROM catalog.mailbox b "
            "JOIN catalog.mailbox_message m ON m.mailbox_id = b.id "
            "UNION ALL SELECT concat_ws(' ', 'expunged', mailbox_id, uid, modseq, message_id) "
            "FROM catalog.expunged "
            "UNION ALL SELECT concat_ws(' ', 'subscribed', account_id, name) "
            "FROM catalog.subscription "
            "UNION ALL SELECT concat_ws(' ', 'delivered', message_id, account_id, recipient, "
            "mailbox_id, uid) FROM catalog.delivery "
            "UNION ALL SELECT concat_ws(' ', 'message', id, kind, segment_id, frame_offset, "
            "sender) "
            "FROM catalog.message) AS x");
    }

    storage::MailboxId mailbox(std::int64_t account, const std::string& name) {
        auto info = mailboxes.status(storage::AccountId{account}, name, in(5'000));
        BOOST_REQUIRE_MESSAGE(info, why(info));
        return info.value().id;
    }

    std::string number_of(std::int64_t account, const std::string& column) {
        return value("SELECT (" + column +
                         ")::text FROM catalog.mailbox WHERE account_id = $1 AND name = 'INBOX'",
                     {account});
    }

    static mail::UidSet uids(std::uint32_t first, std::uint32_t last) {
        mail::UidSet set;
        for (std::uint32_t uid = first; uid <= last; ++uid) {
            set.add(uid);
        }
        return set;
    }

    base::DbPool pool;
    base::DbPool access_pool;
    storage::Mailboxes mailboxes;
    storage::SegmentHeader header = make_header();
    storage::JournalOptions journal;
    storage::RebuildOptions rebuild;
};

}  // namespace storage_test
