#pragma once

// Where the frames of a mail or access server go when a tracker writes them anew: where that server
// would write them now. Thread rule: blocks on a database worker.

#include <string_view>

#include "base/db.h"
#include "base/result.h"
#include "storage/mirror/placement.h"
#include "storage/segment/ids.h"

namespace storage {

struct WriterTable {
    MirrorTable table;  ///< nil own: that server is gone from the directory; the ring decides
    CopyPolicy policy;  ///< never degraded: what is copied is safe where it is
};

/// Of the mail or access server with that name and id. Errors: those of read_layout(), NotFound
/// apart.
[[nodiscard]] base::Result<WriterTable> table_of_writer(base::Connection& connection,
                                                        std::string_view writer,
                                                        const MailServerId& id);

}  // namespace storage
