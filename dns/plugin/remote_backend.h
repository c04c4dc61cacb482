#pragma once

// RemoteBackend: answers the calls of PowerDNS's remote backend (protocol of its unix connector: a
// line of JSON each way) from a snapshot. A connection has one.
//
// Served: initialize, lookup (and APILookup, its later sister), list, getDomainInfo, getAllDomains,
// getUpdatedMasters, setNotified, getDomainMetadata, getAllDomainMetadata, getDomainKeys,
// getBeforeAndAfterNamesAbsolute. Anything else, writing above all, gets "result":false: zones are
// edited in the directory. A line that is no call gets it, too.
//
// A lookup is exact: PowerDNS itself follows aliases, finds wildcards and delegations, and adds
// additional records. What is steered is picked for the client by the same hash as on our own port,
// so that a client gets the same row from both.
//
// Where PowerDNS is to sign and the keys are not known yet, what depends on them gets a reply
// without a result: PowerDNS then answers SERVFAIL, and never unsigned.
//
// Pure: no socket, clock, thread. Never throws for what the other side says.
//
// Source: "Remote Backend" of the documentation of PowerDNS Authoritative Server 4.7, and what
// pdns_server 4.7.3 says and takes.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "dns/plugin/remote_request.h"
#include "dns/plugin/signing_data.h"
#include "dns/plugin/zone_ids.h"
#include "dns/plugin/zone_list.h"
#include "dns/plugin/zone_records.h"
#include "dns/snapshot.h"

namespace dns::plugin {

/// Who signs zones that have keys: nobody here, or PowerDNS with them.
enum class KeyUse : std::uint8_t { None, Given };

/// What calls are answered from, borrowed for one call.
struct BackendView {
    const Snapshot& snapshot;
    const ZoneIds& ids;
    KeyUse keys = KeyUse::None;
    const SigningData* signing = nullptr;  ///< null with KeyUse::Given: not known yet
};

/// Serials that PowerDNS has told its secondaries, by the zone's number. For all connections of a
/// server: it asks on one and tells on another.
using NotifiedSerials = std::map<std::int64_t, std::uint32_t>;

enum class CallOutcome : std::uint8_t { Answered, Nothing, Unknown, Malformed, NotReady };
inline constexpr std::size_t kCallOutcomes = 5;

/// "answered", "nothing", ...: the label of its counter.
[[nodiscard]] std::string_view call_outcome_name(CallOutcome outcome) noexcept;

/// `text` is sent, then what `more` (may be null) makes. Together they are one line.
struct BackendReply {
    CallOutcome outcome = CallOutcome::Answered;
    std::string text;
    std::unique_ptr<ReplyPieces> more;
};

/// See the top of this file.
class RemoteBackend {
  public:
    explicit RemoteBackend(NotifiedSerials& notified) : notified_(notified) {}

    /// `line` without its end.
    [[nodiscard]] BackendReply answer(std::string_view line, const BackendView& view);

  private:
    using Method = BackendReply (RemoteBackend::*)(const RemoteRequest&, const BackendView&);

    [[nodiscard]] static Method find_method(std::string_view name);

    BackendReply initialize(const RemoteRequest& request, const BackendView& view);
    BackendReply lookup(const RemoteRequest& request, const BackendView& view);
    BackendReply list(const RemoteRequest& request, const BackendView& view);
    BackendReply domain_info(const RemoteRequest& request, const BackendView& view);
    BackendReply all_domains(const RemoteRequest& request, const BackendView& view);
    BackendReply updated_domains(const RemoteRequest& request, const BackendView& view);
    BackendReply set_notified(const RemoteRequest& request, const BackendView& view);
    BackendReply metadata(const RemoteRequest& request, const BackendView& view);
    BackendReply all_metadata(const RemoteRequest& request, const BackendView& view);
    BackendReply keys(const RemoteRequest& request, const BackendView& view);
    BackendReply neighbours(const RemoteRequest& request, const BackendView& view);

    [[nodiscard]] ZoneInfo info_of(const BackendView& view, std::uint32_t zone) const;

    NotifiedSerials& notified_;
    ZoneReader reader_;
};

}  // namespace dns::plugin
