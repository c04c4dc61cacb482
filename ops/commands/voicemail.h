#pragma once

// What the files of the noun `voicemail` share. Thread rule: any thread.

#include <string>
#include <vector>

#include "base/result.h"
#include "ops/command.h"

namespace ops {

/// A mailbox of a telephone system, as voicemail.conf names it.
struct BoxName {
    std::string mailbox;
    std::string context;

    [[nodiscard]] std::string text() const { return mailbox + "@" + context; }
};

/// "1234@default", "1234" (of the context default). Errc::Invalid says how it is written.
[[nodiscard]] base::Result<BoxName> parse_box(const std::string& text);

/// `voicemail mailcmd` and `voicemail sweep`.
[[nodiscard]] std::vector<Command> voicemail_mail_commands();

}  // namespace ops
