#pragma once

// A cluster with sealed, catalogued segments in it, for tests of compaction and removal.

#include <functional>
#include <string>
#include <vector>

#include "storage/catalog/compaction.h"
#include "storage/tracking/message_reader.h"
#include "test/unit/storage/tracking/cluster_fixture.h"

namespace storage_test {

/// A sealed segment of server a on stores 1 and 2, and what is in it.
struct SealedFile {
    storage::SegmentId id;
    std::vector<storage::FrameLocation> frames;
    std::uint64_t first_frame = 0;
    storage::Bytes bytes;
};

/// See the top of this file. The retention and the grace are over at once.
class RetentionFixture : public ClusterFixture {
  public:
    RetentionFixture() : pool(conninfo("roundtable_trackerd"), "test", {2, 16, {}}) {
        sql("UPDATE directory.cluster SET expunged_retention = '0', superseded_grace = '0'");
    }

    /// Message `number` of a segment.
    static std::string text_of(std::uint8_t number) {
        return "Subject: " + std::to_string(number) + "\r\n\r\n" +
               std::string(1'000, static_cast<char>('a' + number % 26)) + "\r\n";
    }

    /// Writes and notes a segment with these messages and aborts; delivers nothing.
    SealedFile put_sealed(std::uint8_t segment_number,
                          const std::vector<std::uint8_t>& messages,
                          const std::vector<storage::AbortTarget>& aborts = {},
                          std::uint64_t boot_epoch = 41) {
        storage::SegmentHeader header = make_header(segment_number, segment_number);
        header.writer = "a";
        header.boot_epoch = boot_epoch;
        SegmentBuilder builder(header);
        SealedFile file;
        file.id = builder.id();
        file.first_frame = builder.bytes.size();
        for (const std::uint8_t number : messages) {
            file.frames.push_back(builder.add(make_mail(number, ann, text_of(number))));
        }
        for (const storage::AbortTarget& abort : aborts) {
            builder.cancel(abort.id, {abort.segment, abort.offset, 0});
        }
        builder.seal();
        file.bytes = builder.bytes;
        put(1, file.id, file.bytes);
        put(2, file.id, file.bytes);
        storage::SegmentNote note = storage::note_of(header, file.first_frame);
        note.state = storage::SegmentState::Sealed;
        note.length = file.bytes.size();
        note.opened_us = static_cast<std::uint64_t>(base::wall_us());
        BOOST_REQUIRE(storage::note_segments(admin(), std::vector{note}));
        return file;
    }

    /// Delivers message `number`, which is `frame`, to accounts.
    void deliver_to(std::uint8_t number,
                    const storage::FrameLocation& frame,
                    const std::vector<std::int64_t>& accounts) {
        storage::DeliveryBatch batch = batch_of(number, frame, accounts);
        const auto report = storage::deliver(admin(), batch);
        BOOST_TEST(why(report) == "");
        BOOST_REQUIRE(report);
    }

    static storage::DeliveryBatch batch_of(std::uint8_t number,
                                           const storage::FrameLocation& frame,
                                           const std::vector<std::int64_t>& accounts) {
        storage::Delivery delivery;
        delivery.id = message_id(number);
        delivery.acknowledged = storage::Acknowledged::Yes;
        delivery.location = frame;
        delivery.message_size = text_of(number).size();
        delivery.received_us = 1'795'345'200'000'000;
        delivery.server = "a";
        for (const std::int64_t account : accounts) {
            delivery.recipients.push_back(to(account));
        }
        storage::DeliveryBatch batch;
        batch.committer = "test";
        batch.deliveries = {delivery};
        return batch;
    }

    /// All of it is in the catalog.
    void set_catalogued(const SealedFile& file) {
        sql("UPDATE catalog.segment SET catalogued_to = length WHERE id = $1", {file.id.uuid()});
    }

    /// A segment whose messages ann has.
    SealedFile put_delivered(std::uint8_t segment_number,
                             const std::vector<std::uint8_t>& messages) {
        SealedFile file = put_sealed(segment_number, messages);
        for (std::size_t n = 0; n < messages.size(); ++n) {
            deliver_to(messages[n], file.frames[n], {ann});
        }
        set_catalogued(file);
        return file;
    }

    std::int64_t inbox(std::int64_t account) {
        return std::stoll(
            value("SELECT id FROM catalog.mailbox WHERE account_id = $1 AND "
                  "name = 'INBOX'",
                  {account}));
    }

    /// Expunges the message from each mailbox that has it.
    void expunge(std::uint8_t number) {
        sql("SELECT catalog.expunge(x.mailbox_id, ARRAY[x.uid], ARRAY[x.uid], false) "
            "FROM catalog.mailbox_message x WHERE x.message_id = $1",
            {base::Uuid(message_id(number).bytes())});
    }

    /// Ends retentions and counts.
    void purge() {
        while (storage::purge_retained(admin(), 100).value().rows > 0) {
        }
        while (storage::survey_segments(admin(), 100).value() > 0) {
        }
    }

    std::string dead_bytes(const storage::SegmentId& id) {
        return value("SELECT dead_bytes FROM catalog.segment WHERE id = $1", {id.uuid()});
    }

    bool is_superseded(const storage::SegmentId& id) {
        return value("SELECT superseded_at IS NOT NULL FROM catalog.segment WHERE id = $1",
                     {id.uuid()}) == "t";
    }

    /// Where the catalog says that a message is.
    storage::MessagePlace place_of(std::uint8_t number) {
        const auto places = storage::locate(admin(), std::vector{message_id(number)});
        BOOST_REQUIRE(places);
        BOOST_REQUIRE(places.value().size() == 1U);
        return places.value()[0];
    }

    /// The message as each of its copies has it.
    void check_readable(std::uint8_t number) {
        const storage::MessagePlace place = place_of(number);
        BOOST_TEST(!place.replicas.empty());
        for (const storage::ReplicaPlace& replica : place.replicas) {
            const auto store = std::to_integer<std::uint8_t>(replica.store.bytes()[15]);
            BOOST_TEST(
                message_at(stores.path_of(store, {place.location.segment, replica.generation}),
                           place.location) == text_of(number));
        }
    }

    base::DbPool pool;
};

}  // namespace storage_test
