#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "base/base64.h"
#include "base/endpoint.h"
#include "base/hash.h"
#include "base/random.h"
#include "dns/transfer/transfer_view.h"
#include "dns/tsig.h"
#include "ops/commands/commands.h"
#include "ops/output.h"

namespace ops {

namespace {

constexpr std::uint16_t kDnsPort = 53;

// As many octets as the algorithm's code has (RFC 8945 8).
std::string new_secret(dns::HmacAlgorithm algorithm) {
    std::vector<std::byte> octets(dns::mac_size(algorithm));
    base::random_fill(octets);
    return std::string(base::as_text(octets));
}

// A secret as it stands in the files of other name servers. By standard input and not by an
// argument: arguments are seen by everybody on the machine.
base::Result<std::string> read_secret() {
    std::array<char, 512> line{};
    if (std::fgets(line.data(), static_cast<int>(line.size()), stdin) == nullptr) {
        return base::Error{base::Errc::Invalid, "no secret on standard input"};
    }
    std::string text(line.data());
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) {
        text.pop_back();
    }
    // The decoder knows the alphabet of URLs (RFC 4648 5), without padding.
    std::ranges::replace(text, '+', '-');
    std::ranges::replace(text, '/', '_');
    text.erase(std::min(text.find('='), text.size()));
    auto secret = base::decode_base64url(text);
    if (!secret || secret.value().size() < dns::transfer::kKeySecretMin) {
        return base::Error{base::Errc::Invalid,
                           "the secret must be base64 of at least " +
                               std::to_string(dns::transfer::kKeySecretMin) + " octets"};
    }
    return secret;
}

base::Status add_key(CommandContext& context, const Arguments& arguments) {
    const std::string name = TRY(checked_name(arguments.text("key")));
    const std::string algorithm = arguments.optional("--algorithm").value_or("hmac-sha256");
    const dns::HmacAlgorithm hmac = TRY(dns::tsig_algorithm(algorithm));
    const std::string secret =
        arguments.has("--secret-stdin") ? TRY(read_secret()) : new_secret(hmac);
    base::Connection* connection = TRY(context.db());
    base::Tx tx = TRY(connection->begin());
    auto added = tx.query(
        "INSERT INTO directory.transfer_key (name, algorithm) VALUES ($1, $2) RETURNING id",
        {name, algorithm});
    if (!added && added.error().code == base::Errc::Exists) {
        return base::Error{base::Errc::Exists, "the key " + name + " is there already"};
    }
    const std::int64_t id = TRY(std::move(added))[0].int64(0);
    (void)TRY(tx.query("INSERT INTO directory.transfer_secret (key_id, secret) VALUES ($1, $2)",
                       {id, base::Param(base::as_bytes(secret))}));
    (void)TRY(tx.commit());
    // The only time that it is shown, as it stands in a file of BIND.
    say(context,
        "key \"" + name + "\" {\n    algorithm " + algorithm + ";\n    secret \"" +
            base::base64(secret) + "\";\n};");
    return base::Done{};
}

base::Status list_keys(CommandContext& context, const Arguments&) {
    return print_rows(context,
                      "SELECT k.name, k.algorithm, k.created_at, "
                      "(SELECT string_agg(p.name, ' ' ORDER BY p.name) "
                      "FROM directory.transfer_peer p WHERE p.key_id = k.id) AS peers "
                      "FROM directory.transfer_key k ORDER BY k.name",
                      {},
                      "no keys");
}

base::Status remove_key(CommandContext& context, const Arguments& arguments) {
    const std::string name = normal_name(arguments.text("key"));
    base::Connection* connection = TRY(context.db());
    auto removed = connection->query("DELETE FROM directory.transfer_key WHERE name = $1", {name});
    if (!removed && removed.error().code == base::Errc::Invalid) {
        return base::Error{
            base::Errc::Refused,
            "the key " + name +
                " is in use; remove its peers (`roundtable transfer list`) and its rights to "
                "update (`roundtable update list`) first"};
    }
    if (TRY(std::move(removed)).affected() == 0) {
        return base::Error{base::Errc::NotFound, "there is no key " + name};
    }
    say(context, "removed key " + name);
    return base::Done{};
}

// The id of the key that was named; null if none was.
base::Result<base::Param> named_key(base::Tx& tx, const Arguments& arguments) {
    const auto name = arguments.optional("--key");
    if (!name) {
        return base::Param(nullptr);
    }
    const base::Rows rows = TRY(
        tx.query("SELECT id FROM directory.transfer_key WHERE name = $1", {normal_name(*name)}));
    if (rows.empty()) {
        return base::Error{
            base::Errc::NotFound,
            "there is no key " + *name + "; `roundtable transfer key add` makes one"};
    }
    return base::Param(rows[0].int64(0));
}

base::Result<std::vector<std::string>> networks_of(const Arguments& arguments) {
    std::vector<std::string> networks;
    for (const std::string& text : arguments.list("--from")) {
        networks.push_back(TRY(base::Network::parse(text)).to_text());
    }
    return networks;
}

base::Status add_targets(base::Tx& tx, std::int64_t peer, const Arguments& arguments) {
    for (const std::string& text : arguments.list("--notify")) {
        const base::Endpoint to = TRY(base::Endpoint::parse(text, kDnsPort));
        (void)TRY(
            tx.query("INSERT INTO directory.transfer_notify (peer_id, address, port) "
                     "VALUES ($1, $2::inet, $3) ON CONFLICT DO NOTHING",
                     {peer, to.address().to_text(), std::int64_t{to.port()}}));
    }
    for (const std::string& text : arguments.list("--domain")) {
        const std::string domain = normal_name(text);
        const base::Rows added =
            TRY(tx.query("INSERT INTO directory.transfer_domain (peer_id, domain_id) "
                         "SELECT $1, id FROM directory.domain WHERE name = $2 "
                         "ON CONFLICT DO NOTHING RETURNING 1",
                         {peer, domain}));
        if (added.empty()) {
            return base::Error{base::Errc::NotFound, "there is no domain " + domain};
        }
    }
    return base::Done{};
}

// Zones with compact denial have no chain, which secondaries need. The database says so, too, but
// not which domains.
base::Status refuse_compact(base::Tx& tx, const Arguments& arguments) {
    std::vector<std::string> domains;
    for (const std::string& text : arguments.list("--domain")) {
        domains.push_back(normal_name(text));
    }
    const base::Rows compact = TRY(tx.query(
        "SELECT d.name FROM directory.dnssec s JOIN directory.domain d ON d.id = s.domain_id "
        "WHERE s.denial = 'compact' AND ($1 OR d.name = ANY ($2::text[])) ORDER BY d.name LIMIT 1",
        {domains.empty(), domains}));
    if (!compact.empty()) {
        const std::string name = compact[0].string(0);
        return base::Error{base::Errc::Refused,
                           name +
                               " denies by compact records, and secondaries need a chain: "
                               "`roundtable dnssec enable " +
                               name + " --denial nsec` (or nsec3) first" +
                               (domains.empty() ? ", or offer others by --domain" : "")};
    }
    return base::Done{};
}

base::Status add_peer(CommandContext& context, const Arguments& arguments) {
    const std::string name = arguments.text("peer");
    const std::vector<std::string> networks = TRY(networks_of(arguments));
    if (networks.empty() && !arguments.has("--key")) {
        return base::Error{base::Errc::Invalid,
                           "say who the peer is: --key KEY, --from NETWORK, or both"};
    }
    base::Connection* connection = TRY(context.db());
    base::Tx tx = TRY(connection->begin());
    const base::Param key = TRY(named_key(tx, arguments));
    TRY(refuse_compact(tx, arguments));
    auto added = tx.query(
        "INSERT INTO directory.transfer_peer (name, networks, key_id, all_domains, gets_catalog) "
        "VALUES ($1, $2::text[]::cidr[], $3, $4, $5) RETURNING id",
        {name, networks, key, !arguments.has("--domain"), arguments.has("--catalog")});
    if (!added && added.error().code == base::Errc::Exists) {
        return base::Error{base::Errc::Exists, "the peer " + name + " is there already"};
    }
    const std::int64_t id = TRY(std::move(added))[0].int64(0);
    TRY(add_targets(tx, id, arguments));
    (void)TRY(tx.commit());
    say(context, "added peer " + name);
    return base::Done{};
}

base::Status list_peers(CommandContext& context, const Arguments&) {
    return print_rows(
        context,
        "SELECT p.name, array_to_string(p.networks, ' ') AS \"from\", k.name AS key, "
        "(SELECT string_agg(CASE family(n.address) WHEN 4 THEN host(n.address) "
        "ELSE '[' || host(n.address) || ']' END || ':' || n.port, ' ' ORDER BY n.address, n.port) "
        "FROM directory.transfer_notify n WHERE n.peer_id = p.id) AS notify, "
        "CASE WHEN p.all_domains THEN 'all' ELSE "
        "(SELECT string_agg(d.name, ' ' ORDER BY d.name) FROM directory.transfer_domain t "
        "JOIN directory.domain d ON d.id = t.domain_id WHERE t.peer_id = p.id) END AS domains, "
        "p.gets_catalog AS catalog FROM directory.transfer_peer p "
        "LEFT JOIN directory.transfer_key k ON k.id = p.key_id ORDER BY p.name",
        {},
        "nobody may fetch zones");
}

base::Status remove_peer(CommandContext& context, const Arguments& arguments) {
    const std::string name = arguments.text("peer");
    (void)TRY(change_one(context,
                         "DELETE FROM directory.transfer_peer WHERE name = $1",
                         {name},
                         "there is no peer " + name));
    say(context, "removed peer " + name);
    return base::Done{};
}

base::Status set_catalog(CommandContext& context, const Arguments& arguments) {
    const std::string name = TRY(checked_name(arguments.text("zone")));
    base::Connection* connection = TRY(context.db());
    // A zone that is ours would be hidden by the catalog, or the reverse.
    const base::Rows taken =
        TRY(connection->query("SELECT 1 FROM directory.domain WHERE name = $1", {name}));
    if (!taken.empty()) {
        return base::Error{base::Errc::Exists,
                           name +
                               " is a mail domain; take a name that is nobody's, such as "
                               "catalog.invalid"};
    }
    (void)TRY(connection->query("UPDATE directory.transfer_catalog SET name = $1", {name}));
    say(context, "the catalog zone is " + name);
    return base::Done{};
}

base::Status clear_catalog(CommandContext& context, const Arguments&) {
    base::Connection* connection = TRY(context.db());
    (void)TRY(connection->query("UPDATE directory.transfer_catalog SET name = NULL"));
    say(context, "there is no catalog zone");
    return base::Done{};
}

base::Status show_catalog(CommandContext& context, const Arguments&) {
    return print_rows(context,
                      "SELECT name FROM directory.transfer_catalog WHERE name IS NOT NULL",
                      {},
                      "there is no catalog zone");
}

}  // namespace

std::vector<Command> transfer_commands() {
    const OptionSpec key{"key", OptionKind::Positional, "name of a key"};
    const OptionSpec peer{"peer", OptionKind::Positional, "name of a secondary"};
    return {
        {"transfer key",
         "add",
         "make a TSIG key, or take one, and print it once",
         {key,
          {"--algorithm", OptionKind::Value, "hmac-sha256 (default), hmac-sha384, hmac-sha512"},
          {"--secret-stdin", OptionKind::Flag, "read the secret in base64 from standard input"}},
         add_key},
        {"transfer key", "list", "list TSIG keys, without secrets", {}, list_keys},
        {"transfer key", "remove", "remove a TSIG key", {key}, remove_key},
        {"transfer",
         "add",
         "let a secondary fetch zones",
         {peer,
          {"--key", OptionKind::Value, "it must sign with this key"},
          {"--from", OptionKind::Values, "network that it asks from; without a key required"},
          {"--notify", OptionKind::Values, "ADDRESS[:PORT] that is told of changes"},
          {"--domain", OptionKind::Values, "only these domains; default: all"},
          {"--catalog", OptionKind::Flag, "it may fetch the catalog zone"}},
         add_peer},
        {"transfer", "list", "list secondaries", {}, list_peers},
        {"transfer", "remove", "take the right to fetch zones", {peer}, remove_peer},
        {"transfer catalog",
         "set",
         "offer a catalog zone (RFC 9432)",
         {{"zone", OptionKind::Positional, "a name that is nobody's, such as catalog.invalid"}},
         set_catalog},
        {"transfer catalog", "clear", "offer no catalog zone", {}, clear_catalog},
        {"transfer catalog", "show", "show the catalog zone's name", {}, show_catalog},
    };
}

}  // namespace ops
