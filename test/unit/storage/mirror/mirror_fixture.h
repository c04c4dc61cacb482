#pragma once

// Storage servers in temporary directories with real helpers, and an agent that writes to them.

#include <algorithm>
#include <csignal>
#include <map>
#include <set>

#include "storage/mirror/mirror_writer.h"
#include "storage/mirror/recovery.h"
#include "storage/segment/name.h"
#include "storage/segment/reader.h"
#include "test/unit/storage/path/loop_fixture.h"

namespace storage_test {

/// `count` storage servers, each in a directory; number 1 is the agent's own.
struct Stores {
    std::vector<std::unique_ptr<TempDir>> dirs;
    std::vector<storage::StorageServerConfig> configs;

    explicit Stores(std::size_t count) {
        for (std::size_t i = 1; i <= count; ++i) {
            dirs.push_back(std::make_unique<TempDir>());
            configs.push_back(make_store(static_cast<std::uint8_t>(i), dirs.back()->path()));
        }
    }

    [[nodiscard]] const std::string& root(std::uint8_t number) const {
        return dirs[number - 1U]->path();
    }

    /// Files of segments on one store, by name.
    [[nodiscard]] std::map<storage::SegmentName, std::string> files(std::uint8_t number) const {
        std::map<storage::SegmentName, std::string> found;
        const std::filesystem::path folder = std::filesystem::path(root(number)) / "segments";
        if (!std::filesystem::exists(folder)) {
            return found;
        }
        for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
            const auto name = storage::parse_segment_name(entry.path().filename().string());
            if (name) {
                found.emplace(name.value(), entry.path().string());
            }
        }
        return found;
    }

    [[nodiscard]] std::string path_of(std::uint8_t number, const storage::SegmentName& name) const {
        return root(number) + "/" + storage::segment_path(name);
    }
};

inline storage::Bytes file_bytes(const std::string& path) {
    const std::string text = file_text(path);
    const auto bytes = base::as_bytes(text);
    return {bytes.begin(), bytes.end()};
}

/// The message of the frame at that place on one store; empty if it is not there, whole and good.
inline std::string message_at(const std::string& path, const storage::FrameLocation& at) {
    const storage::Bytes file = file_bytes(path);
    const auto header = storage::decode_header(file);
    if (!header || at.offset + at.length > file.size()) {
        return {};
    }
    const auto frame = storage::decode_frame(
        header.value().header,
        at.offset,
        std::span(file).subspan(static_cast<std::size_t>(at.offset), at.length));
    return frame ? std::string(frame.value().message) : std::string();
}

inline storage::MirrorOptions quick_mirror() {
    storage::MirrorOptions options;
    options.writer_name = "mx1";
    options.writer_id = storage::MailServerId(uuid_of(2, 1));
    options.batch_deadline = milliseconds(300);
    return options;
}

/// An agent with its state, the servers it reaches, and its writer. In a fiber.
struct Agent {
    Stores& stores;
    storage::StorageServerSet servers;
    std::unique_ptr<storage::AgentState> state;
    std::vector<storage::SegmentClosed> closed;
    std::unique_ptr<storage::MirrorWriter> writer;

    Agent(base::Loop& loop,
          Stores& on_stores,
          const std::string& state_dir,
          storage::MirrorOptions options = quick_mirror(),
          storage::CopyPolicy policy = {2, false},
          storage::PathOptions paths = quick_options())
        : stores(on_stores), servers(loop, std::move(paths)) {
        servers.apply(stores.configs);
        state = storage::AgentState::open(state_dir).take_value();
        writer = std::make_unique<storage::MirrorWriter>(loop, servers, *state, std::move(options));
        writer->set_on_segment_closed(
            [this](const storage::SegmentClosed& segment) { closed.push_back(segment); });
        storage::MirrorTable table;
        table.own = store_id(1);
        table.peers = {store_id(2)};
        writer->set_table(table);
        writer->set_policy(policy);
        writer->start();
    }

    ~Agent() { stop(); }

    Agent(const Agent&) = delete;
    Agent& operator=(const Agent&) = delete;

    void stop() {
        if (writer) {
            writer->shutdown(in(10'000));
            writer.reset();
        }
    }

    /// All stores answer their probes.
    void settle() {
        BOOST_REQUIRE(eventually([&] {
            return std::ranges::all_of(
                servers.all(), [](const auto* server) { return server->health().is_healthy(); });
        }));
    }

    base::Result<storage::Stored> store(std::uint8_t number,
                                        const std::string& message,
                                        int deadline_ms = 5'000) {
        return writer->store(make_frame(number, message), in(deadline_ms));
    }

    [[nodiscard]] pid_t helper(std::uint8_t number) const {
        return servers.find(store_id(number))->helper_pids()[0];
    }

    /// That the frame is where it is said to be, with that message, on each durable server.
    void check_stored(const base::Result<storage::Stored>& stored, const std::string& message) {
        BOOST_REQUIRE(stored);
        for (const storage::StorageServerId& server : stored.value().durable) {
            const auto number = std::to_integer<std::uint8_t>(server.bytes()[15]);
            const std::string path = stores.path_of(number, {stored.value().location.segment, 1});
            BOOST_TEST(message_at(path, stored.value().location) == message);
        }
    }
};

using Ids = std::vector<storage::StorageServerId>;

}  // namespace storage_test
