#pragma once

// Which message of the spool an e-mail of Asterisk is about. The e-mail has neither the context nor
// the id (mailcmd_message.h), so the recording decides: the message of that mailbox whose file has
// the very octets of the attachment, wherever Asterisk has moved it by now. If the recording was
// changed on its way (volgain) or is not attached, the message with the number and the caller that
// the e-mail names, if it was left within kMatchAge and its call ended within kDateSpread of the
// e-mail's Date.
//
// Blocks. Thread rule: any thread that may block.

#include <chrono>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "mta/voicemail/mailcmd_message.h"
#include "mta/voicemail/spool.h"

namespace mta {

inline constexpr base::Duration kMatchAge = std::chrono::minutes(30);
inline constexpr base::Duration kDateSpread = std::chrono::minutes(2);

/// None: it is not there for certain. Errc::Busy: a folder was locked or a message changed, so that
/// it may be there all the same: look again; or several are equally good (a recording that was sent
/// to many, two contexts with one number). Others as scan_spool().
[[nodiscard]] base::Result<std::optional<SpoolMessage>> find_in_spool(const std::string& root,
                                                                      const MailcmdMessage& mailcmd,
                                                                      std::int64_t now_us);

}  // namespace mta
