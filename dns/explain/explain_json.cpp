// report_json() of explain_text.h.

#include "dns/explain/explain_text.h"
#include "dns/explain/json_writer.h"

namespace dns::explain {
namespace {

void write(JsonWriter& out, const ServerReport& server) {
    out.begin_object();
    out.text("server", server.name);
    out.text("state", server.state);
    out.text("why", server.why);
    out.text("probe", server.probe.empty() ? "never" : server.probe);
    out.number("probe_age_s", server.probe_age_s);
    out.number("since_s", server.since_s);
    out.number("load", server.load);
    out.number("accepted_per_second", server.accepted_rate);
    out.flag("ill", server.ill);
    out.number("capacity", server.capacity);
    out.number("trim", server.trim);
    out.number("ramp", server.ramp);
    out.number("weight", server.weight);
    out.number("first_share", server.first_share);
    out.number("preference", server.preference);
    out.number("pin", server.pin);
    out.number("configured_preference", server.configured_preference);
    out.number("tier", static_cast<unsigned>(server.tier));
    out.end_object();
}

void write(JsonWriter& out, const OverrideReport& entry) {
    out.begin_object();
    out.number("id", entry.id);
    out.text("text", entry.text);
    out.text("author", entry.author);
    out.text("reason", entry.reason);
    out.number("created_us", entry.created_us);
    out.number("expires_us", entry.expires_us);
    out.number("quiet_us", entry.quiet_us);
    out.end_object();
}

void write(JsonWriter& out, const CommitReport& commit, std::string_view name = {}) {
    out.begin_object(name);
    out.number("id", commit.id);
    out.number("at_us", commit.when_us);
    out.text("cause", commit.cause);
    out.begin_array("changes");
    for (const std::string& change : commit.changes) {
        out.text({}, change);
    }
    out.end_array();
    out.end_object();
}

void write(JsonWriter& out, const RowReport& row, std::string_view name = {}) {
    out.begin_object(name);
    out.number("variant", row.index);
    out.number("width", row.width);
    out.number("share", row.share);
    out.flag("canonical", row.canonical);
    out.begin_array("records");
    for (const EntryReport& entry : row.entries) {
        out.begin_object();
        out.number("preference", entry.preference);
        out.text("server", entry.server);
        out.end_object();
    }
    out.end_array();
    out.end_object();
}

template <typename T>
void write_list(JsonWriter& out, std::string_view name, const std::vector<T>& list) {
    out.begin_array(name);
    for (const T& item : list) {
        write(out, item);
    }
    out.end_array();
}

void write(JsonWriter& out, const PoolReport& pool, bool of_domain) {
    out.begin_object();
    out.text("pool", pool.pool);
    out.text("policy", pool.policy);
    out.text("form", pool.form);
    out.number("ttl_s", pool.ttl_s);
    out.text("basis", pool.basis);
    write(out, pool.commit, "commit");
    out.number("loss_rate", pool.loss_rate);
    out.number("losses_to_down", pool.losses_to_down);
    out.number("mean_load", pool.mean_load);
    write_list(out, "servers", pool.servers);
    write_list(out, "overrides", pool.overrides);
    if (of_domain) {
        out.flag("in_force", pool.in_force);
        write_list(out, "variants", pool.rows);
        if (pool.source_row) {
            write(out, *pool.source_row, "source_variant");
        }
    } else {
        write_list(out, "commits", pool.commits);
    }
    out.end_object();
}

}  // namespace

std::string report_json(const ExplainReport& report) {
    JsonWriter out;
    out.begin_object();
    out.text("name_server", report.name_server);
    out.number("at_us", report.now_us);
    out.number("snapshot", report.snapshot);
    out.number("directory_version", report.directory);
    const bool of_domain = !report.domain.empty();
    if (of_domain) {
        out.text("domain", report.domain);
        out.number("serial", report.serial);
        out.flag("policy_of_pool", report.pool_policy);
        if (!report.source.empty()) {
            out.text("source", report.source);
        }
    }
    out.begin_array("pools");
    for (const PoolReport& pool : report.pools) {
        write(out, pool, of_domain);
    }
    out.end_array();
    out.end_object();
    return out.take();
}

}  // namespace dns::explain
