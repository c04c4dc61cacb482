#include "storage/upkeep/writer_table.h"

#include <utility>

#include "storage/tracking/layout.h"

namespace storage {

base::Result<WriterTable> table_of_writer(base::Connection& connection,
                                          std::string_view writer,
                                          const MailServerId& id) {
    WriterTable found;
    for (const ServerRole role : {ServerRole::Mail, ServerRole::Access, ServerRole::Tracker}) {
        base::Result<Layout> layout = read_layout(connection, role, writer);
        if (!layout && layout.error().code == base::Errc::NotFound) {
            continue;
        }
        Layout known = TRY(std::move(layout));
        // A mail and an access server may have one name. A tracker's layout has the policy alone.
        if (role == ServerRole::Tracker || known.agent == id) {
            found.table = std::move(known.table);
            found.policy = known.policy;
            break;
        }
    }
    found.policy.accept_degraded = false;
    return found;
}

}  // namespace storage
