#pragma once

// HttpDialogue: gets a JSON object that says how a server is, by GET over plain HTTP. What is in it
// is read by read_load_json():
//
//   {"fit": true, "reason": "ok", "load": 0.42}
//   {"fit": false, "reason": "queue is full", "load": 0.01}
//   {"start": 1795345200, "busy_us": 81230000, "arrivals": 5120, "refused": 3, "accepted": 5077}
//
//   fit     boolean; false: the server asks to be left out, whatever its load. Default true.
//   reason  text, why; shown to people
//   load    0 to 1, how much of the server is in use; values beyond are brought into that
//   start, busy_us, arrivals, refused, accepted   all or none of them, non-negative integers: the
//           counters of base/load_report.h
//
// Other members are ignored. 200 with such an object, or 200 or 204 with nothing, is alive; 503
// says what "fit": false does; everything else is a bad banner. The connection is kept where the
// server keeps it (HTTP/1.0 keep-alive), so that its closing tells of a dead process.
//
// As probe_dialogue.h.

#include <string>

#include "dns/probe/http_response.h"
#include "dns/probe/probe_dialogue.h"

namespace dns::probe {

/// The verdict on a body, as the top of this file has it. Pure.
[[nodiscard]] Verdict read_load_json(std::string_view text);

/// See the top of this file.
class HttpDialogue final : public ProbeDialogue {
  public:
    /// `path` begins with a slash and has neither spaces nor control characters.
    HttpDialogue(const std::string& host, const std::string& path);

    [[nodiscard]] AfterProbe after() const override { return AfterProbe::AskAgain; }

    std::string start(bool fresh) override;
    std::optional<Verdict> on_bytes(std::string_view bytes, std::string& out) override;
    std::optional<Verdict> on_end() override;

  private:
    [[nodiscard]] std::optional<Verdict> judge(HttpResponse::State state) const;

    std::string request_;
    HttpResponse response_;
};

}  // namespace dns::probe
