#pragma once

// A voicemail as a message (RFC 5322, RFC 2045): a text that says who called, and the recording as
// it is, as second part. Both worlds find their fields in it:
// - Asterisk's IMAP storage searches for X-Asterisk-VM-Context and -Extension, reads its other
//   X-Asterisk-VM- fields line by line ("Name: value", never folded, the first that it finds
//   anywhere in the header), takes the name of the file from the first parameter of the second
//   part's Content-Type, and decodes that part as base64. So these fields come first, values are
//   one line of printable ASCII, and an empty one keeps its space.
// - mail clients and voice mail systems: Message-Context (RFC 3458 6.2), Content-Duration (RFC 3803
//   2), the voice parameter of Content-Disposition and Importance (RFC 3801 4.2, 4.4).
//
// Nothing of what a caller says of himself can begin a line: values are cleaned (spool_text.h), and
// what is not ASCII becomes an encoded word (RFC 2047).
// Thread rule: values; functions of their arguments. Limits: kAudioSizeMax.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mail/attributes.h"
#include "mta/voicemail/audio.h"
#include "mta/voicemail/spool_text.h"

namespace mta {

/// What is put together.
struct VoiceMessage {
    SpoolText text;
    std::string context;  ///< of voicemail, as the spool's folder is called
    std::string mailbox;
    std::string recipient;  ///< an address of ours
    std::string server;     ///< the machine's name, for Message-ID and X-Asterisk-VM-Server-Name
    int number = 0;         ///< of the file msgNNNN
    std::string audio;      ///< octets of the file
    std::string extension;  ///< of the file: wav, WAV, gsm ...
    std::optional<AudioInfo> info;  ///< unset: the audio could not be read

    /// From the audio; where that cannot be read what Asterisk measured; else unset.
    [[nodiscard]] std::optional<std::int64_t> duration_s() const;
};

/// The message, lines ending in CRLF. The same value gives the same octets.
[[nodiscard]] std::string compose(const VoiceMessage& voice);

/// called, caller, caller-name, duration, urgent; what is not known is left out.
[[nodiscard]] mail::Attributes voice_attributes(const VoiceMessage& voice);

/// One "Name: value" line for each X-Asterisk-VM- field, with CRLF, in Asterisk's order.
[[nodiscard]] std::string asterisk_fields(const VoiceMessage& voice);

/// "0:23", "1:02:03".
[[nodiscard]] std::string clock_text(std::int64_t seconds);

}  // namespace mta
