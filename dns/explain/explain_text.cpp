#include "dns/explain/explain_text.h"

#include <algorithm>
#include <utility>

#include "dns/explain/server_reason.h"

namespace dns::explain {
namespace {

using Cells = std::vector<std::string>;

double age_s(std::int64_t now_us, std::int64_t then_us) {
    return static_cast<double>(now_us - then_us) * 1e-6;
}

std::string percent(double share) {
    return fixed_text(100 * share, 1) + " %";
}

void clean(std::string& line) {
    std::ranges::replace_if(
        line, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }, '?');
}

// Columns aligned to the left; the last one is as long as it is.
void add_table(std::vector<std::string>& lines, const std::vector<Cells>& rows) {
    std::vector<std::size_t> widths(rows.front().size());
    for (const Cells& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], row[i].size());
        }
    }
    for (const Cells& row : rows) {
        std::string line = " ";
        for (std::size_t i = 0; i < row.size(); ++i) {
            line += " " + row[i];
            if (i + 1 < row.size()) {
                line.append(widths[i] - row[i].size() + 1, ' ');
            }
        }
        lines.push_back(std::move(line));
    }
}

std::string probe_words(const ServerReport& server) {
    if (server.probe.empty()) {
        return "never";
    }
    return server.probe + " " + span_text(server.probe_age_s.value_or(0)) + " ago";
}

Cells server_cells(const ServerReport& server) {
    return {server.name,
            server.state,
            probe_words(server),
            server.load ? fixed_text(*server.load, 2) : "-",
            fixed_text(server.weight, 2),
            fixed_text(server.capacity, 2) + " x " + fixed_text(server.trim, 2) + " x " +
                fixed_text(server.ramp, 2),
            percent(server.first_share),
            server.preference ? std::to_string(*server.preference) : "-",
            server.why};
}

// "10 mail1 mail2, 20 mail3".
std::string entries_text(const std::vector<EntryReport>& entries) {
    std::string text;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (i == 0 || entries[i].preference != entries[i - 1].preference) {
            text += (i == 0 ? "" : ", ") + std::to_string(entries[i].preference);
        }
        text += " " + entries[i].server;
    }
    return text;
}

void add_rows(std::vector<std::string>& lines, const PoolReport& pool) {
    for (std::size_t i = 0; i < pool.rows.size() && i < kRowsShown; ++i) {
        const RowReport& row = pool.rows[i];
        lines.push_back("  variant " + std::to_string(row.index) + " for " + percent(row.share) +
                        " of the sources: " + entries_text(row.entries) +
                        (row.canonical ? " (canonical)" : ""));
    }
    if (pool.rows.size() > kRowsShown) {
        lines.push_back("  and " + std::to_string(pool.rows.size() - kRowsShown) +
                        " variants more");
    }
}

void add_overrides(std::vector<std::string>& lines, const PoolReport& pool, std::int64_t now_us) {
    for (const OverrideReport& entry : pool.overrides) {
        std::string line = "  override " + std::to_string(entry.id) + ": " + entry.text + "; for " +
                           span_text(age_s(now_us, entry.created_us));
        if (entry.expires_us) {
            line += ", until " + time_text(*entry.expires_us);
        }
        lines.push_back(std::move(line));
    }
}

std::string commit_line(const CommitReport& commit, std::int64_t now_us) {
    return "commit " + std::to_string(commit.id) + " of " + time_text(commit.when_us) + " (" +
           span_text(age_s(now_us, commit.when_us)) + " ago): " + commit.cause;
}

void add_pool(std::vector<std::string>& lines,
              const ExplainReport& report,
              const PoolReport& pool) {
    const bool of_domain = !report.domain.empty();
    lines.push_back("pool " + pool.pool + ": policy " + pool.policy +
                    (pool.form == "strict" ? " strict" : "") +
                    (of_domain && report.pool_policy ? " (the pool's)" : "") + ", TTL " +
                    std::to_string(pool.ttl_s) + " s, made from " + pool.basis +
                    (pool.mean_load ? ", mean load " + fixed_text(*pool.mean_load, 2) : "") + ", " +
                    percent(pool.loss_rate) + " of probes lost: down after " +
                    std::to_string(pool.losses_to_down));
    lines.push_back("  " + commit_line(pool.commit, report.now_us));
    if (of_domain && !pool.in_force) {
        lines.emplace_back("  not in the answers yet: its snapshot is being built, or was refused");
    }
    std::vector<Cells> rows = {{"server",
                                "state",
                                "probe",
                                "load",
                                "weight",
                                "= capacity x trim x ramp",
                                "first",
                                "pref",
                                "why"}};
    for (const ServerReport& server : pool.servers) {
        rows.push_back(server_cells(server));
    }
    add_table(lines, rows);
    add_overrides(lines, pool, report.now_us);
    if (of_domain) {
        add_rows(lines, pool);
    } else {
        for (std::size_t i = 1; i < pool.commits.size() && i < kCommitLines; ++i) {
            lines.push_back("  " + commit_line(pool.commits[i], report.now_us));
        }
    }
    if (pool.source_row) {
        lines.push_back("  " + report.source + " gets variant " +
                        std::to_string(pool.source_row->index) + ": " +
                        entries_text(pool.source_row->entries));
    } else if (!report.source.empty()) {
        lines.push_back("  " + report.source + " gets the variants in turn");
    }
}

}  // namespace

std::vector<std::string> report_lines(const ExplainReport& report) {
    std::vector<std::string> lines;
    std::string head =
        report.domain.empty() ? report.name_server : report.domain + " on " + report.name_server;
    head += " at " + time_text(report.now_us) + ": snapshot " + std::to_string(report.snapshot) +
            " of directory version " + std::to_string(report.directory);
    if (report.serial) {
        head += ", serial " + std::to_string(*report.serial);
    }
    lines.push_back(std::move(head));
    for (const PoolReport& pool : report.pools) {
        add_pool(lines, report, pool);
    }
    if (report.pools.empty()) {
        lines.emplace_back("no servers are steered here");
    }
    std::ranges::for_each(lines, clean);
    return lines;
}

}  // namespace dns::explain
