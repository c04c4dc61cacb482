#pragma once

// ProbeDialogue: what is said and heard on one connection of a probe, for one kind of probe. Bytes
// in, bytes and a verdict out; connections, times and repetition are ProbeMachine's.
//
// A dialogue lives as long as its machine: start() begins the next probe. What a server said of
// itself for good (an agent's "drain") is remembered from probe to probe.
//
// Owner: ProbeMachine. Thread rule: one thread. Limits: each kind bounds what it reads of one probe
// (dns/limits.h); more is a bad banner. Whatever a server sends, the outcome is a value: there are
// no errors.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dns/probe/probe_kind.h"
#include "dns/probe/probe_result.h"

namespace dns::probe {

/// What a probe found, once it is over.
struct Verdict {
    ProbeOutcome outcome = ProbeOutcome::BadBanner;
    std::string reason;
    std::optional<LoadCounters> counters;
    std::optional<double> gauge;
    std::optional<double> weight;
    bool keep = true;  ///< of a good outcome: leave the connection open
};

/// What becomes of a connection after a good probe.
enum class AfterProbe : std::uint8_t {
    AskAgain,  ///< the next probe goes over it
    Tripwire,  ///< it stays open until the next probe is done: its closing is a sign
    Nothing,   ///< the server closes it
};

/// See the top of this file.
class ProbeDialogue {
  public:
    ProbeDialogue() = default;
    virtual ~ProbeDialogue() = default;
    ProbeDialogue(const ProbeDialogue&) = delete;
    ProbeDialogue& operator=(const ProbeDialogue&) = delete;

    [[nodiscard]] virtual AfterProbe after() const = 0;

    /// A probe begins, on a new connection or on a kept one. What to say at once.
    virtual std::string start(bool fresh) = 0;

    /// What the server said. What to say next goes into `out`.
    virtual std::optional<Verdict> on_bytes(std::string_view bytes, std::string& out) = 0;

    /// The server has closed: the verdict if that is how its answer ends.
    virtual std::optional<Verdict> on_end() { return std::nullopt; }

    /// The last word on a connection that was kept; empty: none.
    [[nodiscard]] virtual std::string_view farewell() const { return {}; }

    /// False: a probe without an answer says nothing of the server.
    [[nodiscard]] virtual bool silence_counts() const { return true; }
};

/// What to ask. A value.
struct DialogueConfig {
    ProbeKind kind = ProbeKind::LoadReport;
    std::string expected_name;  ///< LoadReport: the name it must greet with; empty: any
    std::string host;           ///< Http: the Host field
    std::string path = "/";     ///< Http: what to get; begins with a slash

    bool operator==(const DialogueConfig&) const = default;
};

[[nodiscard]] std::unique_ptr<ProbeDialogue> make_dialogue(const DialogueConfig& config);

/// For reasons: what a peer sent, shortened to 60 octets, without control characters.
[[nodiscard]] std::string printable(std::string_view text);

/// A verdict that something answers, but not as it should.
[[nodiscard]] Verdict bad_banner(std::string reason);

}  // namespace dns::probe
