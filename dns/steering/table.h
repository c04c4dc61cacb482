#pragma once

// The steering table: what the answers of one pool of servers are made from.
//
// A table is a short list of rows. A row says which servers stand at the best preference and which
// stand behind them; the answer path picks a row by a keyed hash of the source and serves the RRset
// that was made ready for it. Under the policies `load` and `roundtable` the rows are nested (row j
// = the j heaviest servers), with shares such that every server is first for exactly its part of
// the weight. See README.md for the rule and why it is this one.
//
// build_table() is a pure function: no clock, no random number; equal inputs give equal tables.
// It always yields at least one row, every row has at least one server at its best preference, and
// nothing but configured servers is ever listed.
//
// Owner: whoever holds it. A published table is a std::shared_ptr<const SteeringTable>.
// Thread rule: immutable once built; any thread may read. choose_*() neither allocate nor lock.
// Units: shares are 0..1 of the sources; row ends are 64-bit fixed point (2^64 = all sources),
// host byte order.

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dns/steering/settings.h"

namespace dns::steering {

/// Identity of a server, stable over reconfiguration (its row id in the directory). Ties between
/// servers are always broken by it.
struct ServerId {
    std::uint64_t value = 0;
    auto operator<=>(const ServerId&) const = default;
};

/// Position of a server in SteeringTable::servers; valid for that table only.
using ServerIndex = std::uint16_t;

/// How a pool is steered.
enum class Policy : std::uint8_t {
    Load,        ///< nested rows, weights trimmed towards equal utilisation
    Roundtable,  ///< nested rows, configured weights
    Rotate,      ///< each answer starts with the next servers in turn
    Static,      ///< the configured preferences; the dead are withdrawn
};

/// Strict: `Rotate` puts one server on top instead of two. No meaning for the other policies.
enum class PolicyForm : std::uint8_t { Paired, Strict };

/// What an operator says about a server's state. Down is stronger than panic.
enum class ForcedState : std::uint8_t { None, Up, Down, Drained };

/// Which servers the table is made of; anything but Healthy is a fail-open.
enum class TableBasis : std::uint8_t {
    Healthy,        ///< the servers that are up
    Panic,          ///< too little capacity is up to be believed: "down" was ignored
    AllAllowed,     ///< none had weight: all that are neither forced down nor drained
    AllConfigured,  ///< an operator took every server out: all of them
};

[[nodiscard]] std::string_view policy_name(Policy policy) noexcept;
[[nodiscard]] std::string_view basis_name(TableBasis basis) noexcept;
[[nodiscard]] std::optional<Policy> parse_policy(std::string_view name) noexcept;

/// One server of the pool, as everything known about it stands at the moment of the build.
struct ServerInput {
    ServerId id;
    std::string name;     ///< host name, for people
    double weight = 1;    ///< c: configured or overridden relative capacity, > 0
    double trim = 0;      ///< z: ln of the trim factor; 0 = none
    double ramp = 1;      ///< ramp factor, (0, 1]
    bool healthy = true;  ///< what the probes say
    ForcedState forced = ForcedState::None;
    std::optional<std::uint16_t> pin;              ///< fixed preference in every variant
    std::uint16_t preference = kLevel0Preference;  ///< configured; used by Policy::Static
    std::uint8_t tier = 0;                         ///< 0 = main site, 1.. = backup sites
};

/// All that a table depends on: build_table() is a function of this and nothing else.
struct TableInput {
    Policy policy = Policy::Load;
    PolicyForm form = PolicyForm::Paired;
    Settings settings;
    std::optional<std::uint32_t> ttl_s;  ///< TTL of the answers, if not the settings'
    std::vector<ServerInput> servers;    ///< in any order; at most kServersMax, ids distinct
};

/// A server as the table has it.
struct TableServer {
    ServerId id;
    std::string name;
    double weight = 0;  ///< w after trim and ramp; 0 = withdrawn (in no row)
    double trim = 0;    ///< z
    bool up = false;    ///< health and force together, before panic
    ForcedState forced = ForcedState::None;
    std::optional<std::uint16_t> pin;
    std::uint16_t preference = kLevel0Preference;  ///< configured
    std::uint8_t tier = 0;
    double first_share = 0;  ///< expected share of first attempts, 0..1; sums to 1 over servers

    bool operator==(const TableServer&) const = default;
};

/// One record of an answer: a server and the preference it has there.
struct RowEntry {
    ServerIndex server = 0;
    std::uint16_t preference = kLevel0Preference;

    bool operator==(const RowEntry&) const = default;
};

/// One variant of the answer.
struct Row {
    std::uint64_t upper_end = 0;   ///< sources x < upper_end and >= the row before; last: 2^64-1
    double share = 0;              ///< share of the sources that get this row
    std::vector<RowEntry> level0;  ///< the best preference, by weight (may exceed list_max)
    std::vector<RowEntry> level1;  ///< the rest, by preference, then weight
    std::vector<ServerIndex> level0_by_id;  ///< level0 without pinned servers, ascending

    bool operator==(const Row&) const = default;
};

/// What answers are made from: the rows of one view of a pool, with what led to them. Immutable
/// once built, shared by commits, steered sets and reports.
struct SteeringTable {
    Policy policy = Policy::Load;
    PolicyForm form = PolicyForm::Paired;
    std::uint32_t ttl_s = 60;
    std::uint16_t list_max = 40;
    TableBasis basis = TableBasis::Healthy;
    std::vector<TableServer> servers;  ///< every configured server, ascending id
    std::vector<Row> rows;             ///< never empty; widest first
    std::uint16_t canonical = 0;       ///< row with the largest share (ties: the widest)

    bool operator==(const SteeringTable&) const = default;
};

/// Which ready-made answer of a table to serve. `start` is 0 unless level 0 of the row holds more
/// servers than the answer may list; then it is the place in level0_by_id where the walk starts.
struct AnswerKey {
    std::uint16_t row = 0;
    std::uint16_t start = 0;

    auto operator<=>(const AnswerKey&) const = default;
};

/// Errc::Invalid if there is no server, more than kServersMax, a repeated id, a weight outside
/// kWeightMin..kWeightMax, a tier >= kTiersMax, or a bad setting.
[[nodiscard]] base::Result<SteeringTable> build_table(const TableInput& input);

/// The row of source hash x.
[[nodiscard]] std::uint16_t choose_row(const SteeringTable& table, std::uint64_t x) noexcept;

/// The answer for a source with hash words (x, y), of at most `limit` records (use table.list_max,
/// or less if the client's datagram holds less). limit 0 counts as 1.
[[nodiscard]] AnswerKey choose_answer(const SteeringTable& table,
                                      std::uint64_t x,
                                      std::uint64_t y,
                                      std::uint16_t limit) noexcept;

/// Policy::Rotate: the answer with number `turn` of a thread (each thread starts at its own
/// offset). For the other policies: the canonical row.
[[nodiscard]] AnswerKey choose_turn(const SteeringTable& table, std::uint64_t turn) noexcept;

/// The canonical answer: the one that is transferred and reported as the priority index.
[[nodiscard]] AnswerKey canonical_answer(const SteeringTable& table) noexcept;

/// The records of an answer, best preference first, at most `limit` (at least one). Pinned servers
/// are never left out for lack of room while limit holds them. Not for the answer path: it
/// allocates; make answers ready from it.
[[nodiscard]] std::vector<RowEntry> answer_entries(const SteeringTable& table,
                                                   AnswerKey key,
                                                   std::uint16_t limit);

/// The servers whose addresses make up an A or AAAA answer: level 0, and at least two while the
/// row has two. At most `limit`.
[[nodiscard]] std::vector<ServerIndex> address_servers(const SteeringTable& table,
                                                       AnswerKey key,
                                                       std::uint16_t limit);

/// SRV weight of a server (RFC 2782): max(1, round(100 w / max w)).
[[nodiscard]] std::uint16_t srv_weight(const SteeringTable& table, ServerIndex server) noexcept;

}  // namespace dns::steering
