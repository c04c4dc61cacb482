#pragma once

// What servers can be asked, by name. README.md says what each kind says and hears.
//
// Thread rule: pure functions on values.

#include <cstdint>
#include <optional>
#include <string_view>

namespace dns::probe {

enum class ProbeKind : std::uint8_t {
    LoadReport,  ///< "report": base/load_report.h
    Smtp,        ///< "smtp": greeting and EHLO (RFC 5321)
    Imap,        ///< "imap": greeting and CAPABILITY (RFC 3501, 9051)
    Pop3,        ///< "pop3": greeting and CAPA (RFC 1939, 2449)
    Http,        ///< "http": GET, JSON with the load
    Agent,       ///< "agent": one line as HAProxy's agent-check reads it
};

inline constexpr std::uint8_t kProbeKinds = 6;

/// The word in the directory and in commands.
[[nodiscard]] std::string_view probe_kind_name(ProbeKind kind) noexcept;
[[nodiscard]] std::optional<ProbeKind> parse_probe_kind(std::string_view name) noexcept;

}  // namespace dns::probe
