#include "access/imap/fetch_response.h"

#include <algorithm>
#include <iterator>

#include <fmt/core.h>

#include "access/imap_chars.h"
#include "mail/date.h"
#include "mail/header.h"
#include "mail/imap_format.h"

namespace accessd {
namespace {

mail::PartSpecifier specifier(SectionText text) {
    switch (text) {
        case SectionText::Whole:
            return mail::PartSpecifier::Body;
        case SectionText::Text:
            return mail::PartSpecifier::Text;
        case SectionText::Mime:
            return mail::PartSpecifier::Mime;
        case SectionText::Header:
        case SectionText::HeaderFields:
        case SectionText::HeaderFieldsNot:
            break;
    }
    return mail::PartSpecifier::Header;
}

bool selects_fields(SectionText text) {
    return text == SectionText::HeaderFields || text == SectionText::HeaderFieldsNot;
}

/// The run of the message before fields are picked and the partial range is cut.
std::optional<std::string_view> whole_run(std::string_view message,
                                          const mail::PartTree& parts,
                                          const SectionItem& item) {
    if (!item.part.empty()) {
        const auto range = parts.range(item.part, specifier(item.text));
        if (!range || range->offset > message.size()) {
            return std::nullopt;
        }
        return message.substr(range->offset, range->size);
    }
    if (item.text == SectionText::Whole) {
        return message;
    }
    const std::size_t header_size = mail::scan_header(message).size;
    return item.text == SectionText::Text ? message.substr(header_size)
                                          : message.substr(0, header_size);
}

/// The fields with or without these names, as they are, and the empty line (RFC 3501 6.4.5).
std::string pick_fields(std::string_view header, const SectionItem& item) {
    std::string out;
    const bool wanted = item.text == SectionText::HeaderFields;
    for (const mail::HeaderField& field : mail::scan_header(header).fields) {
        const bool named =
            std::any_of(item.fields.begin(), item.fields.end(), [&](const std::string& name) {
                return equals_ignoring_case(name, field.name);
            });
        if (named == wanted) {
            out.append(field.whole);
        }
    }
    return out.append("\r\n");
}

std::string_view cut(std::string_view octets, const std::optional<SectionItem::Partial>& partial) {
    if (!partial) {
        return octets;
    }
    if (partial->offset >= octets.size()) {
        return {};
    }
    return octets.substr(
        static_cast<std::size_t>(partial->offset),
        static_cast<std::size_t>(std::min<std::uint64_t>(partial->count, octets.size())));
}

}  // namespace

SectionOctets section_octets(std::string_view message,
                             const mail::PartTree& parts,
                             const SectionItem& item) {
    SectionOctets section;
    const std::optional<std::string_view> run = whole_run(message, parts, item);
    if (!run) {
        section.exists = false;
        return section;
    }
    if (selects_fields(item.text)) {
        section.made = pick_fields(*run, item);
        section.made = std::string(cut(section.made, item.partial));
        section.is_made = true;
        return section;
    }
    section.run = cut(*run, item.partial);
    return section;
}

bool names_parts(const FetchItems& items) {
    return std::any_of(items.sections.begin(), items.sections.end(), [](const SectionItem& item) {
        return !item.part.empty();
    });
}

base::Status append_attributes(std::string& out,
                               const SelectedMailbox& mailbox,
                               std::uint32_t index,
                               const FetchItems& items,
                               const mail::Summary* summary) {
    const auto to = std::back_inserter(out);
    fmt::format_to(to, "* {} FETCH (", index + 1);
    if (items.has(FetchAttribute::Uid)) {
        fmt::format_to(to, "UID {} ", mailbox.uid(index));
    }
    if (items.has(FetchAttribute::Flags)) {
        out.append("FLAGS ");
        mailbox.append_flags(out, index);
        out.push_back(' ');
    }
    if (items.has(FetchAttribute::InternalDate)) {
        fmt::format_to(to,
                       "INTERNALDATE \"{}\" ",
                       mail::format_imap_date({mailbox.internal_date_s(index), 0}));
    }
    if (items.has(FetchAttribute::Rfc822Size)) {
        fmt::format_to(to, "RFC822.SIZE {} ", mailbox.size_bytes(index));
    }
    if (summary != nullptr) {
        if (items.has(FetchAttribute::Envelope)) {
            out.append("ENVELOPE ").append(summary->envelope).push_back(' ');
        }
        if (items.has(FetchAttribute::Body)) {
            out.append("BODY ").append(TRY(mail::body_from_bodystructure(summary->bodystructure)));
            out.push_back(' ');
        }
        if (items.has(FetchAttribute::BodyStructure)) {
            out.append("BODYSTRUCTURE ").append(summary->bodystructure).push_back(' ');
        }
    }
    if (out.back() == ' ') {
        out.pop_back();
    }
    return base::Done{};
}

void append_section_head(std::string& out, const SectionItem& item, const SectionOctets& octets) {
    if (!octets.exists) {
        out.append(item.label).append(" NIL");
        return;
    }
    fmt::format_to(std::back_inserter(out), "{} {{{}}}\r\n", item.label, octets.octets().size());
}

}  // namespace accessd
