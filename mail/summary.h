#pragma once

// Summary: all that a mailbox listing, a sort or a cheap search needs to know of a message, so that
// neither the body nor a MIME parse is needed: it is made once, at delivery, and stored in the
// frame.
//
// Encoded form, version 1: octet version; then, numbers as unsigned LEB128 (low groups first) and
// strings as length + octets: message size; sent-date flag, seconds and zone (zigzag); envelope;
// bodystructure; number of summary fields, each as a string; bit set of cut fields; number of
// parts, each as type and encoding (one octet), parent, header gap, header size, body size, body
// lines. There is no checksum: the frame has one. An unknown version is Unsupported, and the reader
// makes the summary again from the message.
//
// Thread rule: values. Limits: kSummaryFieldMax per field, kSummaryMax in all.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "mail/date.h"
#include "mail/kind_detect.h"
#include "mail/part_tree.h"

namespace mail {

/// Header fields kept raw (unfolded, not decoded). Several fields of one name: addresses and
/// message ids are put together, of the others the first is kept. The order is that of the stored
/// form: append only.
enum class SummaryField : std::uint8_t {
    Subject,
    From,
    Sender,
    ReplyTo,
    To,
    Cc,
    Bcc,
    Date,
    MessageId,
    InReplyTo,
    References,
};
inline constexpr std::size_t kSummaryFields = 11;

/// See the top of this file.
struct Summary {
    std::uint64_t message_size = 0;
    std::optional<ZonedTime> sent;  ///< the Date field, if it is a date
    std::string envelope;           ///< IMAP ENVELOPE, ready to send
    std::string bodystructure;      ///< IMAP BODYSTRUCTURE; BODY by body_from_bodystructure
    std::array<std::string, kSummaryFields> fields;
    std::uint32_t cut_fields = 0;  ///< bit n: field n is longer in the message
    PartTree parts;

    [[nodiscard]] const std::string& field(SummaryField which) const noexcept {
        return fields[static_cast<std::size_t>(which)];
    }

    [[nodiscard]] bool is_cut(SummaryField which) const noexcept {
        return ((cut_fields >> static_cast<unsigned>(which)) & 1U) != 0;
    }

    [[nodiscard]] std::uint64_t header_size() const noexcept { return parts.root().header_size; }

    friend bool operator==(const Summary&, const Summary&) = default;
};

/// Which summary field has this header name (ASCII case ignored), if any.
[[nodiscard]] std::optional<SummaryField> summary_field(std::string_view header_name) noexcept;

/// Parses the message. A message whose structure is too large to be stored (kBodystructureMax) is
/// summarised as a single part.
[[nodiscard]] Summary summarize(std::string_view message);

/// What one parse tells of a message.
struct ParsedMessage {
    Summary summary;
    KindFinding finding;
};

/// The same, and what kind of message it is.
[[nodiscard]] ParsedMessage summarize_with_kind(std::string_view message);

[[nodiscard]] std::string encode(const Summary& summary);

/// Errors: Corrupt, Unsupported (version), TooLarge. The part tree is consistent when it succeeds.
[[nodiscard]] base::Result<Summary> decode_summary(std::string_view bytes);

}  // namespace mail
