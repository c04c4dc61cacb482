#include <algorithm>
#include <array>

#include "ops/commands/commands.h"
#include "ops/output.h"

namespace ops {

namespace {

// The settings of the whole cluster, columns of directory.cluster, which checks their values.
struct Setting {
    const char* name;
    const char* type;  // as SQL casts the given word
};

constexpr std::array kSettings{Setting{"name", "text"},
                               Setting{"min_copies", "smallint"},
                               Setting{"accept_degraded", "boolean"},
                               Setting{"compression", "text"},
                               Setting{"expunged_retention", "interval"},
                               Setting{"superseded_grace", "interval"},
                               Setting{"scrub_interval", "interval"},
                               Setting{"compact_dead_share", "real"},
                               Setting{"upkeep_bytes_per_second", "bigint"},
                               Setting{"ingest_key_retention", "interval"},
                               Setting{"virus_policy", "text"},
                               Setting{"no_scanner_policy", "text"},
                               Setting{"quarantine_retention", "interval"},
                               Setting{"dnssec_roll_days", "integer"}};

std::string names() {
    std::string all;
    for (const Setting& setting : kSettings) {
        all += (all.empty() ? "" : ", ") + std::string(setting.name);
    }
    return all;
}

base::Status list_settings(CommandContext& context, const Arguments&) {
    std::string query;
    for (const Setting& setting : kSettings) {
        const std::string name(setting.name);
        query += (query.empty() ? "SELECT * FROM (" : " UNION ALL ") + std::string("SELECT '") +
                 name + "' AS setting, c." + name +
                 "::text AS value, (SELECT col_description(a.attrelid, a.attnum) "
                 "FROM pg_attribute a WHERE a.attrelid = 'directory.cluster'::regclass "
                 "AND a.attname = '" +
                 name + "') AS meaning FROM directory.cluster c";
    }
    return print_rows(context, query + ") AS settings", {}, "the directory has no cluster row");
}

base::Status change_setting(CommandContext& context, const Arguments& arguments) {
    const std::string name = arguments.text("setting");
    const std::string value = arguments.text("value");
    const auto* const setting = std::find_if(
        kSettings.begin(), kSettings.end(), [&](const Setting& each) { return name == each.name; });
    if (setting == kSettings.end()) {
        return base::Error{base::Errc::NotFound,
                           "there is no setting " + name + "; there are " + names()};
    }
    (void)TRY(change_one(context,
                         std::string("UPDATE directory.cluster SET ") + setting->name +
                             " = $1::text::" + setting->type,
                         {value},
                         "the directory has no cluster row"));
    say(context, name + " is now " + value);
    return base::Done{};
}

}  // namespace

std::vector<Command> setting_commands() {
    return {{"setting",
             "list",
             "show the settings of the whole cluster and what they mean",
             {},
             list_settings},
            {"setting",
             "set",
             "change a setting of the whole cluster; daemons follow within a second",
             {{"setting", OptionKind::Positional, "its name, as `setting list` shows it"},
              {"value", OptionKind::Positional, "a number, a word, or a time such as 14d"}},
             change_setting}};
}

}  // namespace ops
