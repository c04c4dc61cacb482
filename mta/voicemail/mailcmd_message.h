#pragma once

// The e-mail that Asterisk pipes into `mailcmd` for a voicemail, as `sendmail -t` would read it:
// the message ends with the input or with a line that is "." alone, lines end in LF or CRLF.
//
// What is in it depends on the version and on voicemail.conf: always Message-ID
// <Asterisk-NUMBER-RANDOM-MAILBOX-PID@host> and To; X-Asterisk-CallerID and -CallerIDName if known;
// the recording if attach=yes. The fields X-Asterisk-VM- are there only in what Asterisk stores by
// IMAP, or if somebody made it so; the context and msg_id are nowhere else. So who hands the
// message in looks into the spool for the message with that recording, and gets its key there.
//
// Thread rule: values; functions of their arguments. Limits: kMailcmdSizeMax (TooLarge); the
// parsers' of mail/.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mta/voicemail/voice_message.h"

namespace mta {

inline constexpr std::size_t kMailcmdSizeMax = std::size_t{72} << 20U;

/// What the e-mail says.
struct MailcmdMessage {
    std::string message;                  ///< lines end in CRLF
    std::vector<std::string> recipients;  ///< addresses of To, Cc; each once
    std::string mailbox;                  ///< from X-Asterisk-VM-Extension or the Message-ID
    std::optional<int> number;            ///< of the file msgNNNN, likewise
    std::string context;                  ///< from X-Asterisk-VM-Context, or empty
    std::string message_id;               ///< the field's value
    std::optional<std::int64_t> date_s;   ///< from Date, since 1970
    /// What its fields say of the caller, time and flag; msg_id if X-Asterisk-VM-Message-ID is
    /// there.
    SpoolText text;
    std::string audio;      ///< decoded; empty: none attached
    std::string extension;  ///< of the attached file's name
    std::optional<AudioInfo> info;
};

/// Errc::Invalid: no header, or a NUL in it (detail says what). Errc::TooLarge.
[[nodiscard]] base::Result<MailcmdMessage> read_mailcmd(std::string_view input);

/// The message with what it lacks put in front: Message-Context, and the X-Asterisk-VM- fields of
/// `voice`, each only if the message has none of that name; Content-Duration in the recording's
/// part. What Asterisk wrote is never changed.
[[nodiscard]] std::string complete(const MailcmdMessage& mailcmd, const VoiceMessage& voice);

/// The key of a message that is not in the spool: from msg_id if it is known with its mailbox, else
/// from Message-ID, recipients and recording.
[[nodiscard]] std::string mailcmd_key(const MailcmdMessage& mailcmd);

}  // namespace mta
