#pragma once

// The keys of signed zones in the database (schema/0028): read, moved, made. What a key does is in
// key_roll.h.
//
// Thread rule: blocks; a database worker or a command. Errors: those of the database; Invalid for
// rows that are none.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/db.h"
#include "base/result.h"
#include "dns/dnssec/denial.h"
#include "dns/dnssec/key_roll.h"

namespace dns::dnssec {

/// A domain's keys as they were read.
struct StoredKeys {
    std::int64_t domain_id = 0;
    std::string domain;
    std::int64_t revision = 0;  ///< 0: the domain is not signed; `keys` is empty then
    Denial denial = Denial::Nsec;
    ZoneKeys keys;
    RollTimes times;  ///< by the TTLs of the domain and its records

    bool operator==(const StoredKeys&) const = default;
};

/// Private keys by the key's id.
using Secrets = std::map<std::int64_t, std::string>;

/// One domain. NotFound if there is no such domain.
[[nodiscard]] base::Result<StoredKeys> read_keys(base::Tx& tx, std::string_view domain);

/// All signed domains, by name.
[[nodiscard]] base::Result<std::vector<StoredKeys>> read_all_keys(base::Tx& tx);

/// Makes `after` of what was read. A key without an id is inserted, with `secret`. Busy: somebody
/// else has changed the keys since; read again. The transaction is the caller's to commit.
base::Status store_keys(base::Tx& tx,
                        const StoredKeys& read,
                        const ZoneKeys& after,
                        std::string_view secret = {});

/// Private keys by the key's id. Refused to all roles but the name servers'.
[[nodiscard]] base::Result<Secrets> read_secrets(base::Tx& tx);

}  // namespace dns::dnssec
