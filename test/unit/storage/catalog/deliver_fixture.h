#pragma once

// Batches for tests of the delivery statement: two storage servers, the domain example.test with
// the accounts ann and bob, and one segment whose frames are 1000 octets each.

#include <string>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/uuid.h"
#include "storage/catalog/catalog.h"
#include "test/support/catalog_database.h"

namespace test_support {

inline constexpr std::uint64_t kFirstFrame = 512;
inline constexpr std::uint32_t kFrame = 1'000;

class DeliverFixture : public CatalogDatabase {
  public:
    DeliverFixture() {
        sql("INSERT INTO directory.storage_server (name, failure_domain) "
            "VALUES ('s1', 'h1'), ('s2', 'h2')");
        sql("INSERT INTO directory.domain (name) VALUES ('example.test')");
        ann = add_account("ann");
        bob = add_account("bob");
        segment = new_segment();
    }

    std::int64_t add_account(const std::string& local_part) {
        const base::Rows made = sql(
            "INSERT INTO directory.account (login, domain_id) "
            "SELECT $1 || '@example.test', id FROM directory.domain WHERE name = 'example.test' "
            "RETURNING id",
            {local_part});
        sql("INSERT INTO directory.address (domain_id, local_part, account_id) "
            "SELECT id, $1, $2 FROM directory.domain WHERE name = 'example.test'",
            {local_part, made[0].int64(0)});
        return made[0].int64(0);
    }

    storage::SegmentNote new_segment() {
        storage::SegmentNote note;
        note.id = storage::SegmentId(base::Uuid::time_ordered());
        note.writer = "a";
        note.boot_epoch = 1;
        note.first_frame = kFirstFrame;
        note.min_copies = 2;
        note.opened_us = 1'795'000'000'000'000;
        for (const base::Row row :
             sql("SELECT store_id FROM directory.storage_server ORDER BY id")) {
            storage::ReplicaNote replica;
            replica.store = storage::StorageServerId(row.uuid(0));
            note.replicas.push_back(std::move(replica));
        }
        return note;
    }

    static mail::Recipient to(std::int64_t account, std::string address = "x@example.test") {
        mail::Recipient recipient;
        recipient.address = std::move(address);
        recipient.account_id = account;
        return recipient;
    }

    static mail::MessageId new_id() {
        return mail::MessageId::from_bytes(base::Uuid::time_ordered().bytes());
    }

    /// The n-th frame of the segment.
    storage::Delivery message(std::uint64_t n, std::vector<mail::Recipient> recipients) const {
        storage::Delivery delivery;
        delivery.id = new_id();
        delivery.location = {segment.id, kFirstFrame + n * kFrame, kFrame};
        delivery.message_size = 700;
        delivery.summary_size = 100;
        delivery.received_us = 1'795'000'000'123'456;
        delivery.server = "a";
        delivery.sender = "sender@elsewhere.test";
        delivery.recipients = std::move(recipients);
        return delivery;
    }

    /// Covers the frames of its messages, which must be neighbours.
    storage::DeliveryBatch batch(std::vector<storage::Delivery> messages) const {
        storage::DeliveryBatch made;
        made.committer = "mail a";
        made.segments = {segment};
        made.deliveries = std::move(messages);
        if (!made.deliveries.empty()) {
            made.covered = {{segment.id,
                             made.deliveries.front().location.offset,
                             made.deliveries.back().location.offset + kFrame}};
        }
        return made;
    }

    storage::DeliveryReport deliver(const storage::DeliveryBatch& what) {
        auto report = storage::deliver(admin(), what);
        BOOST_REQUIRE_MESSAGE(report, why(report));
        return std::move(report).take_value();
    }

    std::int64_t catalogued_to() {
        return std::stoll(
            value("SELECT catalogued_to FROM catalog.segment WHERE id = $1", {segment.id.uuid()}));
    }

    std::string inbox(std::int64_t account, const std::string& column) {
        return value("SELECT (" + column +
                         ")::text FROM catalog.mailbox WHERE account_id = $1 AND name = 'INBOX'",
                     {account});
    }

    std::int64_t ann = 0;
    std::int64_t bob = 0;
    storage::SegmentNote segment;
};

}  // namespace test_support
