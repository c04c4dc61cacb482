#include "dns/probe/probe_kind.h"

#include <algorithm>
#include <array>

namespace dns::probe {
namespace {

constexpr std::array<std::string_view, kProbeKinds> kNames = {
    "report", "smtp", "imap", "pop3", "http", "agent"};

}  // namespace

std::string_view probe_kind_name(ProbeKind kind) noexcept {
    return kNames.at(static_cast<std::size_t>(kind));
}

std::optional<ProbeKind> parse_probe_kind(std::string_view name) noexcept {
    const auto found = std::ranges::find(kNames, name);
    if (found == kNames.end()) {
        return std::nullopt;
    }
    return static_cast<ProbeKind>(found - kNames.begin());
}

}  // namespace dns::probe
