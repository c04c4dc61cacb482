#pragma once

// What a bootstrap file that was read again changes in a running name server. All or nothing: a
// file with a change that needs a restart changes nothing.
//
// Taken while queries are answered: where the public asks (public_ports.h: all addresses, or the
// file is refused); who may ask the internal view; nsid; the limits of TCP (those
// of a connection hold from the next connection on); cookies and the contents of their secrets
// file; rate limits (counted anew from there). Not: where others ask, threads, buffers, name,
// database, files.
//
// Pure. Thread rule: any thread.

#include <string>
#include <vector>

#include "base/result.h"
#include "dns/control/name_server_config.h"

namespace dns {

/// The settings that differ, by their keys in the file ("rate_limit", "nsid"); none: nothing does.
/// Refused, with the keys: these cannot change while it runs. The secrets of both must be loaded.
[[nodiscard]] base::Result<std::vector<std::string>> config_changes(const NameServerConfig& now,
                                                                    const NameServerConfig& next);

/// Reads the file's settings and its secrets. Invalid, and the errors of load_cookie_secrets().
/// Blocks.
[[nodiscard]] base::Result<NameServerConfig> load_name_server_config(const base::Config& file);

}  // namespace dns
