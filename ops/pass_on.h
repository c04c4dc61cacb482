#pragma once

// A message that is not for us, handed to another mail program of this machine: the option --else.
// The program gets the message on standard input, lines ending in LF as mail programs want them,
// and the recipients as its last arguments. There is no shell: words are separated by spaces, and
// nothing in an address means anything.
//
// Thread rule: one thread; blocks.

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace ops {

inline constexpr base::Duration kPassOnTime = std::chrono::seconds(60);

/// "/usr/sbin/sendmail -i" as its words. Invalid: it does not begin with the absolute path of a
/// program.
[[nodiscard]] base::Result<std::vector<std::string>> program_words(std::string_view text);

/// Ok: the program ended with exit code 0. Refused: a recipient begins with '-', which a program
/// would take for an option. Unavailable: it cannot be started, or ended in another way; it may
/// have sent the message. Timeout after kPassOnTime.
[[nodiscard]] base::Status pass_on(const std::vector<std::string>& program,
                                   std::string_view message,
                                   const std::vector<std::string>& recipients);

}  // namespace ops
