#pragma once

// A name server's world that random operations change: probes, overrides, edits of servers, domains
// and records. It is steered and published as in dns/control (engine, SnapshotPublisher), with a
// clock of its own for the steering, and then asked over the answer function.
//
// An operation is a kind and three numbers that are read against whatever is there, so that any
// part of a list of operations is a list of operations, too: a failure can be made smaller.
//
// Lives in a fiber of a loop. One on a thread at a time (liburcu knows threads).

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/fiber.h"
#include "base/loop.h"
#include "dns/control/snapshot_publisher.h"
#include "dns/directory/pools.h"
#include "dns/snapshot_holder.h"
#include "dns/steering/engine.h"
#include "test/unit/dns/world.h"

namespace dns_test {

enum class OpKind : std::uint8_t {
    Probe,
    AllLost,
    AllUp,
    Override,
    RemoveOverride,
    AddServer,
    RemoveServer,
    RetireServer,
    RenameServer,
    SetServers,
    SetPolicy,
    AddRecord,
    RemoveRecord,
    DropDomain,
    AddDomain,
    OtherSerial,
    WriteSerials,
    Wait,
};
inline constexpr std::size_t kOpKinds = 18;

/// What is done: a kind, and three numbers that say to whom and how.
struct Op {
    OpKind kind = OpKind::Wait;
    std::uint32_t a = 0;
    std::uint32_t b = 0;
    std::uint32_t c = 0;
};

/// One answer's record of a steered name.
struct Target {
    unsigned preference = 0;
    unsigned weight = 0;  ///< SRV
    std::string host;     ///< without the final dot
};

/// See the top of this file.
class RandomWorld {
  public:
    explicit RandomWorld(base::Loop& loop);

    /// Does it, and puts what follows from it in force. Empty, or what went wrong.
    [[nodiscard]] std::string apply(const Op& op);

    /// What the operation was against this world, for people. Before apply().
    [[nodiscard]] static std::string describe(const Op& op);

    [[nodiscard]] const dns::Directory& directory() const { return directory_; }

    [[nodiscard]] const dns::Published& published() const { return published_; }

    /// The engine of a pool; null: there is no such pool.
    [[nodiscard]] const dns::steering::SteeringEngine* engine(dns::PoolName pool) const;

    [[nodiscard]] std::int64_t now_us() const { return now().unix_us; }

    /// A server of a pool by a name that it has; `once_had`: or had, as have those that are gone.
    [[nodiscard]] std::set<std::uint64_t> ids_of(dns::PoolName pool,
                                                 const std::string& host,
                                                 bool once_had) const;

    /// Asks the snapshot in force, over TCP, as a source of network 10.`source`.0.
    [[nodiscard]] PacketText ask(const std::string& name, dns::RrType type, std::uint8_t source);

  private:
    struct Pool {
        std::optional<dns::steering::SteeringEngine> engine;
        std::shared_ptr<const std::vector<dns::SteeredHost>> hosts;
        std::map<std::uint64_t, std::set<std::string>> names;  // that a server ever had
    };

    [[nodiscard]] dns::steering::Now now() const;
    [[nodiscard]] std::vector<dns::DirectoryServer>& servers(dns::PoolName pool);
    [[nodiscard]] Pool& pool(dns::PoolName name);
    [[nodiscard]] dns::DirectoryServer* server(dns::PoolName pool, std::uint32_t number);
    [[nodiscard]] dns::DirectoryDomain* domain(std::uint32_t number);

    bool change(const Op& op);  // whether the directory changed
    void probe(dns::PoolName name, std::size_t index, dns::probe::ProbeOutcome outcome);
    void probe_all(dns::probe::ProbeOutcome outcome, int times);
    void add_override(const Op& op);
    void add_server(const Op& op);
    void remove_server(const Op& op);
    void rename_server(const Op& op);
    void set_servers(const Op& op);
    void add_record(const Op& op);
    void add_domain(const Op& op);
    std::string steer(dns::PoolName name, bool directory_changed);
    std::string publish();

    dns::Directory directory_;
    std::array<Pool, 2> pools_;
    std::uint64_t next_id_ = 1;
    std::uint64_t next_override_ = 1;
    double now_s_ = 1000;
    dns::steering::Urgency urgency_ = dns::steering::Urgency::AtOnce;
    dns::SnapshotHolder holder_;
    std::unique_ptr<dns::SnapshotReader> reader_;
    base::FiberEvent told_;
    [[nodiscard]] std::optional<std::uint32_t> published_serial(std::string_view domain) const;

    dns::Published published_;
    std::unique_ptr<dns::SnapshotPublisher> publisher_;
};

}  // namespace dns_test
