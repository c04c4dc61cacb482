#include "storage/catalog/lineage.h"

namespace storage {
namespace {

using base::Result;

constexpr base::Statement kLineage{
    "storage_lineage",
    "SELECT l.timeline, l.jumps, coalesce((SELECT max(m.sequence) FROM catalog.commit_mark m), 0), "
    "l.timeline <> catalog.timeline() FROM catalog.lineage l"};
constexpr base::Statement kJump{"storage_jump", "SELECT catalog.jump($1, $2)"};

}  // namespace

Result<Lineage> read_lineage(base::Connection& connection) {
    const base::Rows rows = TRY(connection.query(kLineage));
    if (rows.empty()) {
        return base::Error{base::Errc::Unavailable, "the catalog has no lineage yet"};
    }
    const base::Row row = rows[0];
    return Lineage{row.string(0), row.int64(1), row.int64(2), row.boolean(3)};
}

Result<bool> jump(base::Connection& connection, std::string_view committer, std::int64_t seen) {
    const base::Rows rows = TRY(connection.query(kJump, {committer, seen}));
    return rows[0].boolean(0);
}

bool wants_jump(const base::Error& error) {
    return error.detail.find("RT003") != std::string::npos;
}

}  // namespace storage
