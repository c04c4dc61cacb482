#pragma once

// `roundtable up`: runs a whole cluster on this machine in the foreground until SIGTERM or SIGINT.
// On the first start it makes the layout, the private PostgreSQL, the schema, the directory's rows
// and the storage directories; later starts go on with them.
//
// Order: PostgreSQL; schema and directory; name server; mail, access and tracker daemons. It stops
// in the reverse order. Rights: started as root, everything but `up` itself runs as `user`, name
// and mail servers with CAP_NET_BIND_SERVICE where they listen below port 1024. Thread rule: the
// program's main thread. Errors: Errc::Busy another `up` runs there.

#include <string>

#include "base/result.h"
#include "ops/cluster_layout.h"

namespace ops {

struct UpOptions {
    std::string directory;  ///< state directory, absolute
    Ports ports = Ports::High;
    /// Connection string of a database elsewhere, with a user who may make schema and roles; empty:
    /// the private PostgreSQL.
    std::string database;
    std::string user;     ///< system user of the daemons when we are root
    std::string program;  ///< this program; the daemons' programs stand beside it
};

base::Status run_up(const UpOptions& options);

}  // namespace ops
