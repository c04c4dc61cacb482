#include "dns/snapshot_holder.h"

#include <atomic>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/parts.h"
#include "test/unit/dns/world.h"

namespace {

std::unique_ptr<const dns::Snapshot> numbered(std::uint64_t id) {
    dns::Snapshot::Source source;
    source.id = id;
    source.names = std::make_shared<const dns::NameTable>(dns::NameTable::Zones{}, 1);
    dns_test::steer_all(source, 0, 0);
    return dns::Snapshot::create(std::move(source)).take_value();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_snapshot_holder)

BOOST_AUTO_TEST_CASE(is_empty_until_the_first) {
    dns::SnapshotHolder holder;
    BOOST_TEST(holder.empty());
    {
        dns::SnapshotReader reader(holder);
        reader.online();
        BOOST_TEST(reader.get() == nullptr);
        reader.offline();
    }
    holder.publish(numbered(1));
    BOOST_TEST(!holder.empty());
}

BOOST_AUTO_TEST_CASE(readers_see_whole_snapshots_in_order_while_they_are_replaced) {
    constexpr std::uint64_t kLast = 200;
    dns::SnapshotHolder holder;
    holder.publish(numbered(1));
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i) {
        threads.emplace_back([&holder, &wrong] {
            dns::SnapshotReader reader(holder);
            std::uint64_t seen = 0;
            reader.online();
            while (seen != kLast) {
                const dns::Snapshot* snapshot = reader.get();
                // Read twice around work: a snapshot that was freed would show another number.
                const std::uint64_t id = snapshot->id();
                if (id < seen || snapshot->names().zones().size() != 0 || snapshot->id() != id) {
                    ++wrong;
                }
                seen = id;
                reader.quiescent();
                std::this_thread::yield();
            }
            reader.offline();
        });
    }
    for (std::uint64_t id = 2; id <= kLast; ++id) {
        holder.publish(numbered(id));
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    BOOST_TEST(wrong == 0);
}

BOOST_AUTO_TEST_CASE(an_offline_reader_holds_nobody_up) {
    dns::SnapshotHolder holder;
    std::atomic<bool> registered{false};
    std::atomic<bool> done{false};
    std::thread thread([&] {
        dns::SnapshotReader reader(holder);
        registered = true;
        while (!done) {
            std::this_thread::yield();
        }
    });
    while (!registered) {
        std::this_thread::yield();
    }
    holder.publish(numbered(1));
    holder.publish(numbered(2));
    done = true;
    thread.join();
    BOOST_TEST(!holder.empty());
}

BOOST_AUTO_TEST_SUITE_END()
