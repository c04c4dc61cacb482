#pragma once

// ZoneImport: what a master file would change of a domain: which of its records are an operator's,
// which follow from servers or are made by the steering or the signing and so are left out, and
// why. Pure.
//
// Thread rule: any thread. Errors: Invalid: what the directory cannot hold; the detail says it.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "dns/zone_text.h"
#include "ops/zone_state.h"

namespace ops {

/// The domain's columns that the file's SOA changes; none: stays.
struct SoaChange {
    std::optional<std::string> primary;
    std::optional<std::string> contact;  ///< a mail address
    std::optional<std::uint32_t> refresh;
    std::optional<std::uint32_t> retry;
    std::optional<std::uint32_t> expire;
    std::optional<std::uint32_t> minimum;

    [[nodiscard]] bool empty() const noexcept {
        return !primary && !contact && !refresh && !retry && !expire && !minimum;
    }
};

/// The changes, and what is told of them.
struct ZoneImport {
    std::vector<dns::DirectoryRecord> removed;  ///< as the directory has them
    std::vector<dns::RecordRow> removed_rows;   ///< the same, for people
    std::vector<dns::RecordRow> added;
    SoaChange soa;
    std::vector<std::string> soa_lines;  ///< "SOA refresh 7200 -> 3600"
    std::vector<std::string> notes;      ///< what was left out, and why

    [[nodiscard]] bool empty() const noexcept {
        return removed.empty() && added.empty() && soa.empty();
    }
};

/// `file` is of the zone of `state`.
[[nodiscard]] base::Result<ZoneImport> plan_import(const dns::MasterFile& file,
                                                   const ZoneState& state);

}  // namespace ops
