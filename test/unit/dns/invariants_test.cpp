// What a mail domain's answers are never like, whatever probes, overrides and edits do: the answers
// that would make senders bounce. Random sequences; a failing one is printed, made small.
//
// ROUNDTABLE_INVARIANT_SEEDS: how many seeds (default 6); ROUNDTABLE_INVARIANT_SEED: only that one.

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <map>
#include <sstream>

#include <boost/test/unit_test.hpp>

#include "dns/serial.h"
#include "test/support/loop_runner.h"
#include "test/unit/dns/random_world.h"
#include "test/unit/dns/steering/steering_fixture.h"

namespace {

using dns::PoolName;
using dns::RrType;
using dns::steering::EffectiveOverride;
using dns::steering::ForcedState;
using dns::steering::Policy;
using dns::steering::ServerId;
using dns_test::Op;
using dns_test::OpKind;
using dns_test::PacketText;
using dns_test::RandomWorld;
using dns_test::Target;

using Ids = std::set<std::uint64_t>;

constexpr unsigned kNoError = 0;
constexpr unsigned kServFail = 2;
constexpr unsigned kRefused = 5;
constexpr std::size_t kOpsPerSeed = 400;

std::string text_of(const Ids& ids) {
    std::string text = "{";
    for (const std::uint64_t id : ids) {
        text += " " + std::to_string(id);
    }
    return text + " }";
}

// "owner ttl MX 10 host." or "owner ttl SRV 10 100 143 host.".
std::vector<Target> targets_of(const PacketText& packet) {
    std::vector<Target> targets;
    for (const std::string& line : packet.answer) {
        std::istringstream words(line);
        std::string owner;
        std::string ttl;
        std::string type;
        Target target;
        words >> owner >> ttl >> type >> target.preference;
        if (type == "SRV") {
            unsigned port = 0;
            words >> target.weight >> port;
        }
        words >> target.host;
        if (target.host != ".") {
            target.host.pop_back();
        }
        targets.push_back(std::move(target));
    }
    return targets;
}

// A domain's servers as the test reckons them, from the operators' words and the probes alone.
struct Expected {
    Ids configured;  // in service; all, if none is
    Ids allowed;     // without what operators took out
    Ids up;
    bool panic = false;
    bool pinned = false;
};

class Checker {
  public:
    explicit Checker(RandomWorld& world) : world_(world) {}

    // Empty, or which invariant does not hold.
    std::string check() {
        note_servers();
        for (const dns::DirectoryDomain& domain : world_.published().last_good->domains) {
            std::string problem = check_serial(domain);
            if (problem.empty() && !domain.mail.empty()) {
                problem = check_pool(domain, PoolName::Mail, domain.name, RrType::Mx);
            }
            if (problem.empty() && !domain.access.empty() && is_steered_access(domain)) {
                problem =
                    check_pool(domain, PoolName::Access, "_imap._tcp." + domain.name, RrType::Srv);
                problem += check_addresses(domain);
            }
            if (!problem.empty()) {
                return domain.name + ": " + problem;
            }
        }
        return {};
    }

  private:
    std::string check_serial(const dns::DirectoryDomain& domain) {
        const PacketText packet = world_.ask(domain.name, RrType::Soa, 1);
        if (packet.rcode != kNoError || packet.answer.size() != 1) {
            return "no SOA";
        }
        std::istringstream words(packet.answer.front());
        std::string skipped;
        std::uint32_t serial = 0;
        words >> skipped >> skipped >> skipped >> skipped >> skipped >> serial;
        const auto known = serials_.find(domain.name);
        if (known != serials_.end() && serial != known->second &&
            !dns::is_newer_serial(serial, known->second)) {
            return "the serial goes back from " + std::to_string(known->second) + " to " +
                   std::to_string(serial);
        }
        serials_[domain.name] = serial;
        return {};
    }

    [[nodiscard]] bool is_refused(const std::string& domain) const {
        return std::ranges::any_of(world_.published().refused,
                                   [&domain](const auto& bad) { return bad.name == domain; });
    }

    // The names that the steering makes there stand back behind what operators wrote.
    [[nodiscard]] static bool is_steered_access(const dns::DirectoryDomain& domain) {
        return std::ranges::none_of(domain.records, [](const dns::DirectoryRecordView& record) {
            return record.owner.ends_with("_tcp") || record.owner == "imap";
        });
    }

    [[nodiscard]] Expected expected(const dns::DirectoryDomain& domain, PoolName pool) const {
        Expected made;
        const dns::PoolPlan plan = dns::plan_pool(world_.directory(), pool);
        const auto zone =
            std::ranges::find(plan.config.zones, domain.name, &dns::steering::ZoneConfig::zone);
        if (zone == plan.config.zones.end()) {
            return made;
        }
        double all = 0;
        double up = 0;
        for (const auto& member : zone->servers) {
            const EffectiveOverride forced = dns::steering::resolve_overrides(
                plan.overrides, dns::pool_name(pool), domain.name, member.id, world_.now_us());
            const auto config =
                std::ranges::find(plan.config.servers, member.id, &dns::steering::ServerConfig::id);
            made.configured.insert(member.id.value);
            made.pinned = made.pinned || forced.pin;
            if (forced.forced == ForcedState::Down || forced.forced == ForcedState::Drained) {
                continue;
            }
            made.allowed.insert(member.id.value);
            const double capacity = forced.weight.value_or(config->weight);
            all += capacity;
            if (forced.forced == ForcedState::Up || world_.engine(pool)->is_up(member.id)) {
                made.up.insert(member.id.value);
                up += capacity;
            }
        }
        made.panic = up < dns::steering::Settings{}.panic * all;
        return made;
    }

    // Configured hosts come back when too few look alive, those taken out by operators last.
    [[nodiscard]] static const Ids& wanted(const Expected& servers) {
        if (servers.allowed.empty()) {
            return servers.configured;
        }
        return servers.panic || servers.up.empty() ? servers.allowed : servers.up;
    }

    std::string check_pool(const dns::DirectoryDomain& domain,
                           PoolName pool,
                           const std::string& name,
                           RrType type) {
        const Expected servers = expected(domain, pool);
        for (const std::uint8_t source : std::initializer_list<std::uint8_t>{1, 77, 200}) {
            const PacketText packet = world_.ask(name, type, source);
            if (packet.rcode == kServFail && is_refused(domain.name)) {
                continue;  // temporary: nobody bounces; it never was good
            }
            std::string problem = check_answer(domain, pool, packet, servers);
            if (!problem.empty()) {
                for (const std::string& line : packet.answer) {
                    problem += "\n      " + line;
                }
                return problem;
            }
        }
        return {};
    }

    std::string check_answer(const dns::DirectoryDomain& domain,
                             PoolName pool,
                             const PacketText& packet,
                             const Expected& servers) {
        if (!packet.parsed || packet.rcode != kNoError || packet.answer.empty()) {
            return "no record, rcode " + std::to_string(packet.rcode);
        }
        const bool refused = is_refused(domain.name);
        Ids named;
        const std::vector<Target> targets = targets_of(packet);
        for (const Target& target : targets) {
            if (target.host == ".") {
                return "a null record";
            }
            if (pool == PoolName::Access && target.weight == 0) {
                return "weight 0";
            }
            std::string problem = check_host(target.host);
            if (!problem.empty()) {
                return problem;
            }
            const Ids ids = own(domain, pool, target.host);
            if (ids.empty()) {
                return target.host + " is none of its own";
            }
            named.insert(*ids.begin());
        }
        if (refused) {
            return {};  // what it had before stays
        }
        if (named != wanted(servers)) {
            return "named " + text_of(named) + ", wanted " + text_of(wanted(servers)) + " of " +
                   text_of(servers.configured) + ", up " + text_of(servers.up);
        }
        const auto best =
            std::ranges::count(targets, targets.front().preference, &Target::preference);
        if (domain.policy != Policy::Static && !servers.pinned && servers.up.size() >= 2 &&
            best < 2) {
            return "fewer than two at the best preference";
        }
        return {};
    }

    // The domain's servers of this name. A refused domain that has none any more keeps what it had.
    [[nodiscard]] Ids own(const dns::DirectoryDomain& domain,
                          PoolName pool,
                          const std::string& host) {
        const auto& now = world_.directory().domains;
        const Ids today =
            listed(*std::ranges::find(now, domain.name, &dns::DirectoryDomain::name), pool);
        const Ids& may_be = today.empty() ? had_[{domain.name, pool}] : today;
        const bool renamed = !world_.published().refused.empty();
        Ids ids;
        std::ranges::set_intersection(
            world_.ids_of(pool, host, renamed), may_be, std::inserter(ids, ids.end()));
        return ids;
    }

    [[nodiscard]] static Ids listed(const dns::DirectoryDomain& domain, PoolName pool) {
        Ids ids;
        for (const dns::MailExchange& exchange : domain.mail) {
            if (pool == PoolName::Mail) {
                ids.insert(exchange.server.value);
            }
        }
        for (const ServerId id : domain.access) {
            if (pool == PoolName::Access) {
                ids.insert(id.value);
            }
        }
        return ids;
    }

    void note_servers() {
        for (const dns::DirectoryDomain& domain : world_.directory().domains) {
            for (const PoolName pool : {PoolName::Mail, PoolName::Access}) {
                had_[{domain.name, pool}].merge(listed(domain, pool));
            }
        }
    }

    // In a zone of ours a target has an address and is no alias.
    std::string check_host(const std::string& host) {
        std::size_t addresses = 0;
        bool ours = false;
        for (const RrType type : {RrType::A, RrType::Aaaa}) {
            const PacketText packet = world_.ask(host, type, 1);
            if (packet.rcode == kRefused || !packet.authoritative) {
                continue;  // of others
            }
            ours = true;
            for (const std::string& line : packet.answer) {
                if (line.find(" CNAME ") != std::string::npos ||
                    line.find(" DNAME ") != std::string::npos) {
                    return host + " is an alias";
                }
                ++addresses;
            }
        }
        return ours && addresses == 0 ? host + " has no address" : "";
    }

    // STEERING 5.6: a steered name never loses a type of address that its servers have.
    std::string check_addresses(const dns::DirectoryDomain& domain) {
        const Expected servers = expected(domain, PoolName::Access);
        bool has[2] = {false, false};
        for (const dns::DirectoryServer& each : world_.directory().access_servers) {
            if (servers.configured.contains(each.id.value)) {
                has[0] = has[0] || each.host.address4;
                has[1] = has[1] || each.host.address6;
            }
        }
        for (const std::size_t family : {0U, 1U}) {
            const PacketText packet =
                world_.ask("pop." + domain.name, family == 0 ? RrType::A : RrType::Aaaa, 5);
            const bool failed = packet.rcode == kServFail && is_refused(domain.name);
            if (has[family] && packet.answer.empty() && !failed && !is_refused(domain.name)) {
                return "pop lost its addresses of family " + std::to_string(family);
            }
        }
        return {};
    }

    RandomWorld& world_;
    std::map<std::pair<std::string, PoolName>, Ids> had_;
    std::map<std::string, std::uint32_t> serials_;  // kept over the removal of a domain
};

std::vector<Op> random_ops(std::uint64_t seed) {
    dns::steering::fixture::Random random(seed);
    std::vector<Op> ops(kOpsPerSeed);
    for (Op& op : ops) {
        // Every other one is a probe.
        op.kind = random.one_in(2) ? OpKind::Probe
                                   : static_cast<OpKind>(random.below(dns_test::kOpKinds));
        op.a = static_cast<std::uint32_t>(random.next() >> 33);
        op.b = static_cast<std::uint32_t>(random.next() >> 33);
        op.c = static_cast<std::uint32_t>(random.next() >> 33);
    }
    return ops;
}

struct Failure {
    std::size_t at = 0;  // the operation after which it did not hold
    std::string what;    // empty: all is well
};

Failure run(const std::vector<Op>& ops) {
    Failure failure;
    test_support::run_in_fiber([&](base::Loop& loop) {
        RandomWorld world(loop);
        Checker checker(world);
        for (std::size_t i = 0; i < ops.size() && failure.what.empty(); ++i) {
            failure = {i, world.apply(ops[i])};
            if (failure.what.empty()) {
                failure.what = checker.check();
            }
        }
    });
    return failure;
}

// Leaves out what a failure does not need, ever smaller pieces of it.
std::vector<Op> smaller(std::vector<Op> ops) {
    int runs = 0;
    for (std::size_t piece = ops.size() / 2; piece > 0 && runs < 400; piece /= 2) {
        for (std::size_t from = 0; from < ops.size() && runs < 400;) {
            std::vector<Op> fewer = ops;
            const auto first = fewer.begin() + static_cast<std::ptrdiff_t>(from);
            const auto count = std::min(piece, fewer.size() - from);
            fewer.erase(first, first + static_cast<std::ptrdiff_t>(count));
            ++runs;
            const Failure failure = run(fewer);
            if (failure.what.empty()) {
                from += piece;
            } else {
                fewer.resize(failure.at + 1);
                ops = std::move(fewer);
            }
        }
    }
    return ops;
}

std::uint64_t setting(const char* name, std::uint64_t fallback) {
    const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
    return value == nullptr ? fallback : std::strtoull(value, nullptr, 10);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(invariants)

BOOST_AUTO_TEST_CASE(no_sequence_of_probes_overrides_and_edits_makes_senders_bounce) {
    const std::uint64_t only = setting("ROUNDTABLE_INVARIANT_SEED", 0);
    const std::uint64_t seeds = setting("ROUNDTABLE_INVARIANT_SEEDS", 6);
    for (std::uint64_t seed = only == 0 ? 1 : only; seed <= (only == 0 ? seeds : only); ++seed) {
        std::vector<Op> ops = random_ops(seed);
        Failure failure = run(ops);
        if (failure.what.empty()) {
            continue;
        }
        ops.resize(failure.at + 1);
        ops = smaller(std::move(ops));
        failure = run(ops);
        std::string story = "seed " + std::to_string(seed) + ": " + failure.what + "\n  after";
        for (const Op& op : ops) {
            story += "\n    " + RandomWorld::describe(op);
        }
        BOOST_ERROR(story);
        return;
    }
}

BOOST_AUTO_TEST_SUITE_END()
