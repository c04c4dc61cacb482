// zones_bench: what many domains cost a name server that shares one pool of servers among them.
//
//   zones_bench DOMAINS SERVERS COMMITS [SIGN_THREADS]
//
// Publishes a directory of DOMAINS mail domains, each with four records of its own and all SERVERS
// as its exchanges, then COMMITS steering commits, of which some leave the canonical answer as it
// is and others move the serial of every domain. With SIGN_THREADS all domains are signed, by so
// many threads. CPU is of the whole process, publishing thread and all. The last line is JSON:
// seconds and milliseconds of CPU, octets.

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/fiber.h"
#include "base/file.h"
#include "base/loop.h"
#include "dns/control/snapshot_publisher.h"
#include "dns/directory/pools.h"
#include "dns/steering/engine.h"

namespace {

using dns::steering::Urgency;

[[noreturn]] void fail(const std::string& why) {
    fmt::print(stderr, "zones_bench: {}\n", why);
    std::exit(2);  // NOLINT(concurrency-mt-unsafe): nothing runs yet, or nothing can go on
}

std::size_t number(std::string_view text) {
    std::size_t value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || value == 0) {
        fail("not a number: " + std::string(text));
    }
    return value;
}

double cpu_s() {
    rusage used{};
    (void)getrusage(RUSAGE_SELF, &used);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

std::size_t resident() {
    const auto text = base::read_file("/proc/self/statm", 4096);
    if (!text) {
        fail(text.error().detail);
    }
    const std::string_view second =
        std::string_view(text.value()).substr(text.value().find(' ') + 1);
    return number(second.substr(0, second.find(' '))) * 4096;
}

// Each domain signed with a key of its own, that signs at once.
void sign_all(dns::Directory& directory) {
    auto secrets = std::make_shared<dns::dnssec::Secrets>();
    for (const dns::DirectoryDomain& domain : directory.domains) {
        const auto key = dns::dnssec::SigningKey::generate(dns::dnssec::Algorithm::EcdsaP256);
        dns::dnssec::StoredKeys stored;
        stored.domain_id = domain.id;
        stored.domain = domain.name;
        stored.revision = 1;
        dns::dnssec::KeyRecord record;
        record.id = domain.id;
        record.key = {key.algorithm(), key.public_key()};
        stored.keys.keys = {record};
        directory.signing.push_back(std::move(stored));
        secrets->emplace(domain.id, key.secret());
    }
    directory.secrets = std::move(secrets);
}

dns::Directory directory_of(std::size_t domains, std::size_t servers, std::size_t sign_threads) {
    dns::Directory made;
    made.version = 1;
    for (std::size_t i = 1; i <= servers; ++i) {
        dns::DirectoryServer server;
        server.id.value = i;
        server.name = fmt::format("mx{}", i);
        server.host = {server.name + ".hosts.test",
                       base::IpAddress::parse(fmt::format("192.0.2.{}", i)).take_value(),
                       std::nullopt};
        server.port = 25;
        server.capacity = static_cast<double>(4 * (1 + i % 4));
        made.mail_servers.push_back(server);
    }
    made.name_servers = {
        {"ns1.hosts.test", base::IpAddress::parse("192.0.2.253").take_value(), {}}};
    for (std::size_t i = 0; i < domains; ++i) {
        dns::DirectoryDomain domain;
        domain.id = static_cast<std::int64_t>(i + 1);
        domain.name = fmt::format("d{:07}.example", i);
        domain.records = {{"www", "A", std::nullopt, "192.0.2.80"},
                          {"@", "TXT", std::nullopt, "\"v=spf1 mx ~all\""},
                          {"_dmarc", "TXT", std::nullopt, "\"v=DMARC1; p=none\""},
                          {"mta-sts", "CNAME", std::nullopt, "mta-sts.hosts.test."}};
        for (const dns::DirectoryServer& server : made.mail_servers) {
            domain.mail.push_back({server.id, 10});
        }
        made.domains.push_back(std::move(domain));
    }
    dns::DirectoryDomain hosts;
    hosts.id = static_cast<std::int64_t>(domains + 1);
    hosts.name = "hosts.test";
    made.domains.push_back(std::move(hosts));
    if (sign_threads != 0) {
        sign_all(made);
    }
    return made;
}

// Drives a publisher as the name server does.
class Bench {
  public:
    Bench(base::Loop& loop, std::size_t domains, std::size_t servers, std::size_t sign_threads)
        : sign_threads_(sign_threads),
          directory_(
              std::make_shared<const dns::Directory>(directory_of(domains, servers, sign_threads))),
          plan_(dns::plan_pool(*directory_, dns::PoolName::Mail)),
          hosts_(std::make_shared<const std::vector<dns::SteeredHost>>(plan_.hosts)),
          publisher_(loop, holder_, [this](const dns::Published& done) {
              if (!done.outcome) {
                  fail(done.outcome.error().detail);
              }
              moved_ = done.moved.size();
              memory_ = done.memory;
              published_.notify();
          }) {
        for (auto& server : plan_.config.servers) {
            server.health.probe_first = false;
        }
        auto engine = dns::steering::SteeringEngine::create(plan_.config, {});
        if (!engine) {
            fail(engine.error().detail);
        }
        engine_.emplace(std::move(engine).take_value());
        (void)engine_->poll({});
    }

    void publish(Urgency urgency) {
        dns::PublishRequest request;
        request.input.directory = directory_;
        request.input.mail = {engine_->last_commit(), hosts_};
        request.input.build_threads = static_cast<unsigned>(sign_threads_);
        request.urgency = urgency;
        publisher_.request(std::move(request));
        (void)published_.wait(base::Deadline::after(std::chrono::minutes(10)));
    }

    // A commit that changes a weight by an override; gives its CPU in ms.
    double commit(double weight) {
        dns::steering::Override entry;
        entry.id = ++override_;
        entry.kind = dns::steering::OverrideKind::Weight;
        entry.scope.pool = "mail";
        entry.scope.server = dns::steering::ServerId{1};
        entry.value = weight;
        entry.author = "bench";
        entry.reason = "bench";
        const double before = cpu_s();
        if (!engine_->set_overrides({entry}, {static_cast<double>(override_) * 60, 0})) {
            fail("override");
        }
        if (engine_->poll({static_cast<double>(override_) * 60, 0}) == nullptr) {
            fail("no commit came of it");
        }
        publish(Urgency::AtOnce);
        return (cpu_s() - before) * 1000;
    }

    [[nodiscard]] std::size_t moved() const { return moved_; }

    [[nodiscard]] std::size_t memory() const { return memory_; }

  private:
    std::size_t sign_threads_;
    std::shared_ptr<const dns::Directory> directory_;
    dns::PoolPlan plan_;
    std::shared_ptr<const std::vector<dns::SteeredHost>> hosts_;
    std::optional<dns::steering::SteeringEngine> engine_;
    dns::SnapshotHolder holder_;
    base::FiberEvent published_;
    std::size_t moved_ = 0;
    std::size_t memory_ = 0;
    std::uint64_t override_ = 0;
    dns::SnapshotPublisher publisher_;
};

struct Sizes {
    std::size_t domains;
    std::size_t servers;
    std::size_t commits;
    std::size_t sign_threads;  // 0: not signed
};

void run(base::Loop& loop, const Sizes& sizes) {
    const auto [domains, servers, commits, sign_threads] = sizes;
    const std::size_t before = resident();
    Bench bench(loop, domains, servers, sign_threads);
    const std::size_t directory = resident();
    const double started = cpu_s();
    const base::Instant clock = base::monotonic_now();
    bench.publish(Urgency::AtOnce);
    const double load_cpu = cpu_s() - started;
    const double load_s = std::chrono::duration<double>(base::monotonic_now() - clock).count();
    const std::size_t served = resident();
    fmt::print(
        "{} domains on {} servers: published in {:.2f} s, {:.2f} s CPU; {:.0f} octets of "
        "snapshot and {:.0f} of directory a domain\n",
        domains,
        servers,
        load_s,
        load_cpu,
        static_cast<double>(served - directory) / static_cast<double>(domains),
        static_cast<double>(directory - before) / static_cast<double>(domains));
    double quiet = 0;
    double moving = 0;
    std::size_t quiet_count = 0;
    std::size_t moving_count = 0;
    for (std::size_t i = 0; i < commits; ++i) {
        const double ms = bench.commit(4.0 + static_cast<double>(i % 7) * 0.9);
        fmt::print("commit {}: {:.2f} ms CPU, {} serials moved\n", i + 1, ms, bench.moved());
        (bench.moved() == 0 ? quiet : moving) += ms;
        (bench.moved() == 0 ? quiet_count : moving_count) += 1;
    }
    const auto mean = [](double sum, std::size_t count) {
        return count == 0 ? 0 : sum / static_cast<double>(count);
    };
    fmt::print(
        "{{\"domains\": {}, \"servers\": {}, \"load_s\": {:.3f}, \"load_cpu_s\": {:.3f}, "
        "\"octets_per_domain\": {:.0f}, \"quiet_commit_ms\": {:.2f}, "
        "\"moving_commit_ms\": {:.2f}}}\n",
        domains,
        servers,
        load_s,
        load_cpu,
        static_cast<double>(bench.memory()) / static_cast<double>(domains),
        mean(quiet, quiet_count),
        mean(moving, moving_count));
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4 && argc != 5) {
        fail("usage: zones_bench DOMAINS SERVERS COMMITS [SIGN_THREADS]");
    }
    const Sizes sizes{
        number(argv[1]), number(argv[2]), number(argv[3]), argc == 5 ? number(argv[4]) : 0};
    auto loop = base::Loop::create("bench");
    if (!loop) {
        fail(loop.error().detail);
    }
    const auto spawned = base::spawn(*loop.value(), "bench", [&] {
        run(*loop.value(), sizes);
        loop.value()->stop();
    });
    if (!spawned) {
        fail(spawned.error().detail);
    }
    loop.value()->run();
    return 0;
}
