#pragma once

// Password hashes: libxcrypt. New ones are yescrypt (about 20 ms and 16 MiB each); whatever
// crypt(5) knows ($y$ $7$ $2b$ $6$ $5$ $1$) is verified, so that accounts can be imported.
//
// Thread rule: any thread; blocks for milliseconds: on a WorkerPool, never on a loop.
// Limits: passwords up to kPasswordMax bytes, without NUL.

#include <string>
#include <string_view>

#include "base/result.h"

namespace base {

constexpr std::size_t kPasswordMax = 500;

/// "$y$..." with a random salt. Errc::Invalid (empty, too long, NUL).
[[nodiscard]] Result<std::string> hash_password(std::string_view password);

/// True if it matches. False for a wrong one, and for one beyond the limits, or a hash of an
/// unknown kind. Takes as long as hashing does; the comparison is in constant time.
[[nodiscard]] bool verify_password(std::string_view password, const std::string& hash);

/// Spends the time of a verification: for an account that does not exist, so that the time of the
/// answer does not tell.
void waste_password_time(std::string_view password);

}  // namespace base
