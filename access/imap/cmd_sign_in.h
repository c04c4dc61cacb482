#pragma once

// What LOGIN and AUTHENTICATE have in common. Thread rule: the fiber of the session.

#include <string_view>

#include "access/imap/reply.h"
#include "access/imap/session.h"

namespace accessd {

/// Signs the session in, or says why not (RFC 5530 3): nobody is told which part was wrong.
[[nodiscard]] CommandResult sign_in_with(ImapSession& session,
                                         std::string_view user,
                                         std::string_view password);

}  // namespace accessd
