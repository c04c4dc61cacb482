#pragma once

// ZoneState: all that the zone of one domain is made of, as a transaction sees it; and the guard of
// edits: what would make name servers refuse a zone is refused when it is made, not found out
// later.
//
// Thread rule: one thread; blocks. Errors: those of the database; NotFound: no such domain.

#include <functional>
#include <string>
#include <vector>

#include "base/db.h"
#include "dns/directory/directory.h"
#include "dns/zone.h"
#include "ops/command.h"

namespace ops {

/// See the top of this file. TTLs are the effective ones.
struct ZoneState {
    dns::Directory directory;  ///< of dns::read_domain_directory()
    dns::DirectoryDomain domain;
    dns::ZoneSource source;               ///< what the name servers make the zone of
    std::vector<dns::RecordRow> own;      ///< what operators wrote; as many as domain.records
    std::vector<dns::RecordRow> made;     ///< NS and addresses that follow from servers, if nobody
                                          ///< writes any
    std::vector<dns::RecordRow> steered;  ///< MX as answered now, access names as configured
};

[[nodiscard]] base::Result<ZoneState> read_zone_state(base::Tx& tx, const std::string& domain);

/// The zone as transferred or exported: what is steered as plain records. Errors of
/// dns::build_zone().
[[nodiscard]] base::Result<dns::Zone> effective_zone(const ZoneState& state);

/// Whether the name servers serve the domain as it is in this transaction: Invalid or TooLarge with
/// the reason if not.
[[nodiscard]] base::Status judge_zone(base::Tx& tx, const std::string& domain);

/// Runs `edit` in a transaction that holds the domain's row, so that edits of one zone come one
/// after another, and commits. An edit after which a zone that was served is refused is Invalid
/// with the reason; nothing is changed then. A zone that was refused before may be edited; that it
/// still is is said on standard error.
base::Status edit_zone(CommandContext& context,
                       const std::string& domain,
                       const std::function<base::Status(base::Tx&)>& edit);

/// Locks the domain's row until the transaction ends. NotFound.
base::Status lock_domain(base::Tx& tx, const std::string& domain);

}  // namespace ops
