#pragma once

// A small cluster for tests of the tracking agent: three storage servers in directories, the mail
// servers a and b that mirror to one another, the accounts ann and bob; and ways to make the
// database hang or go away.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mail/envelope.h"
#include "mail/summary.h"
#include "storage/catalog/catalog.h"
#include "test/support/catalog_database.h"
#include "test/unit/storage/mirror/mirror_fixture.h"

namespace storage_test {

using test_support::why;

/// A message for one account, as its frame has it.
inline storage::FrameInput make_mail(std::uint8_t number,
                                     std::int64_t account,
                                     const std::string& message) {
    mail::Envelope envelope;
    envelope.sender = "sender@elsewhere.test";
    mail::Recipient recipient;
    recipient.address = "x@example.test";
    recipient.account_id = account;
    envelope.recipients.push_back(std::move(recipient));
    storage::FrameInput frame = make_frame(number, message);
    frame.kind = mail::Kind::Email;
    frame.envelope = mail::encode(envelope).take_value();
    frame.summary = mail::encode(mail::summarize(message));
    return frame;
}

/// A segment by hand: frames, aborts, seal.
class SegmentBuilder {
  public:
    explicit SegmentBuilder(storage::SegmentHeader header = make_header())
        : encoder_(storage::SegmentEncoder::create(std::move(header)).take_value()) {
        encoder_.begin(bytes);
    }

    storage::FrameLocation add(const storage::FrameInput& frame) {
        return encoder_.append(frame, bytes).take_value();
    }

    storage::FrameLocation cancel(const mail::MessageId& id, const storage::FrameLocation& at) {
        return encoder_
            .append_abort({id, at.segment, at.offset}, 1, encoder_.header().writer_id, bytes)
            .take_value();
    }

    storage::Seal seal() { return encoder_.seal(bytes); }

    [[nodiscard]] const storage::SegmentHeader& header() const { return encoder_.header(); }

    [[nodiscard]] storage::SegmentId id() const { return encoder_.header().segment; }

    storage::Bytes bytes;

  private:
    storage::SegmentEncoder encoder_;
};

inline void put_file(const std::string& path, const storage::Bytes& bytes) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << base::as_text(bytes);
}

/// Turns one octet of a file over.
inline void spoil(const std::string& path, std::uint64_t at) {
    storage::Bytes bytes = file_bytes(path);
    bytes.at(static_cast<std::size_t>(at)) ^= std::byte{0x40};
    put_file(path, bytes);
}

/// The database with that cluster in it, and the directories.
class ClusterFixture : public test_support::CatalogDatabase {
  public:
    ClusterFixture() : stores(3) {
        for (std::uint8_t n = 1; n <= 3; ++n) {
            const std::string name = "s" + std::to_string(n);
            stores.configs[n - 1U].failure_domain = "h" + std::to_string(n);
            sql("INSERT INTO directory.storage_server (name, store_id, failure_domain) "
                "VALUES ($1, $2::uuid, $3)",
                {name, store_id(n).uuid(), "h" + std::to_string(n)});
            sql("INSERT INTO directory.storage_path (storage_server_id, directory) "
                "SELECT id, $2 FROM directory.storage_server WHERE name = $1",
                {name, stores.root(n)});
        }
        add_mail_server("a", 1);
        add_mail_server("b", 2);
        sql("INSERT INTO directory.mirroring (mail_server_id, peer_id) "
            "SELECT x.id, y.id FROM directory.mail_server x, directory.mail_server y "
            "WHERE x.id <> y.id");
        sql("INSERT INTO directory.domain (name) VALUES ('example.test')");
        ann = add_account("ann");
        bob = add_account("bob");
    }

    ~ClusterFixture() { wake_database(); }

    void add_mail_server(const std::string& name, std::uint8_t number) {
        sql("INSERT INTO directory.mail_server (name, agent_id, host_name, address, "
            "storage_server_id) SELECT $1::text, $2::uuid, $1::text || '.example.test', "
            "'127.0.0.1', id "
            "FROM directory.storage_server WHERE name = $3",
            {name, uuid_of(2, number), "s" + std::to_string(number)});
    }

    std::int64_t add_account(const std::string& local_part) {
        const base::Rows made =
            sql("INSERT INTO directory.account (login, domain_id) "
                "SELECT $1 || '@example.test', id FROM directory.domain RETURNING id",
                {local_part});
        sql("INSERT INTO directory.address (domain_id, local_part, account_id) "
            "SELECT id, $1, $2 FROM directory.domain",
            {local_part, made[0].int64(0)});
        return made[0].int64(0);
    }

    static mail::Recipient to(std::int64_t account) {
        mail::Recipient recipient;
        recipient.address = "x@example.test";
        recipient.account_id = account;
        return recipient;
    }

    /// Writes the file of a segment to one store.
    void put(std::uint8_t store,
             const storage::SegmentId& id,
             const storage::Bytes& bytes,
             std::uint32_t generation = 1) {
        put_file(stores.path_of(store, {id, generation}), bytes);
    }

    /// The catalog knows the segment, and nothing of what is in it.
    void tell(const storage::SegmentHeader& header) {
        const auto size = storage::encode_header(header).value().size();
        const std::vector<storage::SegmentNote> notes{storage::note_of(header, size)};
        BOOST_REQUIRE(storage::note_segments(admin(), notes));
    }

    std::int64_t catalogued_to(const storage::SegmentId& segment) {
        return std::stoll(
            value("SELECT catalogued_to FROM catalog.segment WHERE id = $1", {segment.uuid()}));
    }

    std::string state_of(const storage::SegmentId& segment) {
        return value("SELECT state FROM catalog.segment WHERE id = $1", {segment.uuid()});
    }

    /// Messages in the INBOX of an account.
    std::string in_inbox(std::int64_t account) {
        return value(
            "SELECT count(*) FROM catalog.mailbox_message x JOIN catalog.mailbox b "
            "ON b.id = x.mailbox_id WHERE b.account_id = $1 AND b.name = 'INBOX'",
            {account});
    }

    // ---- The database hangs, or is away.

    /// Every delivery waits until wake_database().
    void hang_deliveries() {
        holder_ = open("postgres");
        auto begun = holder_->begin();
        BOOST_REQUIRE(begun);
        held_.emplace(std::move(begun).take_value());
        BOOST_REQUIRE(held_->query("LOCK TABLE catalog.commit_mark IN ACCESS EXCLUSIVE MODE"));
    }

    /// True when `count` statements wait for what hang_deliveries() holds.
    bool are_hanging(int count = 1) {
        return std::stoi(
                   value("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                         "AND datname = current_database()")) >= count;
    }

    /// The roles of the daemons cannot connect, and lose what connections they have.
    void take_database_away() {
        for (const std::string role : {"mtad", "accessd", "trackerd"}) {
            sql("ALTER ROLE roundtable_" + role + " NOLOGIN");
            sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1",
                {"roundtable_" + role});
        }
        away_ = true;
    }

    void wake_database() {
        held_.reset();
        holder_.reset();
        if (std::exchange(away_, false)) {
            for (const std::string role : {"mtad", "accessd", "trackerd"}) {
                sql("ALTER ROLE roundtable_" + role + " LOGIN");
            }
        }
    }

    Stores stores;
    std::int64_t ann = 0;
    std::int64_t bob = 0;

  private:
    std::unique_ptr<base::Connection> holder_;
    std::optional<base::Tx> held_;
    bool away_ = false;
};

/// The servers of a fixture, with quick probes, healthy. In a fiber.
class Servers {
  public:
    Servers(base::Loop& loop, const Stores& stores, std::size_t count = 3)
        : set(loop, quick_options()) {
        set.apply(
            {stores.configs.begin(), stores.configs.begin() + static_cast<std::ptrdiff_t>(count)});
        settle();
    }

    void settle() {
        BOOST_REQUIRE(eventually([&] {
            return std::ranges::all_of(
                set.all(), [](const auto* server) { return server->health().is_healthy(); });
        }));
    }

    [[nodiscard]] pid_t helper(std::uint8_t number) const {
        return set.find(store_id(number))->helper_pids()[0];
    }

    storage::StorageServerSet set;
};

}  // namespace storage_test
