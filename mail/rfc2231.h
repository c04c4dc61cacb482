#pragma once

// Parameter value continuations (RFC 2231 3 and 4.1): name*0, name*1*, ... become one parameter.
// RFC 9051 7.5.2 wants BODYSTRUCTURE to show them so. Thread rule: pure functions.

#include <string>
#include <vector>

#include "mail/structure.h"

namespace mail {

/// The list with each complete series of continuations joined where its first piece stands. If a
/// piece is encoded ("name*0*") the result is "name*", charset'language'octets, still encoded, and
/// the pieces that were not are encoded as far as needed ("%" as "%25"). A series with a gap or a
/// piece twice stays as it is.
[[nodiscard]] std::vector<Parameter> join_continuations(const std::vector<Parameter>& parameters);

}  // namespace mail
