#include "storage/journal/directory_restore.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/journal/journal_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

class RestoreFixture : public JournalFixture {
  public:
    void write_journal() {
        with([](Parts& parts) {
            const base::Status done = parts.writer.delta();
            BOOST_REQUIRE_MESSAGE(done, why(done));
        });
    }

    // All rows of the directory that are journaled.
    std::string directory() {
        std::string all;
        for (const base::Row table : sql("SELECT table_name FROM catalog.journal_tables()")) {
            all += value(
                       "SELECT string_agg(to_jsonb(d)::text, E'\\n' ORDER BY to_jsonb(d)::text) "
                       "FROM directory." +
                       table.string(0) + " d") +
                   "\n";
        }
        return all;
    }

    std::vector<std::string> roots() const { return {stores.root(1), stores.root(2)}; }

    JournalFiles found() {
        const std::vector<std::string> all = roots();
        base::Result<JournalFiles> files = find_journal(all);
        BOOST_REQUIRE_MESSAGE(files, why(files));
        return std::move(files).take_value();
    }

    base::Result<RestoredDirectory> restore() { return restore_directory(admin(), found()); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(storage_directory_restore, RestoreFixture)

BOOST_AUTO_TEST_CASE(every_row_comes_back_as_it_was_last_journaled) {
    write_journal();
    sql("UPDATE directory.account SET password_hash = 'new hash' WHERE id = $1", {ann});
    sql("DELETE FROM directory.account WHERE id = $1", {bob});
    sql("INSERT INTO directory.sender_block (kind, pattern, reason, author) "
        "VALUES ('domain', 'bad.test', 'a \"quoted\" reason', 'me')");
    sql("UPDATE directory.cluster SET min_copies = 3");
    sql("UPDATE directory.notification_gateway SET imap_host = 'imap.example.test'");
    sql("INSERT INTO directory.notification (account_id, channel, target, content) "
        "VALUES ($1, 'webhook', 'https://x.test/secret', 'summary')",
        {ann});
    sql("INSERT INTO directory.notification_secret (notification_id, hmac_key) "
        "SELECT id, '\\x000102030405060708090a0b0c0d0e0f' FROM directory.notification");
    sql("INSERT INTO directory.voicemail_box (context, mailbox, account_id) "
        "VALUES ('default', '1001', $1)",
        {ann});
    sql("INSERT INTO directory.message_waiting (context, mailbox, method, target, author) "
        "VALUES ('default', '1001', 'webhook', 'https://x.test/', 'me')");
    write_journal();
    const std::string before = directory();
    sql("DELETE FROM directory.sender_block");  // after the last journal: not known to it
    make_empty();
    BOOST_TEST(directory() != before);
    BOOST_TEST(require_no_directory(admin()).operator bool());

    const auto restored = restore();
    BOOST_REQUIRE_MESSAGE(restored, why(restored));
    BOOST_TEST(directory() == before);
    BOOST_TEST(restored.value().rows > 10);
    BOOST_TEST(restored.value().at_us > 0);
    BOOST_TEST(value("SELECT version > 1000000000 FROM directory.version") == "t");
    BOOST_TEST(add_account("new") > bob + 65'000);  // ids of lost rows are not given out again
}

BOOST_AUTO_TEST_CASE(a_directory_with_rows_is_left_alone) {
    write_journal();
    const std::string before = directory();
    BOOST_CHECK(code_of(require_no_directory(admin())) == base::Errc::Exists);
    const auto restored = restore();
    BOOST_REQUIRE(!restored);
    BOOST_CHECK(restored.error().code == base::Errc::Exists);
    BOOST_TEST(directory() == before);
}

BOOST_AUTO_TEST_CASE(bad_copies_are_passed_over_while_there_is_a_good_one) {
    write_journal();
    const std::string before = directory();
    for (const auto& [name, path] : stores.files(1)) {
        Bytes bytes = file_bytes(path);
        bytes[bytes.size() / 2] ^= std::byte{1};
        put_file(path, bytes);
    }
    make_empty();
    BOOST_TEST(found().bad.size() == 1U);
    BOOST_REQUIRE(restore());
    BOOST_TEST(directory() == before);

    for (const auto& [name, path] : stores.files(2)) {
        put_file(path, {});
    }
    make_empty();
    const std::vector<std::string> all = roots();
    const auto none = find_journal(all);
    BOOST_REQUIRE(!none);
    BOOST_CHECK(none.error().code == base::Errc::NotFound);
}

BOOST_AUTO_TEST_CASE(columns_that_the_journal_does_not_know_get_their_defaults) {
    write_journal();
    sql("ALTER TABLE directory.account ADD COLUMN newer text NOT NULL DEFAULT 'as ever'");
    make_empty();
    BOOST_REQUIRE(restore());
    BOOST_TEST(value("SELECT string_agg(DISTINCT newer, ',') FROM directory.account") == "as ever");
    sql("ALTER TABLE directory.account DROP COLUMN newer");
}

BOOST_AUTO_TEST_CASE(a_root_that_is_none_is_an_error) {
    const std::vector<std::string> nowhere{"/nowhere"};
    const auto files = find_journal(nowhere);
    BOOST_REQUIRE(!files);
    BOOST_CHECK(files.error().code == base::Errc::NotFound);
    BOOST_TEST(files.error().detail.find("mounted") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
