#include "dns/control/name_server.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <utility>

#include "base/admin.h"
#include "base/clock.h"
#include "base/db.h"
#include "base/fiber.h"
#include "base/log.h"
#include "base/worker_pool.h"
#include "dns/control/answer_metrics.h"
#include "dns/control/config_change.h"
#include "dns/control/denial_signer.h"
#include "dns/control/directory_follower.h"
#include "dns/control/explain_service.h"
#include "dns/control/health_keeper.h"
#include "dns/control/internal_view.h"
#include "dns/control/key_keeper.h"
#include "dns/control/parent_watch.h"
#include "dns/control/powerdns_plugin.h"
#include "dns/control/priority_report.h"
#include "dns/control/public_ports.h"
#include "dns/control/signature_waits.h"
#include "dns/control/snapshot_files.h"
#include "dns/control/snapshot_publisher.h"
#include "dns/control/state_saver.h"
#include "dns/control/steering_journal.h"
#include "dns/control/steering_pool.h"
#include "dns/control/variant_signer.h"
#include "dns/deferred_queries.h"
#include "dns/snapshot_holder.h"
#include "dns/stream_replies.h"
#include "dns/transfer/notifier.h"
#include "dns/transfer/transfer_answer.h"
#include "dns/update/update_service.h"

namespace dns {
namespace {

constexpr base::Duration kChoresEvery = std::chrono::seconds(1);
constexpr std::size_t kConnections = 3;  // one reads, one reads addresses, one writes

base::DbPoolOptions pool_options() {
    base::DbPoolOptions options;
    options.connections = kConnections;
    options.queue_max = 16;
    return options;
}

Client client_of(const base::Endpoint& peer) {
    Client client;
    client.transport = Transport::Tcp;
    client.family = peer.address().family() == base::IpFamily::V4 ? Family::V4 : Family::V6;
    const auto bytes = peer.address().bytes();
    std::copy(bytes.begin(), bytes.end(), client.address.begin());
    return client;
}

// TCP is never limited, and needs no memory for it.
AnswerPolicy unlimited(AnswerPolicy policy) {
    policy.rate_limits = RateLimits{};
    return policy;
}

bool is_in(const std::vector<RefusedDomain>& refused, const RefusedDomain& domain) {
    return std::ranges::any_of(refused, [&domain](const RefusedDomain& other) {
        return other.name == domain.name && other.reason == domain.reason;
    });
}

}  // namespace

// Members are destroyed from the last to the first: what others use stands above them.
struct NameServer::State {
    State(base::Loop& main_loop, NameServerConfig settings, std::function<void()> when_ready)
        : loop(main_loop),
          config(std::move(settings)),
          on_ready(std::move(when_ready)),
          tcp_reader(holder),
          tcp_thread(0, unlimited(config.answers)),
          mail(
              loop,
              PoolName::Mail,
              [this](const auto& commit) { on_commit(commit); },
              [this] { publish(steering::Urgency::AtOnce); }),
          access(
              loop,
              PoolName::Access,
              [this](const auto& commit) { on_commit(commit); },
              [this] { publish(steering::Urgency::AtOnce); }),
          explainer(loop, {config.name, mail, access, tcp_reader}),
          publisher(loop, holder, [this](const Published& done) { on_published(done); }),
          database(config.database, "dnsd " + config.name, pool_options()),
          journal(database, config.name, priorities),
          health(mail, access, journal),
          saver(SnapshotFiles(config.state_dir), mail, access, health),
          updates(loop,
                  {config.database,
                   config.name,
                   [this] { return transfer_view(); },
                   [this] { follower->look(); }}),
          waits(loop, tcp_reader, unlimited(config.answers)) {}

    base::Status open();
    void take_directory(std::shared_ptr<const Directory> directory);
    void configure(SteeringPool& pool, const char* name);
    void report(const SteeringPool::Commit& commit);
    void on_commit(const SteeringPool::Commit& commit);
    void on_published(const Published& done);
    void publish(steering::Urgency urgency);
    base::Status listen_public();
    base::Status listen_at(const std::vector<base::Endpoint>& endpoints);
    base::Status apply(NameServerConfig next);
    base::Status follow(DirectoryFollower::Known known);
    void do_chores();
    void take_transfers(const Published& done);
    transfer::SharedView transfer_view();
    std::unique_ptr<ReplyStream> stream_tcp(std::span<const std::byte> packet,
                                            const base::Endpoint& peer);
    std::size_t respond_tcp(std::span<const std::byte> packet,
                            const base::Endpoint& peer,
                            std::span<std::byte> out);

    base::Loop& loop;
    NameServerConfig config;
    std::function<void()> on_ready;  // empty once called
    base::Status outcome = base::Done{};

    SnapshotHolder holder;
    SnapshotReader tcp_reader;
    ThreadState tcp_thread;

    std::shared_ptr<const Directory> directory;
    SteeringPool mail;
    SteeringPool access;
    ExplainService explainer;
    PriorityReport priorities;
    SnapshotPublisher publisher;
    std::vector<RefusedDomain> refused;
    std::string publish_problem;   // of the last build; empty: it succeeded
    std::string transfer_problem;  // the same, of transfers
    transfer::SharedView told;     // what the notifier has

    std::shared_ptr<const Directory> published_directory;  // good parts only

    base::DbPool database;
    SteeringJournal journal;
    HealthKeeper health;
    StateSaver saver;
    std::optional<DirectoryFollower> follower;
    std::optional<base::ChangeListener> changes;
    update::UpdateService updates;

    std::unique_ptr<InternalView> internal;
    base::WaitQueue signed_news;  // fibers that wait for a signature
    SignatureWaits waits;         // datagrams that do
    std::unique_ptr<VariantSigner> signer;
    std::unique_ptr<DenialSigner> denier;
    std::optional<KeyKeeper> keys;
    std::optional<ParentWatch> parents;
    std::unique_ptr<StreamReplies> streams;
    std::unique_ptr<DeferredQueries> deferred;
    std::unique_ptr<PublicPorts> ports;  // null until it is ready
    std::unique_ptr<transfer::Notifier> notifier;
    std::unique_ptr<PowerDnsPlugin> powerdns;  // null: no socket for it
    AnswerMetrics metrics;
    std::atomic<bool> answering{false};
    std::unique_ptr<base::AdminServer> admin;
    base::Timer chores;
};

base::Status NameServer::State::open() {
    const SnapshotFiles files(config.state_dir);
    SavedState saved = TRY(files.load());
    mail.restore_trims(saved.trims.mail);
    access.restore_trims(saved.trims.access);
    health.restore(saved.health, base::wall_us());
    if (!config.internal_listen.empty()) {
        internal = TRY(InternalView::create(loop,
                                            database,
                                            {{config.internal_listen, config.internal_acl},
                                             config.internal_keys,
                                             config.state_dir + "/snapshot"}));
        TRY(internal->start());
    }
    if (config.admin_listen) {
        admin = TRY(base::AdminServer::create(*config.admin_listen, [this]() -> base::Status {
            if (!answering) {
                return base::Error{base::Errc::Unavailable, "nothing to answer from yet"};
            }
            return base::Done{};
        }));
        explainer.show_metrics(*admin);
    }
    if (const base::Status listening = explainer.listen(config.explain_socket); !listening) {
        base::log::warning("dns", "no-explain-socket", {{"error", listening.error()}});
    }
    TRY(journal.start(loop));
    publisher.restore(std::move(saved.signatures));
    const auto tell = [poster = loop.poster(), this] {
        (void)poster.post([this] {  // past the end nobody waits
            signed_news.notify_all();
            waits.on_signed();
        });
    };
    signer = TRY(VariantSigner::create(holder, {}, tell));
    denier = TRY(DenialSigner::create(holder, {}, tell));
    tcp_thread.asks = &signer->queue();
    tcp_thread.denials = &denier->cache();
    waits.set_asks(&signer->queue());
    waits.set_denials(&denier->cache());
    keys.emplace(database, config.name);
    TRY(keys->start(loop));
    parents.emplace(database, config.name, ParentLookup(config.parent_resolvers));
    TRY(parents->start(loop));
    TRY(updates.start());
    chores = base::Timer::every(loop, kChoresEvery, [this] { do_chores(); });
    TRY(saver.start(loop, std::move(saved.trims)));
    if (saved.directory != nullptr) {
        base::log::info("dns", "starting-from-file", {{"version", saved.directory->version}});
        take_directory(saved.directory);
    }
    return follow(saved.directory);
}

base::Status NameServer::State::follow(DirectoryFollower::Known known) {
    DirectoryFollower::Callbacks callbacks;
    callbacks.on_directory = [this](auto read) { take_directory(std::move(read)); };
    callbacks.on_checked = [this] {
        updates.on_checked(follower->version(), directory->version);
        keys->look(follower->version());
    };
    follower.emplace(database, std::move(known), std::move(callbacks));
    TRY(follower->start(loop));
    base::ChangeListener::Callbacks notices;
    const auto look = [poster = loop.poster(), this] {
        // Past the end nobody looks.
        (void)poster.post([this] {
            follower->look();
            if (internal != nullptr) {
                internal->look();
            }
        });
    };
    notices.on_change = [look](const std::string&, const std::string&) { look(); };
    notices.on_connected = look;
    changes.emplace(config.database,
                    "dnsd " + config.name,
                    std::vector<std::string>{"roundtable_directory"},
                    std::move(notices));
    return base::Done{};
}

void NameServer::State::take_directory(std::shared_ptr<const Directory> read) {
    directory = std::move(read);
    keys->take(directory);
    parents->take(directory);
    explainer.take_directory(directory);
    if (internal != nullptr) {
        internal->take_keys(directory->transfer);
    }
    configure(mail, "mail");
    configure(access, "access");
    if (const auto commit = mail.input().commit) {
        // A new domain may be steered as others are: no commit, but priorities to report.
        priorities.take(directory, commit, steering_now().monotonic_s);
        journal.look_for_priorities();
    }
    publish(steering::Urgency::AtOnce);
}

void NameServer::State::configure(SteeringPool& pool, const char* name) {
    const auto commit = pool.take(directory);
    if (!commit) {
        base::log::error("dns", "steering-refused", {{"pool", name}, {"error", commit.error()}});
    } else if (commit.value() != nullptr) {
        report(commit.value());
    }
}

void NameServer::State::report(const SteeringPool::Commit& commit) {
    base::log::info("dns",
                    "steering",
                    {{"pool", commit->pool}, {"commit", commit->id}, {"cause", commit->cause}});
    explainer.add_commit(commit);
    journal.add_commit(commit);
    if (commit->pool == pool_name(PoolName::Mail)) {
        priorities.take(directory, commit, steering_now().monotonic_s);
        journal.look_for_priorities();
    }
}

void NameServer::State::on_commit(const SteeringPool::Commit& commit) {
    report(commit);
    publish(commit->urgency);
}

void NameServer::State::publish(steering::Urgency urgency) {
    PublishRequest request;
    request.input.directory = directory;
    request.input.mail = mail.input();
    request.input.access = access.input();
    request.input.build_threads = config.build_threads;
    request.urgency = urgency;
    publisher.request(std::move(request));
}

void NameServer::State::on_published(const Published& done) {
    if (!done.outcome) {
        if (publish_problem != done.outcome.error().detail) {
            publish_problem = done.outcome.error().detail;
            base::log::error("dns", "snapshot-refused", {{"error", done.outcome.error()}});
        }
        return;
    }
    publish_problem.clear();
    for (const RefusedDomain& bad : done.refused) {
        if (!is_in(refused, bad)) {
            base::log::error(
                "dns",
                "domain-refused",
                {{"domain", bad.name}, {"reason", bad.reason}, {"serves_old", bad.serves_old}});
        }
    }
    // The first time also when there are none: an earlier life of this one may have had some.
    if (on_ready || refused != done.refused) {
        journal.set_refused(done.refused);
    }
    refused = done.refused;
    journal.add_serials(done.moved);
    const bool other = published_directory != done.last_good || !done.moved.empty();
    published_directory = done.last_good;
    saver.take(other ? done.last_good : nullptr, done.serials, done.signatures);
    AnswerMetrics::set_zones({done.domains, done.refused.size(), done.zones_signed, done.memory});
    updates.on_published(done.last_good->version);
    if (!on_ready) {
        take_transfers(done);
        return;
    }
    if (!mail.is_ready() || !access.is_ready()) {
        return;  // servers are probed before anybody is sent to them; then this comes again
    }
    base::Status listening = listen_public();
    if (!listening) {
        outcome = std::move(listening);
        loop.stop();
        return;
    }
    answering = true;
    take_transfers(done);
    std::exchange(on_ready, nullptr)();
}

base::Status NameServer::State::listen_public() {
    PublicPorts::Options options;
    options.tcp = config.tcp;
    streams = std::make_unique<StreamReplies>(
        loop,
        [this](auto packet, auto& peer) { return stream_tcp(packet, peer); },
        config.transfers);
    options.tcp.take = updates.take_before(streams->take_function());
    options.tcp.large = updates.large_function();
    deferred = TRY(DeferredQueries::create(loop));
    deferred->set_handler(DeferReason::Update, [this](auto packet, auto& peer, auto reply) {
        updates.on_datagram(packet, peer, std::move(reply));
    });
    deferred->set_handler(DeferReason::Signature, [this](auto packet, auto& peer, auto reply) {
        waits.take(packet, peer, std::move(reply));
    });
    options.udp = {{},
                   config.threads,
                   config.answers,
                   config.udp_receive_buffer,
                   &signer->queue(),
                   &denier->cache(),
                   deferred.get()};
    const auto respond = [this](auto packet, auto& peer, auto out) {
        return respond_tcp(packet, peer, out);
    };
    ports = TRY(PublicPorts::create(loop, holder, std::move(options), respond, config.listen));
    notifier = TRY(transfer::Notifier::create(loop, ports->bound(), config.notify_per_second));
    if (!config.powerdns.path.empty()) {
        powerdns = TRY(PowerDnsPlugin::create(holder, config.powerdns));
    }
    return base::Done{};
}

// All or nothing.
base::Status NameServer::State::listen_at(const std::vector<base::Endpoint>& endpoints) {
    PublicPorts::Change change = TRY(ports->open(endpoints));
    TRY(notifier->set_from(ports->bound_after(change)));
    ports->take(std::move(change));
    return base::Done{};
}

// Peers are told once there is a port from which they can fetch.
void NameServer::State::take_transfers(const Published& done) {
    if (transfer_problem != done.transfer_problem) {
        transfer_problem = done.transfer_problem;
        if (!transfer_problem.empty()) {
            base::log::error("dns", "transfers-refused", {{"error", transfer_problem}});
        }
    }
    // A hundred thousand zones that moved take the loop long to free.
    transfer::SharedView before = std::exchange(told, done.transfer);
    notifier->take(done.transfer);
    publisher.release(std::move(before));
    if (powerdns != nullptr) {
        powerdns->take(done.last_good);
    }
}

// Once there is a snapshot.
transfer::SharedView NameServer::State::transfer_view() {
    tcp_reader.online();
    transfer::SharedView view = tcp_reader.get()->shared_transfer();
    tcp_reader.offline();
    return view;
}

std::unique_ptr<ReplyStream> NameServer::State::stream_tcp(std::span<const std::byte> packet,
                                                           const base::Endpoint& peer) {
    const transfer::SharedView view = transfer_view();
    if (view == nullptr) {
        return nullptr;
    }
    const auto clock = [] { return static_cast<std::uint64_t>(base::wall_us() / 1'000'000); };
    // On a worker.
    const auto on_planned = [peer](const transfer::ZoneStream& stream) {
        base::log::info("dns",
                        "transfer",
                        {{"peer", peer.to_text()},
                         {"zone", stream.zone().apex().to_text()},
                         {"serial", stream.zone().serial},
                         {"kind", transfer::transfer_kind_name(stream.kind())}});
    };
    return transfer::start_transfer(view, packet, peer.address(), clock, on_planned).stream;
}

std::size_t NameServer::State::respond_tcp(std::span<const std::byte> packet,
                                           const base::Endpoint& peer,
                                           std::span<std::byte> out) {
    const auto deadline = base::Deadline::after(dnssec::kVariantWaitMax);
    bool holds = false;
    bool waited = false;
    for (;;) {
        tcp_thread.holds = holds;
        tcp_thread.waited = waited;
        tcp_reader.online();
        tcp_thread.guard.set_time(moment_now());
        const std::size_t size =
            answer(*tcp_reader.get(), packet, client_of(peer), tcp_thread, out);
        tcp_reader.offline();
        if (!tcp_thread.waits) {
            const bool cut = size > 3 && (load_u16(out.data() + 2) & kFlagTruncated) != 0;
            return cut ? explainer.respond_tcp(packet, peer.address(), out, size) : size;
        }
        // Until what is asked for is signed; past the deadline it is answered as well as may be.
        holds = true;
        waited = !signed_news.wait(deadline);
    }
}

void NameServer::State::do_chores() {
    if (internal != nullptr) {
        internal->set_certainty();
        metrics.take_internal(internal->counters());
    }
    std::vector<const AnswerCounters*> answers = {&tcp_thread.counters, &waits.thread().counters};
    std::vector<const GuardCounters*> guards = {&tcp_thread.guard.counters(),
                                                &waits.thread().guard.counters()};
    if (ports != nullptr) {
        for (const AnswerCounters* counters : ports->answer_counters()) {
            answers.push_back(counters);
        }
        for (const GuardCounters* counters : ports->guard_counters()) {
            guards.push_back(counters);
        }
        metrics.take_udp(ports->udp_counters());
        metrics.take_tcp(ports->tcp_counters());
        metrics.take_streams(streams->counters());
    }
    if (notifier != nullptr) {
        metrics.take_notifies(notifier->counts(), notifier->waiting());
    }
    metrics.take_answers(answers);
    metrics.take_guards(guards);
    metrics.take_signing(signer->counters());
    metrics.take_waits(waits.counters());
    metrics.take_parents(parents->counters());
    metrics.take_denials(denier->counters());
    metrics.take_probes(PoolName::Mail, mail.probe_counts());
    metrics.take_probes(PoolName::Access, access.probe_counts());
    journal.add_quiet(explainer.tick());
    if (priorities.poll(steering_now().monotonic_s)) {
        journal.look_for_priorities();
    }
    metrics.set_servers_up(mail.servers_up(), access.servers_up());
    health.watch();
    if (powerdns != nullptr) {
        powerdns->do_chores();
    }
}

NameServer::NameServer(std::unique_ptr<State> state) : state_(std::move(state)) {
}

NameServer::~NameServer() = default;

base::Result<std::unique_ptr<NameServer>> NameServer::create(base::Loop& loop,
                                                             NameServerConfig config,
                                                             std::function<void()> on_ready) {
    if (!config.cookie_secrets_file.empty()) {
        config.answers.cookie_secrets = TRY(load_cookie_secrets(config.cookie_secrets_file));
    }
    auto state = std::make_unique<State>(loop, std::move(config), std::move(on_ready));
    TRY(state->open());
    return std::unique_ptr<NameServer>(new NameServer(std::move(state)));
}

// Past its checks: addresses can fail, and nothing after them.
base::Status NameServer::State::apply(NameServerConfig next) {
    if (ports != nullptr && config.listen != next.listen) {
        TRY(listen_at(next.listen));
    }
    AnswerGuard guard(unlimited(next.answers));
    tcp_thread.guard.swap_policy(guard);
    waits.set_policy(unlimited(next.answers));
    if (ports != nullptr) {
        ports->set_answers(next.answers);
        ports->set_limits(next.tcp);
        streams->set_limits(next.transfers);
    }
    if (notifier != nullptr) {
        notifier->set_pace(next.notify_per_second);
    }
    if (internal != nullptr) {
        internal->set_acl(next.internal_acl);
    }
    config = std::move(next);
    return base::Done{};
}

base::Result<std::vector<std::string>> NameServer::reconfigure(NameServerConfig next) {
    auto changed = TRY(config_changes(state_->config, next));
    if (!changed.empty()) {
        TRY(state_->apply(std::move(next)));
    }
    return changed;
}

void NameServer::save() {
    state_->publisher.stop();  // it would take its part of the machine until the end
    state_->saver.save();
    if (state_->internal != nullptr) {
        state_->internal->save();
    }
}

const base::Status& NameServer::outcome() const noexcept {
    return state_->outcome;
}

std::vector<base::Endpoint> NameServer::public_endpoints() const {
    return state_->ports == nullptr ? std::vector<base::Endpoint>{} : state_->ports->bound();
}

std::vector<base::Endpoint> NameServer::internal_endpoints() const {
    return state_->internal == nullptr ? std::vector<base::Endpoint>{} : state_->internal->bound();
}

}  // namespace dns
