#pragma once

// Zone: the records of one zone, read from rows and checked. The only way to make one is
// build_zone(), so whoever holds a Zone holds a servable one.
//
// A zone that fails a check is refused as a whole with the reason; whoever served its predecessor
// goes on doing so. Rules checked: RFC 1034 3.6.2 (CNAME alone), RFC 1912 2.4 and RFC 2181 10.3
// (targets of MX and NS are no aliases), RFC 2782 (nor of SRV), RFC 2181 5 (one TTL a set),
// RFC 1035 3.3 (sizes), RFC 6672 2.3 and 2.4 (DNAME), RFC 4592 4.2 (no wildcard delegation),
// RFC 7505 3 (a null MX stands alone).
//
// Thread rule: a value; immutable once built. TTLs in seconds, host order.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "dns/name.h"

namespace dns {

/// One record as an operator wrote it.
struct RecordRow {
    std::string owner;  ///< relative to the zone, or "@"
    std::string type;
    std::uint32_t ttl = 0;
    std::string data;  ///< presentation form; relative names are relative to the zone
};

/// The fields of the SOA record, RFC 1035 3.3.13, but for the serial, which is the snapshot's.
/// Names in presentation form, absolute.
struct SoaFields {
    std::string primary;
    std::string contact;
    std::uint32_t refresh = 7200;
    std::uint32_t retry = 900;
    std::uint32_t expire = 1209600;
    std::uint32_t minimum = 60;
    std::uint32_t ttl = 3600;

    bool operator==(const SoaFields&) const = default;
};

/// What a zone is made of. steers_mail: its MX RRset is made by the steering; an MX record at the
/// apex is then refused. steers_access: so are the access names, but there a record of the
/// operator's own wins, and that name is not steered (see is_free).
struct ZoneSource {
    std::string name;
    SoaFields soa;
    std::vector<RecordRow> records;
    bool steers_mail = false;
    bool steers_access = false;
};

/// All records of one owner and type. Data in wire form, sorted, each once.
struct RecordSet {
    std::uint32_t ttl = 0;
    std::vector<std::string> data;
};

using RecordSets = std::map<std::uint16_t, RecordSet>;

/// A zone whose records have been checked: what compile_zone() lays out as images. A value.
struct Zone {
    Name apex;
    std::uint32_t negative_ttl = 0;    ///< RFC 2308 5: min(TTL of the SOA, its MINIMUM)
    std::map<Name, RecordSets> names;  ///< in canonical order; no empty non-terminals
    bool steers_mail = false;
    bool steers_access = false;
};

/// Labels under a zone's apex that the name server answers itself.
inline constexpr std::string_view kAccountLabel = "_account";  ///< the internal view's
inline constexpr std::string_view kImapLabel = "imap";
inline constexpr std::string_view kPopLabel = "pop";

/// The names that steers_access adds.
struct AccessNames {
    Name imap;      ///< A and AAAA
    Name pop;       ///< A and AAAA
    Name imap_srv;  ///< _imap._tcp, SRV (RFC 6186 3.2)
    Name pop_srv;   ///< _pop3._tcp, SRV
};

[[nodiscard]] base::Result<AccessNames> access_names(const Name& apex);

/// Reads and checks. Errc::Invalid or TooLarge; the detail names owner, type and rule.
[[nodiscard]] base::Result<Zone> build_zone(const ZoneSource& source);

/// The name that record data of this type leads to: the target of NS, CNAME, PTR, MX, SRV, DNAME.
/// NotFound for other types.
[[nodiscard]] base::Result<Name> target_of(std::uint16_t type, std::string_view data);

/// The zone has no records of its own at `name`, and none at a delegation or DNAME above it.
[[nodiscard]] bool is_free(const Zone& zone, const Name& name);

/// Whether a name below the apex has NS: else nothing is below a delegation.
[[nodiscard]] bool has_delegations(const Zone& zone);

/// The delegation of `zone` that `name` is at or below; null if it is the zone's own.
[[nodiscard]] const Name* delegation_above(const Zone& zone, const Name& name);

}  // namespace dns
