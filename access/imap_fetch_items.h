#pragma once

// What FETCH asks for, RFC 3501 6.4.5. Pure; values.
//
// Errors: Errc::Invalid (grammar), TooLarge (over kFetchItemsMax, kHeaderFieldsMax,
// kSectionDepthMax).

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "access/imap_cursor.h"
#include "base/result.h"

namespace accessd {

/// Items that have no arguments, as bits: each is answered once however often it was asked.
enum class FetchAttribute : std::uint16_t {
    Uid = 1,
    Flags = 2,
    InternalDate = 4,
    Rfc822Size = 8,
    Envelope = 16,
    Body = 32,
    BodyStructure = 64,
};

/// BODY[part.text]: which part of a message.
enum class SectionText : std::uint8_t { Whole, Header, HeaderFields, HeaderFieldsNot, Text, Mime };

/// BODY[section]<offset.count> and its RFC822 synonyms.
struct SectionItem {
    std::vector<std::uint32_t> part;  ///< 1.2.3; empty: the message
    SectionText text = SectionText::Whole;
    std::vector<std::string> fields;  ///< of HEADER.FIELDS and HEADER.FIELDS.NOT, as sent

    struct Partial {
        std::uint64_t offset = 0;
        std::uint64_t count = 0;
    };

    std::optional<Partial> partial;
    bool sets_seen = true;  ///< not .PEEK
    std::string label;      ///< how the reply calls it: "BODY[1.MIME]<0>", "RFC822.TEXT"
};

/// All that one FETCH asks for: attributes as bits, sections in the order asked, at most
/// kFetchItemsMax.
struct FetchItems {
    std::uint16_t attributes = 0;
    std::vector<SectionItem> sections;

    [[nodiscard]] bool has(FetchAttribute wanted) const {
        return (attributes & static_cast<std::uint16_t>(wanted)) != 0;
    }

    void add(FetchAttribute wanted) {
        attributes = static_cast<std::uint16_t>(attributes | static_cast<std::uint16_t>(wanted));
    }

    [[nodiscard]] bool sets_seen() const;

    /// True if the octets of the message, or a part of them, are needed.
    [[nodiscard]] bool needs_message() const { return !sections.empty(); }

    /// True if what delivery parsed of the message is needed.
    [[nodiscard]] bool needs_summary() const;
};

/// "ALL" / "FULL" / "FAST" / item / "(" item *(SP item) ")" at the cursor.
[[nodiscard]] base::Result<FetchItems> parse_fetch_items(Cursor& cursor);

}  // namespace accessd
