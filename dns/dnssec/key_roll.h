#pragma once

// The life of a zone's keys, as a pure state machine over time: what a key does in each state, when
// it moves on, what an operator or the parent must have done before.
//
// One key signs all of a zone (CSK). It is rolled by pre-publication with double DS: the new key is
// in the DNSKEY set, and its DS beside the old one's at the parent, for as long as caches may have
// the sets without them; then it signs in place of the old one; the old one goes when no cache
// holds its signatures. No resolver ever needs what it cannot have (RFC 6781 4.1.3; times as in
// RFC 7583 3.2 and 3.3.3; CDS and CDNSKEY: RFC 7344, RFC 8078).
//
//   Introduced -> Waiting -> Active -> Retired -> (gone)
//
// A retired key goes only while the parent is known to have the DS of the one in use.
//
//   state       in DNSKEY  signs DNSKEY  signs the rest  in CDS
//   Introduced  yes        yes           first key only  no
//   Waiting     yes        yes           first key only  yes
//   Active      yes        yes           yes             yes
//   Retired     yes        yes           no              no
//
// The first key of a zone signs at once, but its DS is wanted only when no cache holds unsigned
// sets any more (RFC 7583 3.3.5). Signing ends in reverse (`Removing`): CDS "delete", and the
// signatures stay until the DS has been gone for as long as it may be cached.
//
// What the parent has is not seen from here: ds_seen and ds_gone are told (by an operator, or by
// whoever asks the parent's servers). Until they are, the machine waits; that is always safe.
//
// Moments are seconds since 1970. Pure: no clock, no key material. Thread rule: values.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dns/dnssec/key_records.h"

namespace dns::dnssec {

enum class KeyState : std::uint8_t { Introduced, Waiting, Active, Retired };

/// "introduced", "waiting", "active", "retired".
[[nodiscard]] std::string_view key_state_name(KeyState state) noexcept;
[[nodiscard]] std::optional<KeyState> parse_key_state(std::string_view name) noexcept;

/// A key of a zone.
struct KeyRecord {
    std::int64_t id = 0;  ///< of the directory
    PublicKey key;
    KeyState state = KeyState::Introduced;
    std::int64_t since_s = 0;               ///< in this state
    std::optional<std::int64_t> ds_seen_s;  ///< when the parent was first seen with its DS
    std::optional<std::int64_t> ds_gone_s;  ///< when it was seen without it, after that

    bool operator==(const KeyRecord&) const = default;
};

/// Whether a zone is to be signed.
enum class Wish : std::uint8_t { Signed, Removing };

/// All keys of a zone. Gone keys are in no list.
struct ZoneKeys {
    Wish wish = Wish::Signed;
    std::int64_t wish_since_s = 0;
    std::vector<KeyRecord> keys;

    bool operator==(const ZoneKeys&) const = default;
};

/// How long things stay in caches and on their way. Seconds.
struct RollTimes {
    std::int64_t key_ttl_s = 3600;        ///< of the DNSKEY set
    std::int64_t zone_ttl_max_s = 86400;  ///< largest TTL of the zone
    std::int64_t ds_ttl_s = 86400;        ///< of the DS set at the parent
    std::int64_t propagation_s = 3600;    ///< until all servers of the zone have a change

    bool operator==(const RollTimes&) const = default;
};

/// What the keys of a zone do now: input for the signer. Pointers into the ZoneKeys given.
struct KeyRoles {
    std::vector<const KeyRecord*> published;   ///< DNSKEY set
    std::vector<const KeyRecord*> sign_keys;   ///< sign the DNSKEY set
    std::vector<const KeyRecord*> sign_zone;   ///< sign all sets
    std::vector<const KeyRecord*> delegation;  ///< CDS and CDNSKEY
    bool delegation_removed = false;           ///< CDS "delete"
};

[[nodiscard]] KeyRoles roles_of(const ZoneKeys& zone);

/// A step: what changed, and what is waited for next.
struct RollStep {
    ZoneKeys zone;                       ///< after the step
    std::vector<std::string> changes;    ///< for people: "key 1234 signs the zone"
    std::optional<std::int64_t> next_s;  ///< when to look again; none: nothing is due by itself
    std::string waits_for;               ///< for people; empty: nothing
};

/// Moves every key as far as `now_s` allows. Doing it twice changes nothing the second time;
/// several name servers that do it come to the same keys.
[[nodiscard]] RollStep advance(ZoneKeys zone, const RollTimes& times, std::int64_t now_s);

/// Begins with a first key, or rolls to a new one. Refused while a roll is under way, while signing
/// is being removed, and for a key of another algorithm (both algorithms would have to sign
/// everything, RFC 4035 2.2): remove the signing first.
[[nodiscard]] base::Result<ZoneKeys> introduce(ZoneKeys zone,
                                               const PublicKey& key,
                                               std::int64_t now_s);

/// Asks for the end of signing. Refused while a roll is under way.
[[nodiscard]] base::Result<ZoneKeys> remove_signing(ZoneKeys zone, std::int64_t now_s);

/// Takes that back: possible as long as there are keys.
[[nodiscard]] base::Result<ZoneKeys> keep_signing(ZoneKeys zone, std::int64_t now_s);

/// The parent has DS with these key tags and no other: marks what is seen for the first time, and
/// what has gone. A key that waits and whose DS has gone again waits as if it had never been there.
/// While signing is being removed, what was never seen counts as gone when it is said not to be
/// there: a parent may have taken a DS from CDS unseen.
[[nodiscard]] ZoneKeys note_delegation(ZoneKeys zone,
                                       const std::vector<std::uint16_t>& tags,
                                       std::int64_t now_s);

/// The same by what several servers of the parent answer: a DS is seen when all of them have it,
/// and has gone when none has. In between nothing is gained and the waiting starts anew.
struct Delegation {
    std::vector<std::uint16_t> everywhere;  ///< tags of keys whose DS all servers have
    std::vector<std::uint16_t> somewhere;   ///< and those that some have and some have not
};

[[nodiscard]] ZoneKeys note_servers(ZoneKeys zone, const Delegation& parent, std::int64_t now_s);

/// When the key of a zone is to be replaced by schedule, at the latest `every_s` after it began to
/// sign, and at most a tenth earlier, by the key's id: zones that were signed on one day need not
/// roll on one day. The same is said in SQL (roll_store.cpp), to find the zones.
/// None: never (`every_s` is 0), or not now: while a key is on its way, while signing is being
/// removed, and while the parent has not the DS of the key in use (the roll could only wait).
inline constexpr std::int64_t kRollSpread = 1000;
[[nodiscard]] std::optional<std::int64_t> roll_due_s(const ZoneKeys& zone, std::int64_t every_s);

}  // namespace dns::dnssec
