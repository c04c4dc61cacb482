#include "test/unit/dns/random_world.h"

#include <algorithm>

#include "test/unit/dns/directory/world.h"

namespace dns_test {
namespace {

// Takes the one of this number out of a list.
template <typename List>
void erase_one(List& list, std::uint32_t number) {
    if (!list.empty()) {
        list.erase(list.begin() + static_cast<std::ptrdiff_t>(number % list.size()));
    }
}

using dns::PoolName;
using dns::probe::ProbeOutcome;
using dns::steering::OverrideKind;
using dns::steering::Policy;
using dns::steering::ServerId;

constexpr std::int64_t kEpoch_us = 1'795'345'200'000'000;
constexpr std::size_t kServersMax = 7;
constexpr const char* kDomains[] = {"a.test", "b.test", "c.test", "hosts.test"};

struct OddRecord {
    const char* owner;
    const char* type;
    const char* data;
};

// What operators write: good, refused, or good only where nothing else stands.
constexpr OddRecord kRecords[] = {
    {"www", "A", "192.0.2.80"},
    {"alias", "CNAME", "www"},
    {"other", "CNAME", "www.elsewhere.example."},
    {"mx1", "CNAME", "www"},
    {"mx2", "CNAME", "www.elsewhere.example."},
    {"access8", "CNAME", "www"},
    {"*", "CNAME", "www"},
    {"*", "A", "192.0.2.81"},
    {"www", "CNAME", "other"},
    {"@", "CNAME", "www"},
    {"@", "MX", "10 www"},
    {"@", "MX", "0 ."},
    {"x", "A", "no address"},
    {"@", "NS", "ns.nowhere"},
    {"sub", "DNAME", "elsewhere.example."},
    {"sub", "NS", "ns.elsewhere.example."},
    {"imap", "CNAME", "www"},
    {"_imap._tcp", "SRV", "0 0 0 ."},
    {"_tcp", "NS", "ns.elsewhere.example."},
    {"big", "TXT", "\"text\""},
    {"mx3", "A", "192.0.2.83"},
    {"mx4", "TXT", "\"text\""},
};

dns::DirectoryServer make_server(PoolName pool, std::uint64_t id) {
    dns::DirectoryServer made;
    made.id.value = id;
    made.name = (pool == PoolName::Mail ? "mx" : "access") + std::to_string(id);
    made.host.host_name = made.name + ".hosts.test";
    if (id % 4 != 3) {
        made.host.address4 = ip("192.0.2." + std::to_string(id % 250 + 1));
    }
    if (id % 3 != 1 || id % 4 == 3) {
        made.host.address6 = ip("2001:db8::" + std::to_string(id % 9000 + 1));
    }
    made.port = pool == PoolName::Mail ? 25 : 143;
    made.pop_port = 110;
    made.load_port = 4000;
    made.capacity = 1.0 + static_cast<double>(id % 4);
    return made;
}

}  // namespace

RandomWorld::RandomWorld(base::Loop& loop) {
    directory_.version = 1;
    directory_.steering_key.fill(std::byte{9});
    directory_.name_servers = {{"ns1.hosts.test", ip("192.0.2.53"), std::nullopt}};
    for (std::uint32_t i = 0; i < 4; ++i) {
        add_server({OpKind::AddServer, 0, 0, 0});
    }
    for (std::uint32_t i = 0; i < 3; ++i) {
        add_server({OpKind::AddServer, 1, 0, 0});
    }
    for (std::uint32_t i = 0; i < 4; ++i) {
        add_domain({OpKind::AddDomain, i, 0, 0});
    }
    publisher_ =
        std::make_unique<dns::SnapshotPublisher>(loop, holder_, [this](const dns::Published& done) {
            published_ = done;
            told_.notify();
        });
    reader_ = std::make_unique<dns::SnapshotReader>(holder_);
}

dns::steering::Now RandomWorld::now() const {
    return {now_s_, kEpoch_us + static_cast<std::int64_t>(now_s_ * 1e6)};
}

std::vector<dns::DirectoryServer>& RandomWorld::servers(PoolName pool) {
    return pool == PoolName::Mail ? directory_.mail_servers : directory_.access_servers;
}

RandomWorld::Pool& RandomWorld::pool(PoolName name) {
    return pools_[static_cast<std::size_t>(name)];
}

const dns::steering::SteeringEngine* RandomWorld::engine(PoolName name) const {
    const auto& engine = pools_[static_cast<std::size_t>(name)].engine;
    return engine ? &*engine : nullptr;
}

dns::DirectoryServer* RandomWorld::server(PoolName name, std::uint32_t number) {
    auto& all = servers(name);
    return all.empty() ? nullptr : &all[number % all.size()];
}

dns::DirectoryDomain* RandomWorld::domain(std::uint32_t number) {
    auto& all = directory_.domains;
    return all.empty() ? nullptr : &all[number % all.size()];
}

std::set<std::uint64_t> RandomWorld::ids_of(PoolName name,
                                            const std::string& host,
                                            bool once_had) const {
    std::set<std::uint64_t> ids;
    for (const auto& [id, names] : pools_[static_cast<std::size_t>(name)].names) {
        if (once_had && names.contains(host)) {
            ids.insert(id);
        }
    }
    const auto& all = name == PoolName::Mail ? directory_.mail_servers : directory_.access_servers;
    for (const dns::DirectoryServer& each : all) {
        if (each.host.host_name == host) {
            ids.insert(each.id.value);
        }
    }
    return ids;
}

void RandomWorld::probe(PoolName name, std::size_t index, ProbeOutcome outcome) {
    Pool& into = pool(name);
    if (!into.engine || servers(name).empty()) {
        return;
    }
    dns::probe::ProbeResult result;
    result.server = servers(name)[index % servers(name).size()].id;
    result.outcome = outcome;
    result.reason = "test";
    into.engine->on_probe(result, now());
}

void RandomWorld::probe_all(ProbeOutcome outcome, int times) {
    for (const PoolName name : {PoolName::Mail, PoolName::Access}) {
        for (std::size_t i = 0; i < servers(name).size(); ++i) {
            for (int time = 0; time < times; ++time) {
                probe(name, i, outcome);
            }
        }
    }
}

void RandomWorld::add_override(const Op& op) {
    dns::DirectoryOverride made;
    made.pool = op.a % 4 == 0 ? PoolName::Access : PoolName::Mail;
    made.entry.id = next_override_++;
    made.entry.kind = static_cast<OverrideKind>(op.b % 7);
    made.entry.scope.pool = std::string(dns::pool_name(made.pool));
    const dns::DirectoryServer* const one = server(made.pool, op.c);
    // A pin or a state for all of them now and then, which is how operators err.
    if (one != nullptr && op.c % 5 != 0) {
        made.entry.scope.server = one->id;
    }
    if (op.a % 3 == 0) {
        made.entry.scope.zone = kDomains[op.c % 3];
    }
    made.entry.value = static_cast<double>(1 + op.c % 40);
    made.entry.author = "alice";
    made.entry.reason = "test";
    made.entry.created_us = now_us();
    if (op.b % 2 == 0) {
        made.entry.expires_us = now_us() + 40'000'000;
    }
    directory_.overrides.push_back(std::move(made));
    if (directory_.overrides.size() > 6) {
        directory_.overrides.erase(directory_.overrides.begin());
    }
}

void RandomWorld::add_server(const Op& op) {
    const PoolName name = op.a % 3 == 1 ? PoolName::Access : PoolName::Mail;
    if (servers(name).size() < kServersMax) {
        servers(name).push_back(make_server(name, next_id_++));
        const dns::DirectoryServer& made = servers(name).back();
        pool(name).names[made.id.value] = {made.host.host_name};
    }
}

// As the database has it: who removes a server removes it from the domains.
void RandomWorld::remove_server(const Op& op) {
    const PoolName name = op.a % 3 == 1 ? PoolName::Access : PoolName::Mail;
    const dns::DirectoryServer* const gone = server(name, op.b);
    if (gone == nullptr) {
        return;
    }
    const ServerId id = gone->id;
    for (dns::DirectoryDomain& each : directory_.domains) {
        if (name == PoolName::Mail) {
            auto mail = each.mail.copy();
            std::erase_if(mail, [id](const auto& exchange) { return exchange.server == id; });
            each.mail = mail;
        } else {
            auto access = each.access.copy();
            std::erase(access, id);
            each.access = access;
        }
    }
    std::erase_if(servers(name), [id](const auto& each) { return each.id == id; });
}

void RandomWorld::rename_server(const Op& op) {
    const PoolName name = op.a % 3 == 1 ? PoolName::Access : PoolName::Mail;
    dns::DirectoryServer* const renamed = server(name, op.b);
    if (renamed == nullptr) {
        return;
    }
    const std::string fresh = "n" + std::to_string(next_id_++);
    const std::string names[] = {fresh + ".hosts.test",
                                 "alias.hosts.test",
                                 "other.hosts.test",
                                 fresh + ".sub.hosts.test",
                                 fresh + ".elsewhere.example",
                                 fresh + ".a.test"};
    const std::string& wanted = names[op.c % std::size(names)];
    for (const PoolName each : {PoolName::Mail, PoolName::Access}) {
        if (!ids_of(each, wanted, true).empty()) {
            return;  // names are unique
        }
    }
    renamed->host.host_name = wanted;
    pool(name).names[renamed->id.value].insert(wanted);
}

void RandomWorld::set_servers(const Op& op) {
    dns::DirectoryDomain* const changed = domain(op.a);
    if (changed == nullptr || changed->name == "hosts.test") {
        return;
    }
    changed->mail.clear();
    changed->access.clear();
    for (std::size_t i = 0; i < directory_.mail_servers.size(); ++i) {
        if ((op.b >> i & 1U) != 0) {
            changed->mail.push_back({directory_.mail_servers[i].id,
                                     static_cast<std::uint16_t>(10 * (1 + (op.c >> i) % 3))});
        }
    }
    for (std::size_t i = 0; i < directory_.access_servers.size(); ++i) {
        if ((op.b >> (i + 16) & 1U) != 0) {
            changed->access.push_back(directory_.access_servers[i].id);
        }
    }
}

void RandomWorld::add_record(const Op& op) {
    dns::DirectoryDomain* const changed = domain(op.a);
    if (changed == nullptr) {
        return;
    }
    const OddRecord& odd = kRecords[op.b % std::size(kRecords)];
    std::string owner = odd.owner;
    if (op.c % 8 == 0 && !directory_.mail_servers.empty()) {
        // At a host that answers name.
        owner = server(PoolName::Mail, op.c / 8)->host.host_name;
        owner = owner.substr(0, owner.find('.'));
    }
    auto records = changed->records.copy();
    records.push_back({owner, odd.type, std::nullopt, odd.data});
    if (records.size() > 8) {
        records.erase(records.begin());
    }
    changed->records = records;
}

void RandomWorld::add_domain(const Op& op) {
    const std::string name = kDomains[op.a % std::size(kDomains)];
    auto& all = directory_.domains;
    const auto place = std::ranges::lower_bound(all, name, {}, &dns::DirectoryDomain::name);
    if (place != all.end() && place->name == name) {
        return;
    }
    dns::DirectoryDomain made;
    made.id = static_cast<std::int64_t>(next_id_++);
    made.name = name;
    made.serial = 1 + op.c % 3;
    made.policy = static_cast<Policy>(op.a % 4);
    if (name != "hosts.test") {
        for (const dns::DirectoryServer& each : directory_.mail_servers) {
            made.mail.push_back({each.id, 10});
        }
        for (const dns::DirectoryServer& each : directory_.access_servers) {
            made.access.push_back(each.id);
        }
    }
    all.insert(place, std::move(made));
}

bool RandomWorld::change(const Op& op) {
    dns::DirectoryDomain* const some = domain(op.a);
    switch (op.kind) {
        case OpKind::Probe:
            now_s_ += 1;
            probe(op.a % 4 == 0 ? PoolName::Access : PoolName::Mail,
                  op.b,
                  op.c % 3 != 0 ? ProbeOutcome::Reply : static_cast<ProbeOutcome>(op.c / 3 % 5));
            return false;
        case OpKind::AllLost:
            probe_all(op.a % 2 == 0 ? ProbeOutcome::Lost : ProbeOutcome::Refused, 9);
            return false;
        case OpKind::AllUp:
            probe_all(ProbeOutcome::Reply, 2);
            return false;
        case OpKind::Wait:
            now_s_ += 1 + op.a % 30;
            return false;
        case OpKind::Override:
            add_override(op);
            break;
        case OpKind::RemoveOverride:
            erase_one(directory_.overrides, op.a);
            break;
        case OpKind::AddServer:
            add_server(op);
            break;
        case OpKind::RemoveServer:
            remove_server(op);
            break;
        case OpKind::RetireServer:
            if (dns::DirectoryServer* one =
                    server(op.a % 3 == 1 ? PoolName::Access : PoolName::Mail, op.b)) {
                one->state = one->state == dns::ServerState::Retired ? dns::ServerState::InService
                                                                     : dns::ServerState::Retired;
            }
            break;
        case OpKind::RenameServer:
            rename_server(op);
            break;
        case OpKind::SetServers:
            set_servers(op);
            break;
        case OpKind::SetPolicy:
            if (some != nullptr) {
                some->policy = static_cast<Policy>(op.b % 4);
            }
            break;
        case OpKind::AddRecord:
            add_record(op);
            break;
        case OpKind::RemoveRecord:
            if (some != nullptr) {
                auto records = some->records.copy();
                erase_one(records, op.b);
                some->records = records;
            }
            break;
        case OpKind::DropDomain:
            erase_one(directory_.domains, op.a);
            break;
        case OpKind::AddDomain:
            add_domain(op);
            break;
        case OpKind::OtherSerial:
            if (some != nullptr) {  // another name server moved it, or moved it less far
                some->serial += op.b % 4;
            }
            break;
        case OpKind::WriteSerials:
            for (dns::DirectoryDomain& each : directory_.domains) {
                if (const auto known = published_serial(each.name)) {
                    each.serial = *known;
                }
            }
            break;
    }
    return true;
}

std::optional<std::uint32_t> RandomWorld::published_serial(std::string_view domain) const {
    if (published_.last_good == nullptr) {
        return std::nullopt;
    }
    const auto& domains = published_.last_good->domains;
    const auto found = std::ranges::find(domains, domain, &dns::DirectoryDomain::name);
    if (found == domains.end()) {
        return std::nullopt;
    }
    return published_.serials->at(static_cast<std::size_t>(found - domains.begin()));
}

// As SteeringPool does.
std::string RandomWorld::steer(PoolName name, bool directory_changed) {
    Pool& into = pool(name);
    if (directory_changed) {
        dns::PoolPlan plan = dns::plan_pool(directory_, name);
        if (plan.empty()) {
            into.engine.reset();
            into.hosts.reset();
            return {};
        }
        if (!into.engine) {
            auto made = dns::steering::SteeringEngine::create(std::move(plan.config), now());
            if (!made) {
                return "the steering refuses the pool: " + made.error().detail;
            }
            into.engine.emplace(std::move(made).take_value());
        } else if (const auto status = into.engine->configure(std::move(plan.config), now());
                   !status) {
            return "the steering refuses the pool: " + status.error().detail;
        }
        into.hosts = std::make_shared<const std::vector<dns::SteeredHost>>(std::move(plan.hosts));
        const auto status = into.engine->set_overrides(std::move(plan.overrides), now());
        if (!status) {
            return "the steering refuses the overrides: " + status.error().detail;
        }
    }
    if (into.engine) {
        const auto commit = into.engine->poll(now());
        if (commit != nullptr && commit->urgency == dns::steering::Urgency::AtOnce) {
            urgency_ = commit->urgency;
        }
    }
    return {};
}

std::string RandomWorld::publish() {
    dns::PublishRequest request;
    request.input.directory = std::make_shared<const dns::Directory>(directory_);
    for (const PoolName name : {PoolName::Mail, PoolName::Access}) {
        const Pool& from = pool(name);
        dns::PoolInput input;
        if (from.engine) {
            input = {from.engine->last_commit(), from.hosts};
        }
        (name == PoolName::Mail ? request.input.mail : request.input.access) = std::move(input);
    }
    request.urgency = urgency_;
    (void)told_.take();
    publisher_->request(std::move(request));
    if (!told_.wait(base::Deadline::after(std::chrono::seconds(20)))) {
        return "nothing was published";
    }
    return published_.outcome ? ""
                              : "the snapshot is refused: " + published_.outcome.error().detail;
}

std::string RandomWorld::apply(const Op& op) {
    const bool directory_changed = change(op) || published_.last_good == nullptr;
    urgency_ = directory_changed ? dns::steering::Urgency::AtOnce : dns::steering::Urgency::Routine;
    directory_.version += directory_changed ? 1 : 0;
    for (const PoolName name : {PoolName::Mail, PoolName::Access}) {
        std::string problem = steer(name, directory_changed);
        if (!problem.empty()) {
            return problem;
        }
    }
    return publish();
}

std::string RandomWorld::describe(const Op& op) {
    static constexpr const char* kNames[kOpKinds] = {"probe",
                                                     "all lost",
                                                     "all up",
                                                     "override",
                                                     "remove override",
                                                     "add server",
                                                     "rm server",
                                                     "retire",
                                                     "rename",
                                                     "set servers",
                                                     "set policy",
                                                     "add record",
                                                     "rm record",
                                                     "drop domain",
                                                     "add domain",
                                                     "other serial",
                                                     "write serials",
                                                     "wait"};
    std::string text = kNames[static_cast<std::size_t>(op.kind)];
    for (const std::uint32_t number : {op.a, op.b, op.c}) {
        text += " " + std::to_string(number);
    }
    if (op.kind == OpKind::AddRecord) {
        const OddRecord& odd = kRecords[op.b % std::size(kRecords)];
        text += std::string(" (") + odd.owner + " " + odd.type + " " + odd.data + ")";
    }
    return text;
}

PacketText RandomWorld::ask(const std::string& name, dns::RrType type, std::uint8_t source) {
    reader_->online();
    Asker asker(*reader_->get());
    asker.client.transport = dns::Transport::Tcp;
    asker.client.family = dns::Family::V4;
    asker.client.address[0] = std::byte{10};
    asker.client.address[1] = std::byte{source};
    PacketText packet = asker.ask(name, type);
    reader_->offline();
    return packet;
}

}  // namespace dns_test
