#pragma once

// The conversation of the load report (base/load_report.h) on one connection of a name server.
// Thread rule: a fiber. Returns when the connection is to be closed.

#include <string>

#include "access/session_table.h"
#include "base/stream.h"

namespace accessd {

/// A name server asks every few seconds; one that is silent for so long has gone away.
inline constexpr std::chrono::minutes kLoadIdleTimeout{5};

void serve_load(base::Stream& stream, const SessionTable& table, const std::string& name);

}  // namespace accessd
