#pragma once

// A fiber on a loop of its own, and real helpers, for tests of storage.

#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include <boost/test/unit_test.hpp>

#include "base/fiber.h"
#include "base/loop.h"
#include "base/process.h"
#include "storage/path/storage_server_client.h"
#include "test/support/loop_runner.h"
#include "test/unit/storage/path/temp_dir.h"
#include "test/unit/storage/segment/segment_fixture.h"

namespace storage_test {

using std::chrono::milliseconds;

using test_support::run_in_fiber;

/// Waits in a fiber until the condition holds; false after ten seconds.
inline bool eventually(const std::function<bool()>& condition,
                       milliseconds limit = milliseconds(60'000)) {
    const base::Deadline deadline = base::Deadline::after(limit);
    while (!condition()) {
        if (deadline.passed() || !base::sleep_until(base::Deadline::after(milliseconds(2)))) {
            return false;
        }
    }
    return true;
}

/// The program that was built beside this test.
inline std::string helper_program() {
    return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "roundtable-path-helper";
}

/// State letters of a process's threads, as in proc(5); empty if there is none.
inline std::string thread_states(pid_t pid) {
    std::string states;
    std::error_code gone;
    for (const auto& task :
         std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", gone)) {
        const std::string stat = file_text(task.path().string() + "/stat");
        const std::size_t end = stat.rfind(')');
        if (end != std::string::npos) {
            states.push_back(stat[end + 2]);
        }
    }
    return states;
}

/// Stops a process and waits until each of its threads stands.
inline void stop_process(pid_t pid) {
    BOOST_REQUIRE(::kill(pid, SIGSTOP) == 0);
    BOOST_REQUIRE(
        eventually([&] { return thread_states(pid).find_first_not_of('T') == std::string::npos; }));
}

/// Times short enough for tests.
inline storage::PathOptions quick_options() {
    storage::PathOptions options;
    options.helper_program = helper_program();
    options.probe_interval = milliseconds(50);
    options.probe_deadline = milliseconds(500);
    options.hang_after = milliseconds(600);
    options.retry_max = milliseconds(200);
    options.free_bytes_min = 0;
    return options;
}

inline storage::StorageServerId store_id(std::uint8_t number) {
    return storage::StorageServerId(uuid_of(3, number));
}

/// A storage server with one path, whose root has its identity file.
inline storage::StorageServerConfig make_store(std::uint8_t number, const std::string& root) {
    write_identity(root, store_id(number));
    storage::StorageServerConfig config;
    config.id = store_id(number);
    config.name = "store" + std::to_string(number);
    config.paths = {{"p1", root}};
    return config;
}

inline std::shared_ptr<const storage::Bytes> bytes_of(std::string_view text) {
    const auto bytes = base::as_bytes(text);
    return std::make_shared<const storage::Bytes>(bytes.begin(), bytes.end());
}

inline base::Deadline in(int ms) {
    return base::Deadline::after(milliseconds(ms));
}

// ---- The client's calls, awaited.

inline base::Result<storage::FileHandle> create(storage::StorageServerClient& server,
                                                const std::string& path,
                                                std::string_view text,
                                                base::Deadline deadline = in(5'000)) {
    base::Completion<storage::FileHandle> done;
    server.create(path, bytes_of(text), deadline, [done](base::Result<storage::FileHandle> result) {
        done.fulfil(std::move(result));
    });
    return done.await(in(20'000));
}

inline base::Status write(storage::StorageServerClient& server,
                          storage::FileHandle file,
                          std::uint64_t offset,
                          std::string_view text,
                          base::Deadline deadline = in(5'000)) {
    base::Completion<base::Done> done;
    server.write(file,
                 offset,
                 bytes_of(text),
                 storage::Durability::Sync,
                 deadline,
                 [done](base::Status status) { done.fulfil(std::move(status)); });
    return done.await(in(20'000));
}

inline base::Result<std::string> read(storage::StorageServerClient& server,
                                      const std::string& path,
                                      std::uint64_t offset,
                                      std::uint32_t length,
                                      base::Deadline deadline = in(5'000)) {
    base::Completion<storage::Bytes> done;
    server.read(path, offset, length, deadline, [done](base::Result<storage::Bytes> result) {
        done.fulfil(std::move(result));
    });
    const base::Result<storage::Bytes> bytes = done.await(in(20'000));
    if (!bytes) {
        return bytes.error();
    }
    return std::string(base::as_text(bytes.value()));
}

template <typename Result>
base::Errc code_of(const Result& result) {
    return result ? base::Errc::Cancelled : result.error().code;
}

}  // namespace storage_test
