#pragma once

// Why the mail agent refused something: the word in the log and the label of the counter.
//
// Thread rule: values.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mta {

enum class Refusal : std::uint8_t {
    // the peer's manners
    EarlyTalk,
    Synchronisation,
    Syntax,
    Sequence,
    LineTooLong,
    LineEnd,  ///< bare CR or LF in a command
    Character,
    UnknownCommand,
    NotOffered,
    ForeignProtocol,
    ErrorLimit,
    ClientTimeout,
    // policy
    SenderBlocked,
    SenderSyntax,
    RecipientUnknown,
    RecipientSyntax,
    RelayDenied,
    TooManyRecipients,
    MessageTooLarge,
    BareCr,
    BareLf,
    Nul,
    TooManyHops,
    ContentRefused,
    VirusFound,
    // us
    RecipientUnverified,
    SenderUnjudged,
    NotScanned,  ///< no virus scanner answered
    NoMemory,
    Overload,
    SourceLimit,
    StoreFailed,
    Shutdown,
    Count_,  ///< how many there are
};

inline constexpr std::size_t kRefusalCount = static_cast<std::size_t>(Refusal::Count_);

/// "sender-blocked", "bare-lf", ...
[[nodiscard]] std::string_view refusal_name(Refusal refusal);

}  // namespace mta
