#include "dns/probe/http_dialogue.h"

#include <algorithm>
#include <array>
#include <utility>

#include <nlohmann/json.hpp>

namespace dns::probe {
namespace {

using Json = nlohmann::json;

Verdict of(ProbeOutcome outcome, std::string reason) {
    Verdict verdict;
    verdict.outcome = outcome;
    verdict.reason = std::move(reason);
    return verdict;
}

// All five counters, or none. False: some are there, or one is no counter.
bool take_counters(const Json& object, Verdict& verdict) {
    LoadCounters counters;
    const std::array<std::pair<const char*, std::uint64_t*>, 5> fields = {{
        {"start", &counters.start_id},
        {"busy_us", &counters.busy_us},
        {"arrivals", &counters.arrivals},
        {"refused", &counters.refused},
        {"accepted", &counters.accepted},
    }};
    std::size_t found = 0;
    for (const auto& [name, value] : fields) {
        const auto field = object.find(name);
        if (field == object.end()) {
            continue;
        }
        if (!field->is_number_unsigned()) {
            return false;
        }
        *value = field->get<std::uint64_t>();
        ++found;
    }
    if (found == fields.size()) {
        verdict.counters = counters;
    }
    return found == 0 || found == fields.size();
}

}  // namespace

Verdict read_load_json(std::string_view text) {
    const Json object = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!object.is_object()) {
        return bad_banner("no JSON object: " + printable(text));
    }
    Verdict verdict = of(ProbeOutcome::Reply, "");
    if (const auto fit = object.find("fit"); fit != object.end()) {
        if (!fit->is_boolean()) {
            return bad_banner("fit is no boolean");
        }
        if (!fit->get<bool>()) {
            verdict = of(ProbeOutcome::Unfit, "unfit");
        }
    }
    if (const auto reason = object.find("reason"); reason != object.end()) {
        if (!reason->is_string()) {
            return bad_banner("reason is no text");
        }
        const std::string word = printable(reason->get_ref<const std::string&>());
        if (verdict.outcome == ProbeOutcome::Unfit && !word.empty()) {
            verdict.reason = word;
        }
    }
    if (const auto load = object.find("load"); load != object.end()) {
        if (!load->is_number()) {
            return bad_banner("load is no number");
        }
        verdict.gauge = std::clamp(load->get<double>(), 0.0, 1.0);
    }
    if (!take_counters(object, verdict)) {
        return bad_banner("counters are incomplete or no counters");
    }
    return verdict;
}

HttpDialogue::HttpDialogue(const std::string& host, const std::string& path)
    : request_("GET " + path + " HTTP/1.0\r\nHost: " + host +
               "\r\nAccept: application/json\r\nConnection: keep-alive\r\n"
               "User-Agent: roundtable-probe\r\n\r\n") {
}

std::string HttpDialogue::start(bool /*fresh*/) {
    response_ = HttpResponse();
    return request_;
}

std::optional<Verdict> HttpDialogue::on_bytes(std::string_view bytes, std::string& /*out*/) {
    return judge(response_.on_bytes(bytes));
}

std::optional<Verdict> HttpDialogue::on_end() {
    return judge(response_.on_end());
}

std::optional<Verdict> HttpDialogue::judge(HttpResponse::State state) const {
    if (state == HttpResponse::State::More) {
        return std::nullopt;
    }
    if (state == HttpResponse::State::Bad) {
        return bad_banner("HTTP: " + response_.problem());
    }
    const unsigned status = response_.status();
    const bool has_body = !response_.body().empty();
    Verdict verdict;
    if (status == 503) {
        if (has_body) {
            verdict = read_load_json(response_.body());
        }
        if (verdict.outcome != ProbeOutcome::Unfit) {
            verdict = of(ProbeOutcome::Unfit, "HTTP 503");
        }
    } else if (status != 200 && status != 204) {
        return bad_banner("HTTP " + std::to_string(status));
    } else {
        verdict = has_body ? read_load_json(response_.body()) : of(ProbeOutcome::Reply, "");
    }
    verdict.keep = response_.keeps_open();
    return verdict;
}

}  // namespace dns::probe
