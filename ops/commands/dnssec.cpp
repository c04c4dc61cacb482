#include <algorithm>
#include <functional>
#include <utility>

#include "base/clock.h"
#include "dns/dnssec/roll_store.h"
#include "dns/ldns_door.h"
#include "ops/commands/commands.h"
#include "ops/json.h"
#include "ops/output.h"

namespace ops {

namespace {

using namespace dns::dnssec;  // NOLINT(google-build-using-namespace): what these verbs are about

constexpr std::int64_t kMicros = 1'000'000;

std::int64_t now_s() {
    return base::wall_us() / kMicros;
}

std::string when(std::int64_t at_s) {
    return base::format_utc(at_s * kMicros).substr(0, 19) + "Z";
}

std::uint16_t tag_of(const KeyRecord& key) {
    return key_tag(dnskey_data(key.key));
}

// The keys that a verb wants to have, and the private half of a new one.
struct Wanted {
    ZoneKeys keys;
    std::string secret;
};

using Change = std::function<base::Result<Wanted>(StoredKeys& stored, std::int64_t at_s)>;

// Reads the keys of a domain, moves them as far as is due, changes and writes them; gives them as
// they are then, with what is next.
base::Result<RollStep> change_keys(CommandContext& context,
                                   const std::string& domain,
                                   const Change& change) {
    base::Connection* connection = TRY(context.db());
    base::Tx tx = TRY(connection->begin());
    StoredKeys stored = TRY(read_keys(tx, domain));
    const std::int64_t at_s = now_s();
    RollStep before = advance(std::move(stored.keys), stored.times, at_s);
    stored.keys = std::move(before.zone);
    Wanted wanted = TRY(change(stored, at_s));
    RollStep step = advance(std::move(wanted.keys), stored.times, at_s);
    TRY(store_keys(tx, stored, step.zone, wanted.secret));
    TRY(tx.commit());
    step.changes.insert(step.changes.begin(), before.changes.begin(), before.changes.end());
    return step;
}

base::Error not_signed(const std::string& domain) {
    return {base::Errc::NotFound,
            domain + " is not signed; `roundtable dnssec enable " + domain + "` begins"};
}

// What comes next, for people.
std::string outlook(const RollStep& step) {
    if (step.waits_for.empty()) {
        return "";
    }
    return "waits for " + step.waits_for +
           (step.next_s ? ", until " + when(*step.next_s) : std::string());
}

void tell(CommandContext& context, const std::string& done, const RollStep& step) {
    say(context, done);
    for (const std::string& change : step.changes) {
        say(context, change);
    }
    if (const std::string next = outlook(step); !next.empty()) {
        say(context, next);
    }
}

// How the zone is to deny. Compact denial is not for zones that others fetch.
base::Result<Denial> wanted_denial(CommandContext& context,
                                   const std::string& domain,
                                   const Arguments& arguments) {
    const auto denial = parse_denial(arguments.optional("--denial").value_or("nsec"));
    if (!denial) {
        return base::Error{
            base::Errc::Invalid,
            "--denial is nsec, nsec3 or compact, not '" + arguments.text("--denial") + "'"};
    }
    if (*denial != Denial::Compact) {
        return *denial;
    }
    base::Connection* connection = TRY(context.db());
    const base::Rows peers = TRY(connection->query(
        "SELECT p.name FROM directory.transfer_peer p WHERE p.all_domains OR EXISTS ("
        "SELECT FROM directory.transfer_domain t JOIN directory.domain d ON d.id = t.domain_id "
        "WHERE t.peer_id = p.id AND d.name = $1) ORDER BY p.name LIMIT 1",
        {domain}));
    if (!peers.empty()) {
        return base::Error{base::Errc::Refused,
                           domain + " is transferred to " + peers[0].string(0) +
                               ", and secondaries need a chain: --denial nsec or nsec3"};
    }
    return *denial;
}

// True: the domain was signed already, and denies so now.
base::Result<bool> change_denial(CommandContext& context,
                                 const std::string& domain,
                                 Denial denial) {
    base::Connection* connection = TRY(context.db());
    const base::Rows changed = TRY(connection->query(
        "UPDATE directory.dnssec s SET denial = $2 FROM directory.domain d "
        "WHERE d.id = s.domain_id AND d.name = $1 AND s.wish = 'signed' RETURNING 1",
        {domain, denial_name(denial)}));
    return !changed.empty();
}

base::Status enable(CommandContext& context, const Arguments& arguments) {
    const std::string domain = normal_name(arguments.text("domain"));
    const Denial denial = TRY(wanted_denial(context, domain, arguments));
    const auto algorithm =
        parse_algorithm(arguments.optional("--algorithm").value_or("ecdsap256sha256"));
    if (!algorithm) {
        return base::Error{base::Errc::Invalid,
                           "--algorithm is ecdsap256sha256 or ed25519, not '" +
                               arguments.text("--algorithm") + "'"};
    }
    const std::int64_t ds_ttl = TRY(arguments.integer("--ds-ttl", 0, 604800, 86400));
    if (arguments.has("--denial") && !arguments.has("--algorithm") && !arguments.has("--ds-ttl") &&
        TRY(change_denial(context, domain, denial))) {
        say(context, domain + " denies by " + std::string(denial_name(denial)) + " from now on");
        return base::Done{};
    }
    const auto change = [&](StoredKeys& stored, std::int64_t at_s) -> base::Result<Wanted> {
        if (!stored.keys.keys.empty()) {
            if (stored.keys.wish == Wish::Signed) {
                return base::Error{base::Errc::Exists, domain + " is signed already"};
            }
            if (arguments.has("--algorithm") || arguments.has("--ds-ttl")) {
                return base::Error{base::Errc::Invalid,
                                   domain +
                                       " is still signed as it was: options are for "
                                       "domains that are not"};
            }
            return Wanted{TRY(keep_signing(stored.keys, at_s)), {}};
        }
        if (stored.revision != 0) {
            return base::Error{base::Errc::Refused,
                               "the end of signing is due; say `roundtable dnssec ds " + domain +
                                   " --none` first"};
        }
        stored.denial = denial;
        stored.times.ds_ttl_s = ds_ttl;
        const SigningKey key = SigningKey::generate(*algorithm);
        return Wanted{TRY(introduce(stored.keys, {*algorithm, key.public_key()}, at_s)),
                      key.secret()};
    };
    const RollStep step = TRY(change_keys(context, domain, change));
    tell(context, domain + " is signed from now on", step);
    return base::Done{};
}

base::Status disable(CommandContext& context, const Arguments& arguments) {
    const std::string domain = normal_name(arguments.text("domain"));
    const auto change = [&](StoredKeys& stored, std::int64_t at_s) -> base::Result<Wanted> {
        if (stored.keys.keys.empty()) {
            return not_signed(domain);
        }
        return Wanted{TRY(remove_signing(stored.keys, at_s)), {}};
    };
    const RollStep step = TRY(change_keys(context, domain, change));
    tell(context,
         "the parent of " + domain +
             " is asked to drop its DS; when they have gone: `roundtable dnssec ds " + domain +
             " --none`",
         step);
    return base::Done{};
}

base::Status roll(CommandContext& context, const Arguments& arguments) {
    const std::string domain = normal_name(arguments.text("domain"));
    const auto change = [&](StoredKeys& stored, std::int64_t at_s) -> base::Result<Wanted> {
        if (stored.keys.keys.empty()) {
            return not_signed(domain);
        }
        const ZoneKeys& keys = stored.keys;
        const Algorithm algorithm = keys.keys.front().key.algorithm;
        const SigningKey key = new_key(keys, algorithm);
        return Wanted{TRY(introduce(keys, {algorithm, key.public_key()}, at_s)), key.secret()};
    };
    const RollStep step = TRY(change_keys(context, domain, change));
    tell(context, "a new key of " + domain + " is made", step);
    return base::Done{};
}

// The DS records that the parent shall have, as of `keys`.
base::Status print_ds(CommandContext& context, const std::string& domain, const ZoneKeys& keys) {
    const dns::Name zone = TRY(dns::Name::from_text(domain));
    Json all = Json::array();
    for (const KeyRecord* key : roles_of(keys).delegation) {
        const std::string text =
            TRY(dns::record_data_text(kTypeDs, ds_data(zone, dnskey_data(key->key))));
        all.push_back(text);
        say(context, zone.to_text() + " IN DS " + text);
    }
    if (context.output == Output::Json) {
        std::printf("%s\n", all.dump().c_str());
    } else if (all.empty()) {
        say(context, "the parent shall have no DS of " + domain + " now");
    }
    return base::Done{};
}

base::Result<std::vector<std::uint16_t>> seen_tags(const Arguments& arguments,
                                                   const ZoneKeys& keys) {
    std::vector<std::uint16_t> tags;
    for (const std::string& text : arguments.list("--seen")) {
        const auto key = std::ranges::find_if(keys.keys, [&text](const KeyRecord& known) {
            return std::to_string(tag_of(known)) == text;
        });
        if (key == keys.keys.end()) {
            return base::Error{base::Errc::NotFound, "the zone has no key with the tag " + text};
        }
        tags.push_back(tag_of(*key));
    }
    return tags;
}

base::Status ds(CommandContext& context, const Arguments& arguments) {
    const std::string domain = normal_name(arguments.text("domain"));
    const bool noted = arguments.has("--seen") || arguments.has("--none");
    if (arguments.has("--seen") && arguments.has("--none")) {
        return base::Error{base::Errc::Invalid, "--seen or --none, not both"};
    }
    if (!noted) {
        base::Connection* connection = TRY(context.db());
        base::Tx tx = TRY(connection->begin());
        const StoredKeys stored = TRY(read_keys(tx, domain));
        if (stored.keys.keys.empty()) {
            return not_signed(domain);
        }
        return print_ds(context, domain, advance(stored.keys, stored.times, now_s()).zone);
    }
    const auto change = [&](StoredKeys& stored, std::int64_t at_s) -> base::Result<Wanted> {
        if (stored.keys.keys.empty() && stored.revision == 0) {
            return not_signed(domain);
        }
        if (arguments.has("--none") && stored.keys.wish == Wish::Signed) {
            return base::Error{base::Errc::Refused,
                               "the zone is to stay signed; `roundtable dnssec disable " + domain +
                                   "` comes first"};
        }
        const auto tags = TRY(seen_tags(arguments, stored.keys));
        return Wanted{note_delegation(stored.keys, tags, at_s), {}};
    };
    const RollStep step = TRY(change_keys(context, domain, change));
    tell(context, "noted", step);
    return base::Done{};
}

// What the servers of the parent were seen with.
Json parent_of(const std::optional<StoredParent>& parent) {
    if (!parent) {
        return nullptr;
    }
    return {{"looked_at", parent->looked_s ? when(*parent->looked_s) : ""},
            {"name_server", parent->name_server},
            {"servers", parent->servers},
            {"ds", parent->ds},
            {"ttl", parent->ttl_s},
            {"warning", parent->warning},
            {"problem", parent->problem},
            {"problem_at", parent->problem_s ? when(*parent->problem_s) : ""}};
}

void print_parent(CommandContext& context, const Json& parent) {
    if (parent.is_null()) {
        say(context, "  parent: not looked at by a name server (parent_resolvers)");
        return;
    }
    if (const auto looked = parent["looked_at"].get<std::string>(); !looked.empty()) {
        say(context,
            "  parent: " + std::to_string(parent["ds"].size()) + " DS at its " +
                std::to_string(parent["servers"].get<int>()) + " servers, seen by " +
                parent["name_server"].get<std::string>() + " " + looked);
        for (const Json& each : parent["ds"]) {
            say(context, "    DS " + each.get<std::string>());
        }
    }
    for (const char* what : {"warning", "problem"}) {
        if (const auto text = parent[what].get<std::string>(); !text.empty()) {
            say(context, "    " + std::string(what) + ": " + text);
        }
    }
}

base::Result<Json> status_of(base::Tx& tx, const StoredKeys& stored) {
    const RollStep step = advance(stored.keys, stored.times, now_s());
    Json zone{{"domain", stored.domain},
              {"denial", denial_name(stored.denial)},
              {"state", stored.keys.wish == Wish::Signed ? "signed" : "removing"},
              {"next", outlook(step)},
              {"parent", parent_of(TRY(read_parent(tx, stored.domain_id)))},
              {"next_roll", ""},
              {"keys", Json::array()}};
    const std::int64_t every_s = TRY(read_roll_every(tx, stored.domain_id));
    if (const auto due_s = roll_due_s(stored.keys, every_s)) {
        zone["next_roll"] = when(*due_s);
    }
    for (const KeyRecord& key : stored.keys.keys) {
        zone["keys"].push_back({{"tag", tag_of(key)},
                                {"algorithm", algorithm_name(key.key.algorithm)},
                                {"state", key_state_name(key.state)},
                                {"since", when(key.since_s)},
                                {"ds_seen", key.ds_seen_s ? when(*key.ds_seen_s) : ""},
                                {"ds_gone", key.ds_gone_s ? when(*key.ds_gone_s) : ""}});
    }
    return zone;
}

void print_zone(CommandContext& context, const Json& zone) {
    say(context,
        zone["domain"].get<std::string>() + ": " + zone["state"].get<std::string>() + ", denial " +
            zone["denial"].get<std::string>());
    for (const Json& key : zone["keys"]) {
        const std::string seen = key["ds_seen"].get<std::string>();
        const std::string gone = key["ds_gone"].get<std::string>();
        std::string line = "  key " + std::to_string(key["tag"].get<int>()) + " " +
                           key["algorithm"].get<std::string>() + ", " +
                           key["state"].get<std::string>() + " since " +
                           key["since"].get<std::string>();
        line += seen.empty() ? ", DS not seen" : ", DS seen " + seen;
        line += gone.empty() ? "" : ", gone " + gone;
        say(context, line);
    }
    print_parent(context, zone["parent"]);
    if (const auto next = zone["next"].get<std::string>(); !next.empty()) {
        say(context, "  " + next);
    }
    if (const auto roll_at = zone["next_roll"].get<std::string>(); !roll_at.empty()) {
        say(context, "  is rolled by schedule at " + roll_at);
    }
}

base::Status status(CommandContext& context, const Arguments& arguments) {
    base::Connection* connection = TRY(context.db());
    base::Tx tx = TRY(connection->begin());
    std::vector<StoredKeys> zones;
    if (const auto domain = arguments.optional("domain")) {
        zones.push_back(TRY(read_keys(tx, normal_name(*domain))));
        if (zones.front().keys.keys.empty()) {
            return not_signed(zones.front().domain);
        }
    } else {
        zones = TRY(read_all_keys(tx));
    }
    Json all = Json::array();
    for (const StoredKeys& stored : zones) {
        all.push_back(TRY(status_of(tx, stored)));
        print_zone(context, all.back());
    }
    if (context.output == Output::Json) {
        std::printf("%s\n", all.dump().c_str());
    } else if (zones.empty()) {
        say(context, "no domain is signed");
    }
    return base::Done{};
}

base::Status schedule(CommandContext& context, const Arguments& arguments) {
    const std::string domain = normal_name(arguments.text("domain"));
    const std::string days = arguments.text("days");
    if (days == "cluster") {
        (void)TRY(change_one(context,
                             "UPDATE directory.dnssec s SET roll_days = NULL "
                             "FROM directory.domain d WHERE d.id = s.domain_id AND d.name = $1",
                             {domain},
                             not_signed(domain).detail));
        say(context, "the key of " + domain + " is rolled as dnssec_roll_days of the cluster says");
        return base::Done{};
    }
    const std::int64_t count = days == "never" ? 0 : TRY(arguments.integer("days", 7, 3650, 0));
    (void)TRY(change_one(context,
                         "UPDATE directory.dnssec s SET roll_days = $2::bigint::integer "
                         "FROM directory.domain d WHERE d.id = s.domain_id AND d.name = $1",
                         {domain, count},
                         not_signed(domain).detail));
    say(context,
        "the key of " + domain +
            (count == 0 ? " is rolled by command alone"
                        : " is rolled every " + std::to_string(count) + " days"));
    return base::Done{};
}

}  // namespace

std::vector<Command> dnssec_commands() {
    const OptionSpec domain{"domain", OptionKind::Positional, "a mail domain"};
    return {
        {"dnssec",
         "enable",
         "sign a domain's zone, or go on doing so",
         {domain,
          {"--algorithm", OptionKind::Value, "ecdsap256sha256 (default) or ed25519"},
          {"--denial",
           OptionKind::Value,
           "nsec (default), nsec3, or compact for zones without secondaries; alone it changes the "
           "denial of a signed domain"},
          {"--ds-ttl", OptionKind::Value, "seconds, of the DS at the parent; default 86400"}},
         enable},
        {"dnssec", "disable", "sign no more, once the parent's DS has gone", {domain}, disable},
        {"dnssec",
         "status",
         "keys of signed domains and what they wait for",
         {{"domain", OptionKind::OptionalPositional, "only this one"}},
         status},
        {"dnssec", "roll", "replace a domain's key by a new one", {domain}, roll},
        {"dnssec",
         "schedule",
         "roll a domain's key every so many days",
         {domain,
          {"days",
           OptionKind::Positional,
           "7 to 3650; never: by command alone; cluster: as the setting dnssec_roll_days says"}},
         schedule},
        {"dnssec",
         "ds",
         "the DS records for the parent; with an option: what the parent has",
         {domain,
          {"--seen", OptionKind::Values, "tag of a key whose DS the parent's servers answer"},
          {"--none", OptionKind::Flag, "the parent's servers answer no DS"}},
         ds},
    };
}

}  // namespace ops
