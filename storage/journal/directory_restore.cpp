#include "storage/journal/directory_restore.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>

#include <fmt/format.h>

#include "base/file.h"
#include "storage/journal/journal_reader.h"
#include "storage/segment/format.h"
#include "storage/segment/name.h"
#include "storage/segment/reader.h"

namespace storage {
namespace {

namespace fs = std::filesystem;
using base::Errc;
using base::Error;
using base::Result;
using base::Status;

constexpr std::size_t kFileSizeMax = std::size_t{1} << 30U;  // SEGMENT.md: a sealed file

/// Copies by segment and generation, the newest first.
using Copies = std::map<SegmentId, std::multimap<std::uint32_t, std::string, std::greater<>>>;

// By its header, which alone is read: most segments hold mail.
bool is_journal(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    std::string start(format::kHeaderSizeMax, '\0');
    stream.read(start.data(), static_cast<std::streamsize>(start.size()));
    start.resize(static_cast<std::size_t>(stream.gcount()));
    const Result<DecodedHeader> header = decode_header(base::as_bytes(start));
    return header && header.value().header.writer == kJournalWriter;
}

Status list_root(const std::string& root, Copies& copies) {
    const fs::path folder = fs::path(root) / kSegmentFolder;
    std::error_code failed;
    if (!fs::exists(fs::path(root) / kIdentityFile, failed)) {
        return Error{
            Errc::NotFound,
            fmt::format("{}: no file {} here, is it mounted?", root, std::string(kIdentityFile))};
    }
    fs::recursive_directory_iterator entries(folder, failed);
    for (; !failed && entries != fs::recursive_directory_iterator(); entries.increment(failed)) {
        const Result<SegmentName> name = parse_segment_name(entries->path().filename().string());
        if (name && is_journal(entries->path())) {
            copies[name.value().segment].emplace(name.value().generation, entries->path().string());
        }
    }
    if (failed && failed != std::errc::no_such_file_or_directory) {
        return base::errno_error("list " + folder.string(), failed.value());
    }
    return base::Done{};
}

Result<std::vector<JournalText>> read_journal(const std::string& file) {
    const std::string bytes = TRY(base::read_file(file, kFileSizeMax));
    return decode_journal_segment(base::as_bytes(bytes));
}

// Of rows that were journaled several times the last counts.
Status replay_rows(base::Tx& tx, const JournalFiles& files) {
    (void)TRY(tx.query(
        "CREATE TEMPORARY TABLE journaled_row (table_name text, key text, sequence bigint, "
        "content jsonb, PRIMARY KEY (table_name, key)) ON COMMIT DROP"));
    std::map<SegmentId, const std::string*> by_id;
    for (const JournalFiles::Segment& segment : files.segments) {
        by_id[segment.id] = &segment.files.front();
    }
    for (const SegmentId& id : files.plan.segments) {
        for (const JournalText& frame : TRY(read_journal(*by_id.at(id)))) {
            // Only these have rows of the directory; the others may be large.
            if (frame.body.find("\"r\"") == std::string::npos) {
                continue;
            }
            (void)TRY(
                tx.query("INSERT INTO journaled_row AS o (table_name, key, sequence, content) "
                         "SELECT e ->> 0, e ->> 1, $1::bigint, nullif(e -> 2, 'null') "
                         "FROM jsonb_array_elements($2::text::jsonb -> 'r') AS e "
                         "ON CONFLICT (table_name, key) DO UPDATE "
                         "SET sequence = excluded.sequence, content = excluded.content "
                         "WHERE excluded.sequence >= o.sequence",
                         {static_cast<std::int64_t>(frame.head.sequence), frame.body}));
        }
    }
    return base::Done{};
}

// Rows of an earlier version of the schema lack columns, which get their defaults: so rows with the
// same columns go together.
Result<std::int64_t> fill_table(base::Tx& tx, const std::string& table) {
    const base::Rows shapes = TRY(tx.query(
        "SELECT s.shape::text, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum), "
        "string_agg('r.' || quote_ident(a.attname), ', ' ORDER BY a.attnum) "
        "FROM (SELECT DISTINCT (SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(j.content) "
        "k) "
        "AS shape FROM journaled_row j WHERE j.table_name = $1 AND j.content IS NOT NULL) AS s "
        "JOIN pg_attribute a ON a.attname = ANY (s.shape) "
        "WHERE a.attrelid = ('directory.' || quote_ident($1))::regclass AND a.attnum > 0 "
        "AND NOT a.attisdropped AND a.attgenerated = '' GROUP BY s.shape",
        {table}));
    std::int64_t rows = 0;
    for (const base::Row shape : shapes) {
        const base::Rows filled = TRY(tx.query(
            fmt::format("WITH filled AS (INSERT INTO directory.{0} ({1}) OVERRIDING SYSTEM VALUE "
                        "SELECT {2} FROM journaled_row j CROSS JOIN LATERAL "
                        "jsonb_populate_record(NULL::directory.{0}, j.content) AS r "
                        "WHERE j.table_name = '{0}' AND j.content IS NOT NULL AND (SELECT "
                        "array_agg(k ORDER BY k) FROM jsonb_object_keys(j.content) k)::text = $1 "
                        "RETURNING 1) SELECT count(*) FROM filled",
                        table,
                        shape.string(1),
                        shape.string(2)),
            {shape.string(0)}));
        rows += filled[0].int64(0);
    }
    // Ids that were given out after the last journal are not given out again.
    (void)TRY(tx.query(fmt::format(
        "SELECT setval(s.name, (SELECT coalesce(max(to_jsonb(d) ->> 'id')::bigint, 0) FROM "
        "(SELECT * FROM directory.{0} ORDER BY 1 DESC LIMIT 1) d) + 65536) FROM (SELECT "
        "pg_get_serial_sequence('directory.{0}', a.attname) AS name FROM pg_attribute a WHERE "
        "a.attrelid = 'directory.{0}'::regclass AND a.attname = 'id' AND a.attidentity <> '') AS s",
        table)));
    return rows;
}

Result<std::vector<std::string>> journaled_tables(base::Tx& tx) {
    std::vector<std::string> tables;
    for (const base::Row row : TRY(tx.query(
             "SELECT quote_ident(table_name) FROM catalog.journal_tables() ORDER BY place"))) {
        tables.push_back(row.string(0));
    }
    return tables;
}

Error not_empty(const std::string& table) {
    return {Errc::Exists,
            "the directory is not empty: directory." + table +
                " has rows. Put it back into a database that was made anew"};
}

// Tables whose one row is there from the start.
bool is_single(const std::string& table) {
    return table == "cluster" || table == "notification_gateway" || table == "transfer_catalog";
}

Status require_empty(base::Tx& tx, const std::vector<std::string>& tables) {
    for (const std::string& table : tables) {
        if (!is_single(table) &&
            !TRY(tx.query("SELECT 1 FROM directory." + table + " LIMIT 1")).empty()) {
            return not_empty(table);
        }
    }
    return base::Done{};
}

}  // namespace

Status require_no_directory(base::Connection& connection) {
    for (const std::string table : {"storage_server", "mail_server", "domain", "account"}) {
        const base::Rows there =
            TRY(connection.query("SELECT to_regclass('directory." + table + "') IS NOT NULL"));
        if (there[0].boolean(0) &&
            !TRY(connection.query("SELECT 1 FROM directory." + table + " LIMIT 1")).empty()) {
            return not_empty(table);
        }
    }
    return base::Done{};
}

Result<JournalFiles> find_journal(std::span<const std::string> roots) {
    Copies copies;
    for (const std::string& root : roots) {
        TRY(list_root(root, copies));
    }
    JournalFiles found;
    std::vector<JournalContents> contents;
    for (const auto& [id, generations] : copies) {
        JournalFiles::Segment segment{id, {}};
        for (const auto& [generation, file] : generations) {
            const Result<std::vector<JournalText>> frames = read_journal(file);
            if (!frames) {
                found.bad.push_back(file + ": " + frames.error().detail);
                continue;
            }
            if (segment.files.empty()) {
                JournalContents& heads = contents.emplace_back();
                heads.segment = id;
                for (const JournalText& frame : frames.value()) {
                    heads.heads.push_back(frame.head);
                }
            }
            segment.files.push_back(file);
        }
        if (!segment.files.empty()) {
            found.segments.push_back(std::move(segment));
        }
    }
    found.plan = plan_replay(contents);
    if (found.plan.segments.empty()) {
        return Error{Errc::NotFound, "no complete journal below these storage roots"};
    }
    return found;
}

Result<RestoredDirectory> restore_directory(base::Connection& connection,
                                            const JournalFiles& files) {
    base::Tx tx = TRY(connection.begin());
    const std::vector<std::string> tables = TRY(journaled_tables(tx));
    TRY(require_empty(tx, tables));
    TRY(replay_rows(tx, files));
    RestoredDirectory restored;
    restored.at_us = files.plan.at_us;
    for (const std::string& table : tables) {
        if (is_single(table)) {
            (void)TRY(tx.query("DELETE FROM directory." + table));
        }
        restored.rows += TRY(fill_table(tx, table));
    }
    // Daemons compare the version with the one that they have read, which may be higher.
    (void)TRY(
        tx.query("UPDATE directory.version SET version = greatest(version, extract(epoch FROM "
                 "now())::bigint)"));
    TRY(tx.commit());
    return restored;
}

}  // namespace storage
