#pragma once

// Store roots: the directories that a storage server is reached by. Each holds an identity file
// with the storage server's id; a root without it is never written to, so that an unmounted mount
// point takes no mail. Making that file is an operator's act, and this is where it is done.
//
// Thread rule: any thread; blocks.
// Errors: Errc::Refused the directory belongs to another store or holds other things; Errc::Invalid
// the path is not absolute; Errc::Io.

#include <string>
#include <vector>

#include "base/result.h"
#include "base/uuid.h"

namespace ops {

/// Makes each directory (0750) if it is missing and writes the identity file if it is empty. One
/// that carries the same identity already is left as it is.
base::Status mark_store_roots(const std::vector<std::string>& directories, const base::Uuid& store);

}  // namespace ops
