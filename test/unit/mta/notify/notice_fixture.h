#pragma once

// The claims and outcomes of an agent, and messages that are delivered by the real function.

#include <memory>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "mta/notify/notice_queue.h"
#include "test/unit/storage/catalog/deliver_fixture.h"

namespace test_support {

inline base::Deadline soon() {
    return base::Deadline::after(std::chrono::seconds(20));
}

/// See the top of this file.
struct NoticeFixture : DeliverFixture {
    NoticeFixture() {
        sql("INSERT INTO directory.notification_gateway DEFAULT VALUES ON CONFLICT DO NOTHING");
        pool = std::make_unique<base::DbPool>(conninfo("roundtable_mtad"), "test");
        queue = std::make_unique<mta::NoticeQueue>(*pool, "mail1");
    }

    std::int64_t rule(const std::string& columns = "", const std::string& values = "") {
        const base::Rows made =
            sql("INSERT INTO directory.notification (account_id, channel, target" +
                (columns.empty() ? "" : ", " + columns) + ") VALUES (" + std::to_string(ann) +
                ", 'webhook', 'https://x.test/h'" + (values.empty() ? "" : ", " + values) +
                ") RETURNING id");
        return made[0].int64(0);
    }

    storage::Delivery mail_to(std::int64_t account, const std::string& sender = "bob@x.test") {
        storage::Delivery delivery = message(next++, {to(account)});
        delivery.sender = sender;
        return delivery;
    }

    void send(std::int64_t account, const std::string& sender = "bob@x.test") {
        deliver(batch({mail_to(account, sender)}));
    }

    std::vector<mta::NoticeJob> claim(std::size_t most = 10) {
        auto jobs = queue->claim(most, soon());
        BOOST_REQUIRE_MESSAGE(jobs, why(jobs));
        return std::move(jobs).take_value();
    }

    std::string finish(const mta::NoticeJob& job,
                       mta::NoticeResult result = mta::NoticeResult::Sent,
                       std::int64_t retry_after_s = 0) {
        const auto became = queue->finish(job, {result, "HTTP 500", retry_after_s}, soon());
        BOOST_REQUIRE_MESSAGE(became, why(became));
        return became.value();
    }

    /// Every job that waits, sent; what was told, joined by '|'.
    std::string drain() {
        std::string told;
        for (auto jobs = claim(); !jobs.empty(); jobs = claim()) {
            for (const mta::NoticeJob& job : jobs) {
                for (const mta::StoreEvent& event : job.events) {
                    told += (told.empty() ? "" : "|") + event.name;
                }
                BOOST_TEST(finish(job) == "sent");
            }
        }
        return told;
    }

    std::string count(const std::string& condition) {
        return value("SELECT count(*) FROM directory.notification_job WHERE " + condition);
    }

    void hurry() {
        sql("UPDATE directory.notification_job SET not_before = now() WHERE state = 'waiting'");
        sql("DELETE FROM directory.notification_hold");
    }

    std::unique_ptr<base::DbPool> pool;
    std::unique_ptr<mta::NoticeQueue> queue;
    std::uint64_t next = 0;
};

}  // namespace test_support
