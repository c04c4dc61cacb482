#pragma once

// Shared by the fuzz targets of the name server: what every reply must be, and a snapshot of a
// directory. Header only: a target is one source file.

#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "dns/answer.h"
#include "dns/directory/pools.h"
#include "dns/limits.h"
#include "dns/snapshot_builder.h"
#include "dns/steering/engine.h"
#include "dns/wire.h"

namespace dns_fuzz {

inline void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

/// Octets of the name at `at`, which must be whole; compression pointers must go back.
inline std::size_t name_size(std::span<const std::byte> message, std::size_t at) {
    for (std::size_t size = 0;;) {
        require(at + size < message.size());
        const auto octet = std::to_integer<unsigned>(message[at + size]);
        if (octet >= 0xc0) {
            require(at + size + 1 < message.size());
            require((dns::load_u16(message.data() + at + size) & 0x3fffU) < at + size);
            return size + 2;
        }
        require(octet <= dns::kLabelMax);
        size += 1 + octet;
        if (octet == 0) {
            return size;
        }
    }
}

/// A response to `query`: its id, QR, counts that match its records, nothing after them.
inline void check_reply(std::span<const std::byte> query, std::span<const std::byte> reply) {
    if (reply.empty()) {
        return;
    }
    require(query.size() >= dns::kHeaderSize && reply.size() >= dns::kHeaderSize);
    require(dns::load_u16(query.data()) == dns::load_u16(reply.data()));
    require((dns::load_u16(query.data() + 2) & 0x8000U) == 0);
    require((dns::load_u16(reply.data() + 2) & 0x8000U) != 0);
    std::size_t at = dns::kHeaderSize;
    for (unsigned i = 0; i < dns::load_u16(reply.data() + 4); ++i) {
        at += name_size(reply, at) + 4;
        require(at <= reply.size());
    }
    for (const std::size_t section : {6U, 8U, 10U}) {
        for (unsigned i = 0; i < dns::load_u16(reply.data() + section); ++i) {
            at += name_size(reply, at);
            require(at + 10 <= reply.size());
            at += 10U + dns::load_u16(reply.data() + at + 8);
            require(at <= reply.size());
        }
    }
    require(at == reply.size());
}

/// Whether a reply that check_reply() took has a record of a type.
inline bool has_record(std::span<const std::byte> reply, dns::RrType type) {
    std::size_t at = dns::kHeaderSize;
    for (unsigned i = 0; i < dns::load_u16(reply.data() + 4); ++i) {
        at += name_size(reply, at) + 4;
    }
    while (at < reply.size()) {
        at += name_size(reply, at);
        if (dns::load_u16(reply.data() + at) == static_cast<std::uint16_t>(type)) {
            return true;
        }
        at += 10U + dns::load_u16(reply.data() + at + 8);
    }
    return false;
}

/// Asks in a buffer of exactly the size that the transport has, so that a sanitizer sees a write
/// beyond it. Gives the reply; empty: none.
inline std::vector<std::byte> ask(const dns::Snapshot& snapshot,
                                  std::span<const std::byte> query,
                                  dns::Client client,
                                  dns::ThreadState& state) {
    const bool udp = client.transport == dns::Transport::Udp;
    std::vector<std::byte> out(udp ? dns::kUdpResponseMax : dns::kMessageMax);
    const std::size_t size = dns::answer(snapshot, query, client, state, out);
    require(size <= out.size());
    out.resize(size);
    check_reply(query, out);
    return out;
}

inline dns::PoolInput pool_of(const dns::Directory& directory, dns::PoolName name) {
    auto plan = dns::plan_pool(directory, name);
    if (plan.empty()) {
        return {};
    }
    auto engine = dns::steering::SteeringEngine::create(std::move(plan.config), {});
    if (!engine) {
        return {};
    }
    (void)engine.value().set_overrides(std::move(plan.overrides), {});  // refused: none hold
    return {engine.value().poll({}),
            std::make_shared<const std::vector<dns::SteeredHost>>(std::move(plan.hosts))};
}

/// Null where the directory cannot be served at all. `now_s`: when its signatures are made.
inline std::unique_ptr<const dns::Snapshot> build(dns::Directory directory,
                                                  std::int64_t now_s = 0) {
    dns::SnapshotBuilder builder(7);
    const auto shared = std::make_shared<const dns::Directory>(std::move(directory));
    const auto report = builder.build({shared,
                                       pool_of(*shared, dns::PoolName::Mail),
                                       pool_of(*shared, dns::PoolName::Access),
                                       nullptr,
                                       now_s});
    auto made = report ? builder.snapshot(builder.directory_serials(), nullptr)
                       : base::Result<std::unique_ptr<const dns::Snapshot>>(report.error());
    return made ? std::move(made).take_value() : nullptr;
}

}  // namespace dns_fuzz
