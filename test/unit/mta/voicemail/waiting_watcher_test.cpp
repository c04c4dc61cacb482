#include "mta/voicemail/waiting_watcher.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <boost/test/unit_test.hpp>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/fiber.h"
#include "base/uuid.h"
#include "test/support/catalog_database.h"
#include "test/support/loop_runner.h"

namespace {

namespace fs = std::filesystem;

// An account with a voicemail box, a hook that writes down what it is told, and a subscriber.
class Fixture : public test_support::CatalogDatabase {
  public:
    Fixture() {
        std::string pattern = (fs::temp_directory_path() / "watcher-XXXXXX").string();
        BOOST_REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        directory = pattern;
        fs::permissions(directory, fs::perms::all);
        std::ofstream(directory / "hook")
            << "#!/bin/sh\necho \"$@\" >> " << (directory / "told").string() << "\n";
        fs::permissions(directory / "hook", fs::perms::owner_all);
        sql("INSERT INTO directory.domain (name) VALUES ('example.test')");
        sql("INSERT INTO directory.account (login, domain_id) "
            "SELECT 'ann@example.test', id FROM directory.domain");
        account = sql("SELECT id FROM directory.account")[0].int64(0);
        sql("INSERT INTO directory.voicemail_box (context, mailbox, account_id) "
            "VALUES ('default', '1234', $1)",
            {account});
        inbox = sql("INSERT INTO catalog.mailbox (account_id, name) VALUES ($1, 'INBOX') "
                    "RETURNING id",
                    {account})[0]
                    .int64(0);
    }

    ~Fixture() { fs::remove_all(directory); }

    Fixture(const Fixture&) = delete;
    Fixture& operator=(const Fixture&) = delete;

    void subscribe(const std::string& target) {
        sql("INSERT INTO directory.message_waiting (context, mailbox, method, target, author) "
            "VALUES ('default', '1234', 'hook', $1, 'test')",
            {target});
    }

    // A voicemail, as deliver() leaves it.
    void add_voicemail(std::int64_t uid, bool urgent = false, std::int64_t flags = 0) {
        const base::Uuid id = base::Uuid::time_ordered();
        sql("INSERT INTO catalog.mailbox_message (mailbox_id, uid, message_id, modseq, flags, "
            "internal_date, size) VALUES ($1, $2, $3, 1, $4, now(), 1)",
            {inbox, uid, id, flags});
        sql("INSERT INTO catalog.voicemail (message_id, urgent) VALUES ($1, $2)", {id, urgent});
        touch();
    }

    void touch() {
        sql("UPDATE catalog.mailbox SET highest_modseq = highest_modseq + 1 WHERE id = $1",
            {inbox});
        sql("SELECT pg_notify('roundtable_mailbox', $1)", {std::to_string(inbox)});
    }

    void set_flags(std::int64_t uid, std::int64_t flags) {
        sql("UPDATE catalog.mailbox_message SET flags = $3 WHERE mailbox_id = $1 AND uid = $2",
            {inbox, uid, flags});
        touch();
    }

    base::Rows claim(const std::string& owner, int limit = 10) {
        return sql("SELECT c.subscription, c.counts FROM catalog.claim_waiting($1, NULL, 60, $2) c",
                   {owner, limit});
    }

    bool finish(const std::string& owner, std::int64_t subscription, const base::Param& problem) {
        return sql("SELECT catalog.finish_waiting($1, $2, 'default', '1234', $3)",
                   {owner, subscription, problem})[0]
            .boolean(0);
    }

    std::string told() const {
        std::stringstream text;
        text << std::ifstream(directory / "told").rdbuf();
        return text.str();
    }

    fs::path directory;
    std::int64_t account = 0;
    std::int64_t inbox = 0;
};

std::vector<std::int64_t> counts(const base::Rows& rows) {
    return rows.size() == 1 ? rows[0].int64_array(1) : std::vector<std::int64_t>{-1};
}

const std::vector<std::int64_t> kNone{0, 0, 0, 0};

}  // namespace

BOOST_AUTO_TEST_SUITE(voicemail_waiting_watcher)

BOOST_AUTO_TEST_CASE(counts_by_seen_deleted_and_urgent) {
    Fixture f;
    f.subscribe("/x");
    f.add_voicemail(1);
    f.add_voicemail(2, true);
    f.add_voicemail(3, false, 1);  // \Seen
    f.add_voicemail(4, true, 1);   // \Seen
    f.add_voicemail(5, false, 4);  // \Flagged is urgent for Asterisk
    f.add_voicemail(6, false, 8);  // \Deleted
    f.sql(
        "INSERT INTO catalog.mailbox_message (mailbox_id, uid, message_id, modseq, internal_date, "
        "size) VALUES ($1, 7, gen_random_uuid(), 1, now(), 1)",
        {f.inbox});  // no voicemail
    const std::vector<std::int64_t> wanted{3, 2, 2, 1};
    BOOST_TEST(counts(f.claim("a")) == wanted, boost::test_tools::per_element());
    const base::Rows shown = f.sql(
        "SELECT new_messages, old_messages, new_urgent, old_urgent FROM report.message_waiting");
    BOOST_REQUIRE(shown.size() == 1U);
    BOOST_TEST(shown[0].int64(0) == 3);
    f.sql("UPDATE catalog.mailbox SET special_use = '\\Trash' WHERE id = $1", {f.inbox});
    BOOST_TEST(f.value("SELECT new_messages FROM report.message_waiting") == "0");
}

BOOST_AUTO_TEST_CASE(a_change_is_claimed_once) {
    Fixture f;
    f.subscribe("/x");
    const base::Rows first = f.claim("a");
    BOOST_TEST(counts(first) == kNone, boost::test_tools::per_element());
    BOOST_TEST(f.claim("b").empty());
    const std::int64_t id = first[0].int64(0);
    BOOST_TEST(!f.finish("b", id, nullptr));
    BOOST_TEST(f.finish("a", id, nullptr));
    BOOST_TEST(f.claim("b").empty());
    f.add_voicemail(1);
    BOOST_TEST(f.claim("b").size() == 1U);
    BOOST_TEST(f.finish("b", id, nullptr));
    // Other counts are news, other mail is none.
    f.touch();
    BOOST_TEST(f.claim("a").empty());
    f.set_flags(1, 1);
    BOOST_TEST(f.claim("a").size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_failure_is_tried_again_later) {
    Fixture f;
    f.subscribe("/x");
    const std::int64_t id = f.claim("a")[0].int64(0);
    BOOST_TEST(f.finish("a", id, "no answer"));
    BOOST_TEST(f.claim("a").empty());
    BOOST_TEST(f.value("SELECT attempts FROM directory.message_waiting_state") == "1");
    BOOST_TEST(f.value("SELECT problem FROM directory.message_waiting_state") == "no answer");
    f.sql("UPDATE directory.message_waiting_state SET not_before = now()");
    BOOST_TEST(f.claim("b").size() == 1U);
    BOOST_TEST(f.finish("b", id, nullptr));
    BOOST_TEST(f.value("SELECT coalesce(problem, '-') FROM directory.message_waiting_state") ==
               "-");
}

BOOST_AUTO_TEST_CASE(a_claim_lapses_with_its_owner) {
    Fixture f;
    f.subscribe("/x");
    const std::int64_t id = f.claim("a")[0].int64(0);
    f.sql("UPDATE directory.message_waiting_state SET claimed_until = now() - interval '1 second'");
    BOOST_TEST(f.claim("b").size() == 1U);
    BOOST_TEST(!f.finish("a", id, nullptr));
    BOOST_TEST(f.finish("b", id, nullptr));
}

BOOST_AUTO_TEST_CASE(a_limit_leaves_the_rest) {
    Fixture f;
    f.subscribe("/x");
    f.subscribe("/y");
    BOOST_TEST(f.claim("a", 1).size() == 1U);
    BOOST_TEST(f.claim("b", 1).size() == 1U);
    BOOST_TEST(f.claim("c", 1).empty());
}

// So that a telephone that swallows everything takes few of those who tell.
BOOST_AUTO_TEST_CASE(a_subscription_is_told_of_few_mailboxes_at_once) {
    Fixture f;
    f.sql(
        "INSERT INTO directory.voicemail_box (context, mailbox, account_id) "
        "SELECT 'default', n::text, $1 FROM generate_series(1, 9) AS n",
        {f.account});
    f.sql(
        "INSERT INTO directory.message_waiting (method, target, author) "
        "VALUES ('hook', '/x', 'test')");
    BOOST_TEST(f.claim("a").size() == 4U);
    BOOST_TEST(f.claim("b").empty());
    // Three answer, the last does not.
    const std::string slow = f.value(
        "SELECT mailbox FROM directory.message_waiting_state WHERE claimed_by IS NOT NULL LIMIT 1");
    f.sql(
        "UPDATE directory.message_waiting_state SET claimed_until = NULL, claimed_by = NULL, "
        "mark = pending_mark, sent = pending WHERE claimed_by IS NOT NULL AND mailbox <> $1",
        {slow});
    f.sql(
        "UPDATE directory.message_waiting_state SET claimed_until = now() + interval '50 s' "
        "WHERE mailbox = $1",
        {slow});
    BOOST_TEST(f.claim("b").size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_subscription_that_fails_is_told_of_two_mailboxes_at_once) {
    Fixture f;
    f.sql(
        "INSERT INTO directory.voicemail_box (context, mailbox, account_id) "
        "SELECT 'default', n::text, $1 FROM generate_series(1, 9) AS n",
        {f.account});
    f.sql(
        "INSERT INTO directory.message_waiting (method, target, author) "
        "VALUES ('hook', '/x', 'test')");
    BOOST_TEST(f.claim("a").size() == 4U);
    f.sql(
        "UPDATE directory.message_waiting_state SET attempts = 1, claimed_by = NULL, "
        "claimed_until = NULL, not_before = now() + interval '1 hour' "
        "WHERE claimed_by IS NOT NULL");
    BOOST_TEST(f.claim("a").size() == 2U);
    // Who did not fail comes before it.
    f.subscribe("/y");
    BOOST_TEST(f.claim("b").size() == 1U);
}

// What nobody knows is not told as nothing.
BOOST_AUTO_TEST_CASE(a_rebuild_tells_nobody) {
    Fixture f;
    f.subscribe("/x");
    f.sql("INSERT INTO catalog.rebuild (phase) VALUES ('replaying')");
    BOOST_CHECK_THROW(f.claim("a"), std::runtime_error);
    // All is replayed, segments are still being read: INBOX is not known to be empty.
    f.sql("UPDATE catalog.rebuild SET phase = 'cataloguing'");
    BOOST_CHECK_THROW(f.claim("a"), std::runtime_error);
    BOOST_CHECK_THROW(f.sql("SELECT catalog.require_whole($1)", {f.inbox}), std::runtime_error);
    BOOST_CHECK_THROW(f.sql("SELECT catalog.require_account_whole($1)", {f.account}),
                      std::runtime_error);
    f.sql("UPDATE catalog.rebuild SET phase = 'done'");
    BOOST_TEST(f.claim("a").size() == 1U);
    BOOST_TEST(f.sql("SELECT catalog.require_account_whole($1)", {f.account})[0].boolean(0));
}

// Within the 2 seconds that everybody is promised, however many others do not answer.
BOOST_AUTO_TEST_CASE(dead_telephones_hold_up_nobody) {
    constexpr int kDead = 20;
    Fixture f;
    const base::Fd deaf(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const plain = reinterpret_cast<sockaddr*>(&address);
    BOOST_REQUIRE(::bind(deaf.get(), plain, size) == 0);
    BOOST_REQUIRE(::getsockname(deaf.get(), plain, &size) == 0);
    f.subscribe((f.directory / "hook").string());
    const std::string wanted = "1234@default 0 0 0\n1234@default 1 0 0\n";
    auto made_loop = base::Loop::create("watcher");
    const std::unique_ptr<base::Loop> loop = std::move(made_loop).take_value();
    auto made = mta::WaitingWatcher::create(
        *loop, f.conninfo("roundtable_mtad"), "m1", f.directory.string());
    std::unique_ptr<mta::WaitingWatcher> watcher = std::move(made).take_value();
    const auto rest = [] {
        (void)base::sleep_until(base::Deadline::after(std::chrono::milliseconds(20)));
    };
    BOOST_REQUIRE(base::spawn(*loop, "test", [&] {
        const base::Deadline begun = base::Deadline::after(std::chrono::seconds(20));
        const auto busy = [&f] {
            return std::stoi(
                f.value("SELECT count(*) FROM directory.message_waiting_state "
                        "WHERE claimed_by IS NOT NULL"));
        };
        while (f.told().empty() && !begun.passed()) {
            rest();
        }
        f.sql(
            "INSERT INTO directory.message_waiting (context, mailbox, method, target, author) "
            "SELECT 'default', '1234', 'sip', 'sip:' || n || '@127.0.0.1:' || $1::text, 'test' "
            "FROM generate_series(1, $2::integer) AS n",
            {std::to_string(ntohs(address.sin_port)), kDead});
        while (busy() < 8 && !begun.passed()) {
            rest();
        }
        f.add_voicemail(1);
        const base::Deadline promised = base::Deadline::after(std::chrono::seconds(2));
        while (f.told() != wanted && !promised.passed()) {
            rest();
        }
        BOOST_TEST(f.told() == wanted);
        BOOST_TEST(busy() >= 8);
        loop->stop();
    }));
    loop->run();
    watcher.reset();
}

BOOST_AUTO_TEST_CASE(tells_of_every_change) {
    Fixture f;
    f.subscribe((f.directory / "hook").string());
    auto made_loop = base::Loop::create("watcher");
    const std::unique_ptr<base::Loop> loop = std::move(made_loop).take_value();
    auto made = mta::WaitingWatcher::create(
        *loop, f.conninfo("roundtable_mtad"), "m1", f.directory.string());
    std::unique_ptr<mta::WaitingWatcher> watcher = std::move(made).take_value();
    const base::Deadline end = base::Deadline::after(std::chrono::seconds(20));
    const auto wait_for = [&](const std::string& text) {
        while (f.told() != text && !end.passed()) {
            (void)base::sleep_until(base::Deadline::after(std::chrono::milliseconds(20)));
        }
        BOOST_TEST(f.told() == text);
    };
    BOOST_REQUIRE(base::spawn(*loop, "test", [&] {
        wait_for("1234@default 0 0 0\n");
        f.add_voicemail(1, true);
        wait_for("1234@default 0 0 0\n1234@default 1 0 1\n");
        f.set_flags(1, 1);
        wait_for("1234@default 0 0 0\n1234@default 1 0 1\n1234@default 0 1 0\n");
        loop->stop();
    }));
    loop->run();
    watcher.reset();
    // Another start knows what was told.
    BOOST_TEST(f.claim("b").empty());
}

BOOST_AUTO_TEST_SUITE_END()
