// store_bench: appends messages durably for a while and says how many and at what cost.
//
//   store_bench segments SECONDS SESSIONS OCTETS OWN PEERS ROOT...
//   store_bench files    SECONDS SESSIONS OCTETS ROOT
//
// segments: the mirror as the mail agent runs it (helpers, batches, one fdatasync a replica), with
// the storage servers in the ROOTs; OWN is the number of its own, PEERS those of its peers ("2,3"
// or
// "-"), counted from 1. min_copies is the number of both. Prints a line of JSON each second.
// files: what a mail store with a file a message does: create, fsync, rename, fsync of the folder.
// The last line is the sum: {"frames","seconds","cpu_s","syncs","batches","threads","descriptors"}.

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fiber.h"
#include "base/hash.h"
#include "base/loop.h"
#include "storage/mirror/mirror_writer.h"
#include "storage/segment/name.h"
#include "storage/tracking/helper_program.h"

namespace {

using std::chrono::milliseconds;

struct Plan {
    std::string mode;
    std::size_t seconds = 3;
    std::size_t sessions = 64;
    std::size_t octets = 4096;
    std::size_t own = 1;
    std::vector<std::size_t> peers;
    std::vector<std::string> roots;
};

[[noreturn]] void fail(const std::string& why) {
    fmt::print(stderr, "store_bench: {}\n", why);
    std::exit(2);  // NOLINT(concurrency-mt-unsafe): nothing runs yet, or nothing can go on
}

std::size_t number(std::string_view text) {
    std::size_t value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) {
        fail("'" + std::string(text) + "' is no number");
    }
    return value;
}

Plan read_plan(const std::vector<std::string_view>& words) {
    Plan plan;
    if (words.size() < 5) {
        fail("too few words; its source says how it is used");
    }
    plan.mode = words[0];
    plan.seconds = number(words[1]);
    plan.sessions = number(words[2]);
    plan.octets = number(words[3]);
    std::size_t at = 4;
    if (plan.mode == "segments" && words.size() >= 7) {
        plan.own = number(words[4]);
        for (std::string_view rest = words[5]; rest != "-" && !rest.empty();) {
            const std::size_t comma = std::min(rest.find(','), rest.size());
            plan.peers.push_back(number(rest.substr(0, comma)));
            rest.remove_prefix(std::min(comma + 1, rest.size()));
        }
        at = 6;
    } else if (plan.mode != "files") {
        fail("the mode is segments or files");
    }
    plan.roots.assign(words.begin() + static_cast<std::ptrdiff_t>(at), words.end());
    return plan;
}

double seconds_of(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

double cpu_of(int who) {
    rusage used{};
    ::getrusage(who, &used);
    return seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
}

std::size_t entries(const char* folder) {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder)) {
        ++count;
    }
    return count;
}

std::string octets_of(std::size_t size, std::size_t salt) {
    std::string text = fmt::format("Message-ID: <{}@bench.test>\r\n\r\n", salt);
    for (std::size_t n = salt; text.size() < size; ++n) {
        text += static_cast<char>('!' + (n * 7919) % 90);
    }
    return text;
}

// ---- A file a message.

void write_all(int file, std::string_view text) {
    while (!text.empty()) {
        const ssize_t wrote = ::write(file, text.data(), text.size());
        if (wrote <= 0) {
            fail("a write failed");
        }
        text.remove_prefix(static_cast<std::size_t>(wrote));
    }
}

void store_file(const std::string& root,
                int folder,
                const std::string& name,
                std::string_view text) {
    const std::string temporary = root + "/tmp/" + name;
    const int file =
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (file < 0) {
        fail("cannot create " + temporary);
    }
    write_all(file, text);
    if (::fsync(file) != 0 || ::close(file) != 0 ||
        ::rename(temporary.c_str(), (root + "/new/" + name).c_str()) != 0 || ::fsync(folder) != 0) {
        fail("cannot make " + name + " durable");
    }
}

void run_files(const Plan& plan) {
    const std::string& root = plan.roots.front();
    std::filesystem::create_directories(root + "/tmp");
    std::filesystem::create_directories(root + "/new");
    const int folder = ::open((root + "/new").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    std::atomic<std::uint64_t> frames = 0;
    const double cpu = cpu_of(RUSAGE_SELF);
    const base::Instant begin = base::monotonic_now();
    const base::Instant end = begin + std::chrono::seconds(plan.seconds);
    std::vector<std::thread> sessions;
    for (std::size_t session = 0; session < plan.sessions; ++session) {
        sessions.emplace_back([&, session] {
            const std::string text = octets_of(plan.octets, session);
            for (std::size_t n = 0; base::monotonic_now() < end; ++n) {
                store_file(root, folder, fmt::format("{}.{}", session, n), text);
                ++frames;
            }
        });
    }
    for (std::thread& session : sessions) {
        session.join();
    }
    const std::chrono::duration<double> took = base::monotonic_now() - begin;
    ::close(folder);
    fmt::print("{{\"frames\":{},\"seconds\":{:.3f},\"cpu_s\":{:.4f},\"syncs\":{}}}\n",
               frames.load(),
               took.count(),
               cpu_of(RUSAGE_SELF) - cpu,
               2 * frames.load());
}

// ---- Segments.

storage::StorageServerId store_id(std::size_t number) {
    return storage::StorageServerId::parse(fmt::format("0100000a-0000-7000-8000-{:012}", number))
        .take_value();
}

storage::StorageServerConfig make_store(std::size_t number, const std::string& root) {
    storage::StorageServerConfig config;
    config.id = store_id(number);
    config.name = fmt::format("store{}", number);
    config.paths = {{"p1", root}};
    std::ofstream(root + "/" + std::string(storage::kIdentityFile)) << config.id.text() << '\n';
    return config;
}

struct Figures {
    std::uint64_t frames = 0;
    std::uint64_t failed = 0;
    double longest_ms = 0;
};

// One client: the next message when the last is durable.
void session(storage::MirrorWriter& writer,
             const Plan& plan,
             std::size_t salt,
             base::Instant end,
             Figures& figures) {
    const std::string text = octets_of(plan.octets, salt);
    while (base::monotonic_now() < end) {
        storage::FrameInput frame;
        frame.id = mail::MessageId::from_bytes(base::Uuid::time_ordered().bytes());
        frame.received_us = static_cast<std::uint64_t>(base::wall_us());
        frame.envelope = "envelope";
        frame.summary = std::string(200, 's');
        frame.message = text;
        const base::Instant begin = base::monotonic_now();
        const bool stored =
            writer.store(std::move(frame), base::Deadline::after(milliseconds(10'000)))
                .
                operator bool();
        const std::chrono::duration<double, std::milli> took = base::monotonic_now() - begin;
        figures.longest_ms = std::max(figures.longest_ms, took.count());
        ++(stored ? figures.frames : figures.failed);
    }
}

// Helpers are children: they are counted when they have ended.
void drive(base::Loop& loop,
           storage::StorageServerSet& servers,
           storage::MirrorWriter& writer,
           const Plan& plan,
           Figures& sum) {
    Figures interval;
    const base::Instant begin = base::monotonic_now();
    const base::Instant end = begin + std::chrono::seconds(plan.seconds);
    std::size_t running = plan.sessions;
    base::Completion<base::Done> ended;
    for (std::size_t n = 0; n < plan.sessions; ++n) {
        (void)base::spawn(loop, "session", [&, n] {
            session(writer, plan, n, end, interval);
            if (--running == 0) {
                ended.fulfil(base::Done{});
            }
        });
    }
    while (running > 0) {
        (void)ended.await(base::Deadline::after(milliseconds(1'000)));
        fmt::print(
            "{{\"frames\":{},\"failed\":{},\"longest_ms\":{:.1f},\"threads\":{},"
            "\"descriptors\":{}}}\n",
            interval.frames,
            interval.failed,
            interval.longest_ms,
            entries("/proc/self/task"),
            entries("/proc/self/fd"));
        std::fflush(stdout);
        sum.frames += interval.frames;
        sum.failed += interval.failed;
        interval = {};
    }
    const std::chrono::duration<double> took = base::monotonic_now() - begin;
    std::uint64_t syncs = 0;
    for (const storage::StorageServerClient* server : servers.all()) {
        for (const storage::PathCounters& path : server->path_counters()) {
            syncs += path.syncs;
        }
    }
    const storage::MirrorCounters counters = writer.counters();
    writer.shutdown(base::Deadline::after(milliseconds(10'000)));
    fmt::print(
        "{{\"seconds\":{:.3f},\"syncs\":{},\"batches\":{},", took.count(), syncs, counters.batches);
}

void run_segments(const Plan& plan) {
    Figures sum;
    const double cpu = cpu_of(RUSAGE_SELF);
    {
        auto loop = base::Loop::create("bench").take_value();
        storage::PathOptions paths;
        paths.helper_program = storage::find_helper_program("").take_value();
        storage::StorageServerSet servers(*loop, paths);
        std::vector<storage::StorageServerConfig> configs;
        for (std::size_t n = 1; n <= plan.roots.size(); ++n) {
            configs.push_back(make_store(n, plan.roots[n - 1]));
        }
        const auto state = storage::AgentState::open(plan.roots.front() + ".state").take_value();
        storage::MirrorOptions options;
        options.writer_name = "bench";
        options.writer_id = storage::MailServerId::parse(store_id(99).text()).take_value();
        auto writer = std::make_unique<storage::MirrorWriter>(*loop, servers, *state, options);
        (void)base::spawn(*loop, "drive", [&] {
            servers.apply(configs);
            storage::MirrorTable table;
            table.own = store_id(plan.own);
            for (const std::size_t peer : plan.peers) {
                table.peers.push_back(store_id(peer));
            }
            writer->set_policy({static_cast<std::uint8_t>(1 + plan.peers.size()), false});
            writer->set_table(table);
            writer->start();
            const base::Deadline patience = base::Deadline::after(milliseconds(10'000));
            while (!std::ranges::all_of(servers.all(), [](const auto* server) {
                return server->health().is_healthy();
            }) && !patience.passed()) {
                (void)base::sleep_until(base::Deadline::after(milliseconds(20)));
            }
            drive(*loop, servers, *writer, plan, sum);
            writer.reset();
            loop->stop();
        });
        loop->run();
    }
    fmt::print("\"frames\":{},\"failed\":{},\"cpu_s\":{:.4f}}}\n",
               sum.frames,
               sum.failed,
               cpu_of(RUSAGE_SELF) - cpu + cpu_of(RUSAGE_CHILDREN));
}

}  // namespace

int main(int argc, char** argv) {
    const Plan plan = read_plan({argv + 1, argv + argc});
    if (plan.mode == "files") {
        run_files(plan);
    } else {
        run_segments(plan);
    }
    return 0;
}
