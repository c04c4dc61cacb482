#pragma once

// How servers are probed, as a part of the directory's file (directory_file.h).
//
// Thread rule: any thread.

#include <vector>

#include "dns/directory/byte_format.h"
#include "dns/directory/probe_config.h"

namespace dns {

void put_probes(ByteWriter& out, const std::vector<ProbeConfig>& probes);

/// What does not check out makes the reader fail.
[[nodiscard]] std::vector<ProbeConfig> take_probes(ByteReader& in);

}  // namespace dns
