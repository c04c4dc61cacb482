#pragma once

// The directory is lost, too (PostgreSQL's machine and its backups are gone): puts it back as it
// was last journaled (storage/JOURNAL.md), from storage roots on this machine. It reads the files
// itself, as an operator's command; daemons go through path helpers. The catalog is rebuilt after
// it.
//
// Thread rule: blocks, never on a loop thread. Memory: one journal segment, and what is in it
// decompressed.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/db.h"
#include "base/result.h"
#include "storage/journal/journal_plan.h"

namespace storage {

/// What the roots hold of the journal.
struct JournalFiles {
    struct Segment {
        SegmentId id;
        std::vector<std::string> files;  ///< copies, the newest generations first
    };

    std::vector<Segment> segments;
    std::vector<std::string> bad;  ///< "file: why" of copies that are not good
    JournalPlan plan;              ///< over the segments with a good copy
};

/// Exists if the database has a directory with servers, domains or accounts in it. It need not have
/// a schema.
[[nodiscard]] base::Status require_no_directory(base::Connection& connection);

/// Reads every journal segment below `roots`. Errors: NotFound (a root is no storage root, or no
/// round of the journal is complete), Io; a bad copy is none.
[[nodiscard]] base::Result<JournalFiles> find_journal(std::span<const std::string> roots);

/// What was put back.
struct RestoredDirectory {
    std::int64_t rows = 0;
    std::int64_t at_us = 0;  ///< the directory is as it was then
};

/// Fills an empty directory, in one transaction: all rows or none. Ids stay; those of new rows
/// begin 2^16 above. The schema must be there, and a rebuild of the catalog asked for
/// (remake_catalog()): until then a tracker would journal the catalog that it finds. Errors: Exists
/// (the directory has rows), Corrupt (a copy has become unreadable), those of base/db.h.
[[nodiscard]] base::Result<RestoredDirectory> restore_directory(base::Connection& connection,
                                                                const JournalFiles& files);

}  // namespace storage
