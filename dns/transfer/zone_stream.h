#pragma once

// ZoneStream: the answer to one AXFR or IXFR query over TCP, message by message, from one version
// of the zone, however long the client takes.
//
//   AXFR, and IXFR where there is no delta:  SOA, all records, SOA        RFC 5936 2.2
//   IXFR:                     SOA, old SOA, removed, SOA, added, SOA      RFC 1995 4
//   IXFR with nothing newer:  SOA                                         RFC 1995 2
//
// Every message is signed if the request was (RFC 8945 5.3.1).
//
// What is to be sent is worked out by the first next(): of a large zone a difference takes long.
//
// Owner: the connection. Thread rule: one thread at a time; the clock, which is asked only where
// messages are signed, and `on_planned` are called on the same.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "dns/transfer/published_zone.h"
#include "dns/transfer/reply_stream.h"
#include "dns/transfer/transfer_request.h"
#include "dns/tsig.h"

namespace dns::transfer {

/// What a client is sent, for the counters.
enum class TransferKind : std::uint8_t { Whole, Delta, UpToDate };

/// "whole", "delta", "up-to-date".
[[nodiscard]] std::string_view transfer_kind_name(TransferKind kind) noexcept;

/// Seconds since 1970.
using WallClock = std::function<std::uint64_t()>;

class ZoneStream;

/// Told once it is known what is sent.
using PlannedFunction = std::function<void(const ZoneStream& stream)>;

/// See the top of this file.
class ZoneStream final : public ReplyStream {
  public:
    /// `signer`: none if the request was not signed; its key, and whatever else of it is borrowed,
    /// lives as long as `keep`.
    ZoneStream(const TransferRequest& request,
               SharedZone zone,
               std::optional<TsigSigner> signer,
               WallClock clock,
               std::shared_ptr<const void> keep,
               PlannedFunction on_planned = {});

    [[nodiscard]] const PublishedZone& zone() const noexcept { return *zone_; }

    /// After the first next().
    [[nodiscard]] TransferKind kind() const noexcept { return kind_; }

    [[nodiscard]] Piece next(std::span<std::byte> out) override;
    [[nodiscard]] Piece refuse(std::span<std::byte> out) override;

  private:
    void plan();
    void plan_delta(const ZoneDelta& delta);
    void add_soa(const SoaContent& soa, std::uint32_t serial);
    void add_part(RecordList list);
    void skip_empty_parts();
    [[nodiscard]] std::size_t sign(std::span<std::byte> out, std::size_t size);

    TransferRequest request_;
    std::vector<std::byte> question_;  // that the request refers to
    SharedZone zone_;
    std::optional<TsigSigner> signer_;
    WallClock clock_;
    std::shared_ptr<const void> keep_;
    PlannedFunction on_planned_;
    TransferKind kind_ = TransferKind::Whole;
    std::vector<std::shared_ptr<const RecordList>> parts_;
    std::size_t part_ = 0;
    RecordList::Iterator at_;
    bool is_first_ = true;
};

}  // namespace dns::transfer
