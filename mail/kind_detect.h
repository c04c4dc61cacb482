#pragma once

// What kind of message an e-mail is by its own account: fax machines, gateways and voicemail
// systems of others send by SMTP what they have.
//
//   fax        Message-Context: fax-message (RFC 3458); image/tiff with application=faxbw or
//              faxcolor (T.37: RFC 3965, RFC 3302, RFC 3949), as the message itself or as the parts
//              of its multipart/mixed or multipart/fax-message
//   voicemail  Message-Context: voice-message; multipart/voice-message (VPIM: RFC 3801; IVM: RFC
//              4239); audio with the disposition parameter voice (RFC 2421), likewise; what
//              Asterisk's IMAP storage appends (X-Asterisk-VM-Message-Type: Message)
//
// Gateways put a cover note beside the pages or the voice: parts text/plain and text/html are
// passed over, unless the message is an answer or was passed on (In-Reply-To, References). A part
// of any other kind makes an e-mail, and so does a TIFF without that parameter (a scan) or audio
// without a mark of voice (music).
//
// Attributes come from Content-Duration (RFC 3803), from addresses that are telephone numbers
// ("FAX= +49301234/T33S=17@...", RFC 3192; "+49301234@...", RFC 3801 4.2), and from the fields
// X-Fax-... and X-Voicemail-... named for the attributes: "X-Fax-Sender-Id", and from those of
// Asterisk. All of it is what the sender says; nobody has checked it. Never an error: what is
// malformed says nothing. The key is never taken from a message: a sender could use up that of
// another.
//
// Thread rule: pure function. Limits: kPartsLookedAt; those of attributes.h.

#include <cstddef>
#include <string_view>

#include "mail/attributes.h"
#include "mail/header.h"
#include "mail/kind.h"
#include "mail/structure.h"

namespace mail {

/// Parts of a message that are looked at; one that has more is an e-mail unless its header says
/// otherwise.
inline constexpr std::size_t kPartsLookedAt = 64;

struct KindFinding {
    Kind kind = Kind::Email;
    Attributes attributes;  ///< none of an e-mail

    friend bool operator==(const KindFinding&, const KindFinding&) = default;
};

/// `header` and `structure` are those of `message`.
[[nodiscard]] KindFinding detect_kind(std::string_view message,
                                      const Header& header,
                                      const Structure& structure);

}  // namespace mail
