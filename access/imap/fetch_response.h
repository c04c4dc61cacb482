#pragma once

// One FETCH response, from what is known of a message. Pure.
//
// Owner: cmd_fetch. Thread rule: values; views live as long as the message. Source: RFC 3501 7.4.2.

#include <string>
#include <string_view>
#include <vector>

#include "access/imap/selected_mailbox.h"
#include "access/imap_fetch_items.h"
#include "mail/summary.h"

namespace accessd {

/// The octets of a BODY[] item: a run of the message, or made (HEADER.FIELDS), or NIL.
struct SectionOctets {
    std::string_view run;
    std::string made;
    bool is_made = false;
    bool exists = true;

    [[nodiscard]] std::string_view octets() const { return is_made ? std::string_view(made) : run; }
};

/// What a section of this message is, the partial range applied. `parts` is used only if the item
/// names a part.
[[nodiscard]] SectionOctets section_octets(std::string_view message,
                                           const mail::PartTree& parts,
                                           const SectionItem& item);

/// True if an item names a part of the structure.
[[nodiscard]] bool names_parts(const FetchItems& items);

/// "* 3 FETCH (UID 7 FLAGS (...)" up to the sections, without the closing parenthesis.
/// `summary` may be null if the items do not need it. Corrupt: the stored structure is none.
[[nodiscard]] base::Status append_attributes(std::string& out,
                                             const SelectedMailbox& mailbox,
                                             std::uint32_t index,
                                             const FetchItems& items,
                                             const mail::Summary* summary);

/// "BODY[TEXT] {5}CRLF" or "BODY[1] NIL"; the octets follow.
void append_section_head(std::string& out, const SectionItem& item, const SectionOctets& octets);

}  // namespace accessd
