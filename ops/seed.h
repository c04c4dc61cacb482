#pragma once

// Brings a layout of `roundtable up` into the directory: servers, storage paths, mirroring table,
// and the storage directories with their identity files. What is there already stays as operators
// left it, but addresses and ports, which follow the layout.
//
// Thread rule: any thread; blocks. Errors: those of the database and of mark_store_roots.

#include "base/db.h"
#include "base/result.h"
#include "ops/cluster_layout.h"

namespace ops {

base::Status seed_directory(base::Connection& connection, const ClusterLayout& layout);

}  // namespace ops
