#pragma once

// Reads the directory from PostgreSQL, in one snapshot of the database (REPEATABLE READ), so that a
// change that touches several tables is seen whole. Addresses: account_reader.h.
//
// Thread rule: blocks; on a worker of base::DbPool. Errors: those of base::Connection; Invalid if a
// row holds what the schema's checks should have kept out.

#include <cstdint>
#include <string>

#include "base/db.h"
#include "base/result.h"
#include "dns/directory/directory.h"

namespace dns {

/// Rises with every change of the directory but those of accounts and addresses.
[[nodiscard]] base::Result<std::int64_t> read_directory_version(base::Connection& connection);

/// Secrets of transfers and private keys are for name servers; no other role may read them.
enum class SecretsWanted : std::uint8_t { Yes, No };

/// Without secrets: no transfer keys, and `secrets` is null. Of the domains only those are read
/// that the feed of zones says have changed since `known` (null: all), if it goes back so far; the
/// others are shared with `known`, which may come from another connection or an earlier life.
[[nodiscard]] base::Result<Directory> read_directory(base::Connection& connection,
                                                     SecretsWanted secrets,
                                                     const Directory* known = nullptr);

/// What the zone of one domain is made of, as a transaction sees it that may have changed it: the
/// servers, the domain, and of the domains below it their names (hosts there are theirs, see
/// zone_sources.h). No overrides, no key, version 0. NotFound: no such domain.
[[nodiscard]] base::Result<Directory> read_domain_directory(base::Tx& tx,
                                                            const std::string& domain);

/// The domain of that name in what read_domain_directory() gave.
[[nodiscard]] const DirectoryDomain& domain_named(const Directory& directory,
                                                  const std::string& domain);

}  // namespace dns
