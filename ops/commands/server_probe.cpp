#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "dns/limits.h"
#include "dns/probe/probe_kind.h"
#include "ops/commands/commands.h"
#include "ops/output.h"

namespace ops {

namespace {

using dns::probe::ProbeKind;

// A column of directory.probe and the option that sets it. Its range is the schema's.
struct Setting {
    const char* option;
    const char* column;
    double min;
    double max;
    bool whole;
    const char* help;
};

constexpr std::array<Setting, 8> kSettings = {{
    {"--interval", "interval_s", 1, 60, false, "seconds between two probes of a server; else 5"},
    {"--jitter",
     "jitter",
     0,
     0.5,
     false,
     "share of the interval that a probe may be late; else 0.1"},
    {"--deadline", "deadline_s", 0.1, 60, false, "seconds until a probe is lost; else 1"},
    {"--rise", "rise", 1, 10, true, "good answers in a row before up; else 2"},
    {"--fall", "fall", 0, 16, true, "lost probes in a row before down; 0, else: by the loss rate"},
    {"--dwell", "dwell_s", 0, 3600, false, "seconds between two changes of health; else 10"},
    {"--flap-max", "flap_max_s", 0, 86400, false, "seconds that flapping keeps it down; else 300"},
    {"--flap-half-life",
     "flap_half_life_s",
     1,
     86400,
     false,
     "seconds until half is forgotten; 600"},
}};

std::string number_text(double number) {
    std::array<char, 32> buffer{};
    const auto [end, error] = std::to_chars(buffer.begin(), buffer.end(), number);
    return error == std::errc() ? std::string(buffer.begin(), end) : std::string();
}

// The value of an option, null for "default"; nothing if it was not given.
base::Result<std::optional<base::Param>> value_of(const Arguments& arguments,
                                                  const Setting& setting) {
    const auto text = arguments.optional(setting.option);
    if (!text) {
        return std::optional<base::Param>();
    }
    if (*text == "default") {
        return std::optional(base::Param(nullptr));
    }
    double number = 0;
    const char* const end = text->data() + text->size();
    const auto [stop, error] = std::from_chars(text->data(), end, number);
    const bool in_range =
        error == std::errc() && stop == end && number >= setting.min && number <= setting.max;
    if (!in_range || (setting.whole && number != std::floor(number))) {
        return base::Error{base::Errc::Invalid,
                           std::string(setting.option) + " takes a " +
                               (setting.whole ? "whole number" : "number") + " from " +
                               number_text(setting.min) + " to " + number_text(setting.max) +
                               ", or 'default', not '" + *text + "'"};
    }
    return std::optional(base::Param(number));
}

struct Check {
    std::string kind;
    std::optional<std::int64_t> port;
    std::optional<std::string> path;
};

base::Error bad_check(const std::string& text, const std::string& why) {
    return {base::Errc::Invalid,
            "--check takes report, smtp, imap, pop3, http:PORT[/PATH] or agent:PORT, not '" + text +
                "': " + why};
}

// KIND[:PORT][/PATH]
base::Result<Check> parse_check(const std::string& text) {
    Check check;
    std::string rest = text;
    if (const std::size_t slash = rest.find('/'); slash != std::string::npos) {
        check.path = rest.substr(slash);
        rest.resize(slash);
    }
    if (const std::size_t colon = rest.find(':'); colon != std::string::npos) {
        std::int64_t port = 0;
        const char* const end = rest.data() + rest.size();
        const auto [stop, error] = std::from_chars(rest.data() + colon + 1, end, port);
        if (error != std::errc() || stop != end || port < 1 || port > 65535) {
            return bad_check(text, "a port is a number from 1 to 65535");
        }
        check.port = port;
        rest.resize(colon);
    }
    check.kind = rest;
    const auto kind = dns::probe::parse_probe_kind(rest);
    if (!kind) {
        return bad_check(text, "there is no such kind");
    }
    if (check.path && *kind != ProbeKind::Http) {
        return bad_check(text, "only http has a path");
    }
    if (check.path && (check.path->size() > dns::kProbePathMax ||
                       check.path->find_first_of(" \t\r\n") != std::string::npos)) {
        return bad_check(text, "a path has no blanks and at most 1000 octets");
    }
    if (!check.port && (*kind == ProbeKind::Http || *kind == ProbeKind::Agent)) {
        return bad_check(text, "it needs a port");
    }
    return check;
}

// The pool, and the server of it that is meant; null: all of them.
struct Target {
    std::string pool;
    std::optional<std::int64_t> server;
};

base::Result<Target> find_target(base::Tx& tx, const Arguments& arguments) {
    Target target;
    target.pool = arguments.text("pool");
    if (target.pool != "mail" && target.pool != "access") {
        return base::Error{base::Errc::Invalid,
                           "servers that are probed are mail or access, not '" + target.pool + "'"};
    }
    const auto name = arguments.optional("name");
    if (name) {
        const base::Rows found = TRY(tx.query(
            "SELECT id FROM directory." + target.pool + "_server WHERE name = $1", {*name}));
        if (found.empty()) {
            return base::Error{base::Errc::NotFound,
                               "there is no " + target.pool + " server " + *name};
        }
        target.server = found[0].int64(0);
    }
    return target;
}

// The row of a target, made if it is not there.
base::Result<std::int64_t> row_of(base::Tx& tx, const Target& target) {
    const std::string column = target.pool + "_server_id";
    (void)TRY(tx.query(
        "INSERT INTO directory.probe (pool, " + column + ") VALUES ($1, $2) ON CONFLICT DO NOTHING",
        {target.pool, target.server}));
    const base::Rows found = TRY(tx.query("SELECT id FROM directory.probe WHERE pool = $1 AND " +
                                              column + " IS NOT DISTINCT FROM $2 FOR UPDATE",
                                          {target.pool, target.server}));
    return found[0].int64(0);
}

base::Status set_checks(base::Tx& tx, std::int64_t row, const std::vector<std::string>& texts) {
    if (texts.empty()) {
        return base::Done{};
    }
    (void)TRY(tx.query("DELETE FROM directory.probe_check WHERE probe_id = $1", {row}));
    if (texts.size() == 1 && texts[0] == "default") {
        return base::Done{};
    }
    if (texts.size() > dns::kProbeChecksMax) {
        return base::Error{
            base::Errc::Invalid,
            "a server has at most " + std::to_string(dns::kProbeChecksMax) + " checks"};
    }
    std::int64_t position = 0;
    for (const std::string& text : texts) {
        const Check check = TRY(parse_check(text));
        auto added = tx.query(
            "INSERT INTO directory.probe_check (probe_id, position, kind, port, path) "
            "VALUES ($1, $2, $3, $4, $5)",
            {row, ++position, check.kind, check.port, check.path});
        if (!added && added.error().code == base::Errc::Exists) {
            return bad_check(text, "it is there twice");
        }
        (void)TRY(std::move(added));
    }
    return base::Done{};
}

base::Status set_probe(CommandContext& context, const Arguments& arguments) {
    base::Connection* connection = TRY(context.db());
    base::Tx tx = TRY(connection->begin());
    const Target target = TRY(find_target(tx, arguments));
    const std::int64_t row = TRY(row_of(tx, target));
    const std::vector<std::string> checks = arguments.list("--check");
    bool changed = !checks.empty();
    for (const Setting& setting : kSettings) {
        const std::optional<base::Param> value = TRY(value_of(arguments, setting));
        if (value) {
            changed = true;
            (void)TRY(tx.query(
                "UPDATE directory.probe SET " + std::string(setting.column) + " = $2 WHERE id = $1",
                {row, *value}));
        }
    }
    if (!changed) {
        return base::Error{base::Errc::Invalid,
                           "say what to set: --check, --interval, --deadline, --rise, --fall, "
                           "--dwell, ...; `roundtable server probe reset` sets everything back"};
    }
    (void)TRY(set_checks(tx, row, checks));
    const base::Rows odd =
        TRY(tx.query("SELECT id FROM directory.probe WHERE id = $1 AND "
                     "coalesce(deadline_s, 1) > coalesce(interval_s, 5)",
                     {row}));
    if (!odd.empty()) {
        return base::Error{base::Errc::Invalid, "the deadline is longer than the interval"};
    }
    (void)TRY(tx.commit());
    say(context,
        arguments.optional("name").value_or("every " + target.pool + " server") +
            " is probed so from now on");
    return base::Done{};
}

base::Status reset_probe(CommandContext& context, const Arguments& arguments) {
    base::Connection* connection = TRY(context.db());
    base::Tx tx = TRY(connection->begin());
    const Target target = TRY(find_target(tx, arguments));
    const base::Rows removed = TRY(tx.query("DELETE FROM directory.probe WHERE pool = $1 AND " +
                                                target.pool + "_server_id IS NOT DISTINCT FROM $2",
                                            {target.pool, target.server}));
    if (removed.affected() == 0) {
        return base::Error{base::Errc::NotFound, "nothing is set for it"};
    }
    (void)TRY(tx.commit());
    say(context, "set back to what is usual");
    return base::Done{};
}

base::Status list_probes(CommandContext& context, const Arguments&) {
    return print_rows(
        context,
        "SELECT p.pool, coalesce(m.name, a.name, '(all)') AS server, "
        "coalesce((SELECT string_agg(c.kind || coalesce(':' || c.port, '') || coalesce(c.path, "
        "''), "
        "' ' ORDER BY c.position) FROM directory.probe_check c WHERE c.probe_id = p.id), '') "
        "AS checks, p.interval_s, p.jitter, p.deadline_s, p.rise, p.fall, p.dwell_s, p.flap_max_s, "
        "p.flap_half_life_s FROM directory.probe p "
        "LEFT JOIN directory.mail_server m ON m.id = p.mail_server_id "
        "LEFT JOIN directory.access_server a ON a.id = p.access_server_id "
        "ORDER BY p.pool DESC, coalesce(m.name, a.name) NULLS FIRST",
        {},
        "every server is probed as usual");
}

}  // namespace

std::vector<Command> server_probe_commands() {
    const OptionSpec pool{"pool", OptionKind::Positional, "mail or access"};
    const OptionSpec name{
        "name", OptionKind::OptionalPositional, "a server of that pool; else all of them"};
    std::vector<OptionSpec> options = {
        pool,
        name,
        {"--check",
         OptionKind::Values,
         "what it is asked, up to 4 of: report, smtp, imap, pop3, http:PORT/PATH, agent:PORT"}};
    for (const Setting& setting : kSettings) {
        options.push_back({setting.option, OptionKind::Value, setting.help});
    }
    return {
        {"server probe",
         "set",
         "say how servers are probed; 'default' as a value sets it back",
         std::move(options),
         set_probe},
        {"server probe", "list", "list what is not as usual", {}, list_probes},
        {"server probe", "reset", "probe as usual again", {pool, name}, reset_probe},
    };
}

}  // namespace ops
