// Fuzzes what servers say to probes. Octet 0 even: the rest is one line for the parsers of the load
// report; what parses is formatted and parsed again to the same. Odd: a script for a ProbeMachine
// of the kind octet 0 / 2, an operation an octet: what a shell around it may do, and bytes that a
// server may send. fuzz_dns_probe_text has the readers themselves.

#include <cstdint>
#include <set>
#include <string>

#include "base/load_report.h"
#include "dns/probe/probe_machine.h"
#include "test/fuzz/dns_fuzz.h"

namespace {

using dns::probe::ConnectionId;
using dns::probe::ProbeAction;
using dns::probe::ProbeMachine;
using dns_fuzz::require;

void parse(std::string_view line) {
    if (const auto greeting = base::parse_load_greeting(line)) {
        const std::string text = base::format_load_greeting(greeting.value());
        const auto again =
            base::parse_load_greeting(std::string_view(text).substr(0, text.size() - 2));
        require(again && again.value() == greeting.value());
    }
    if (const auto report = base::parse_load_report(line)) {
        const std::string text = base::format_load_report(report.value());
        const auto again =
            base::parse_load_report(std::string_view(text).substr(0, text.size() - 2));
        require(again && again.value() == report.value());
    }
}

// The shell of prober.h without sockets: knows which connections there are, in order.
class Shell {
  public:
    explicit Shell(const dns::probe::DialogueConfig& config) : machine_({1}, config, {}, 0) {}

    void run(std::string_view script) {
        while (!script.empty()) {
            const auto operation = static_cast<unsigned char>(script.front());
            script.remove_prefix(1);
            step(operation, script);
            settle();
        }
    }

  private:
    void step(unsigned char operation, std::string_view& script) {
        if (operation % 4 == 3) {
            now_ = std::max(now_ + (operation >> 2) * 0.05, now_);
            machine_.on_time(now_);
            return;
        }
        if (open_.empty()) {
            return;
        }
        const ConnectionId id = operation % 8 < 4 ? *open_.begin() : *open_.rbegin();
        if (operation % 4 == 0) {
            if (connected_.insert(id).second) {
                machine_.on_connected(id, now_);
            }
        } else if (operation % 4 == 1 && connected_.contains(id)) {
            const std::string_view bytes = script.substr(0, operation >> 2);
            script.remove_prefix(bytes.size());
            machine_.on_bytes(id, bytes, now_);
        } else if (operation % 4 == 2) {
            open_.erase(id);
            machine_.on_closed(id, static_cast<dns::probe::CloseCause>((operation >> 3) % 4), now_);
        }
    }

    // Carries out what the machine wants; it comes to an end.
    void settle() {
        for (int turns = 0;; ++turns) {
            require(turns < 100);
            const auto actions = machine_.take_actions();
            for (const ProbeAction& action : actions) {
                if (action.kind == ProbeAction::Kind::Connect) {
                    require(open_.insert(action.connection).second);
                    require(open_.size() <= 2);
                } else if (action.kind == ProbeAction::Kind::Close) {
                    open_.erase(action.connection);
                }
            }
            if (const auto result = machine_.take_result()) {
                machine_.settle(result->outcome == dns::probe::ProbeOutcome::Reply, now_);
            } else if (actions.empty()) {
                break;
            }
        }
        require(machine_.next_time_s() < now_ + 3600);
    }

    ProbeMachine machine_;
    double now_ = 0;
    std::set<ConnectionId> open_;
    std::set<ConnectionId> connected_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::string_view rest(reinterpret_cast<const char*>(data) + 1,
                                size - 1);  // NOLINT(*-reinterpret-cast): text
    if (data[0] % 2 == 0) {
        parse(rest);
    } else {
        dns::probe::DialogueConfig config;
        // 0 and 1 are what they were before there were more kinds.
        config.kind = static_cast<dns::probe::ProbeKind>((data[0] / 2) % dns::probe::kProbeKinds);
        config.expected_name = "mx1";
        config.host = "mx1.example.org";
        Shell(config).run(rest);
    }
    return 0;
}
