#pragma once

// LoadDialogue: asks for Roundtable's own load report (base/load_report.h): a greeting, then LOAD
// on the same connection each time. A report that says fit=0 outranks every figure in it.
//
// As probe_dialogue.h. Limits: base::kLoadLineMax octets a line, one line at a time.

#include <string>

#include "dns/probe/probe_dialogue.h"

namespace dns::probe {

/// See the top of this file.
class LoadDialogue final : public ProbeDialogue {
  public:
    /// `expected_name`: the name that the greeting must carry; empty: any.
    explicit LoadDialogue(std::string expected_name) : expected_name_(std::move(expected_name)) {}

    [[nodiscard]] AfterProbe after() const override { return AfterProbe::AskAgain; }

    std::string start(bool fresh) override;
    std::optional<Verdict> on_bytes(std::string_view bytes, std::string& out) override;

  private:
    std::optional<Verdict> read_greeting(std::string_view line, std::string& out);
    static Verdict read_report(std::string_view line);

    std::string expected_name_;
    bool greeted_ = false;
    std::string input_;
};

}  // namespace dns::probe
