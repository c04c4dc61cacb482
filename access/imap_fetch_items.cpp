#include "access/imap_fetch_items.h"

#include <algorithm>
#include <array>

#include <fmt/core.h>

#include "access/imap_chars.h"
#include "access/limits.h"
#include "mail/imap_format.h"

namespace accessd {
namespace {

struct NamedAttribute {
    std::string_view name;
    FetchAttribute attribute;
};

constexpr std::array<NamedAttribute, 6> kAttributes = {{
    {"UID", FetchAttribute::Uid},
    {"FLAGS", FetchAttribute::Flags},
    {"INTERNALDATE", FetchAttribute::InternalDate},
    {"RFC822.SIZE", FetchAttribute::Rfc822Size},
    {"ENVELOPE", FetchAttribute::Envelope},
    {"BODYSTRUCTURE", FetchAttribute::BodyStructure},
}};

/// Header field names that a reply may repeat unquoted: RFC 9051 9, header-fld-name = astring.
void append_astring(std::string& out, std::string_view value) {
    const bool plain = !value.empty() && std::all_of(value.begin(), value.end(), is_astring_char);
    if (plain) {
        out.append(value);
    } else {
        mail::append_imap_string(out, value);
    }
}

base::Result<std::vector<std::string>> parse_field_names(Cursor& cursor) {
    TRY(cursor.space());
    TRY(cursor.expect('('));
    std::vector<std::string> names;
    do {
        if (names.size() == kHeaderFieldsMax) {
            return base::Error{base::Errc::TooLarge, "header fields"};
        }
        names.push_back(TRY(cursor.astring()));
    } while (cursor.skip(' '));
    TRY(cursor.expect(')'));
    return names;
}

/// Part numbers with dots between. True if a text specifier must follow: "1." wants one, "1" may
/// not have one.
base::Result<bool> parse_part(Cursor& cursor, SectionItem& item) {
    bool wants_text = cursor.peek() != ']';
    while (is_digit(cursor.peek())) {
        if (item.part.size() == kSectionDepthMax) {
            return base::Error{base::Errc::TooLarge, "section depth"};
        }
        item.part.push_back(TRY(cursor.nz_number()));
        wants_text = cursor.skip('.');
        if (!wants_text) {
            break;
        }
    }
    return wants_text;
}

base::Status parse_section_text(Cursor& cursor, SectionItem& item) {
    const std::string_view name = TRY(cursor.item_name());
    if (equals_ignoring_case(name, "HEADER")) {
        item.text = SectionText::Header;
    } else if (equals_ignoring_case(name, "TEXT")) {
        item.text = SectionText::Text;
    } else if (equals_ignoring_case(name, "MIME") && !item.part.empty()) {
        item.text = SectionText::Mime;
    } else if (equals_ignoring_case(name, "HEADER.FIELDS")) {
        item.text = SectionText::HeaderFields;
        item.fields = TRY(parse_field_names(cursor));
    } else if (equals_ignoring_case(name, "HEADER.FIELDS.NOT")) {
        item.text = SectionText::HeaderFieldsNot;
        item.fields = TRY(parse_field_names(cursor));
    } else {
        return cursor.error("a section");
    }
    return base::Done{};
}

base::Status parse_partial(Cursor& cursor, SectionItem& item) {
    if (!cursor.skip('<')) {
        return base::Done{};
    }
    SectionItem::Partial partial;
    partial.offset = TRY(cursor.number64());
    TRY(cursor.expect('.'));
    partial.count = TRY(cursor.number64());
    if (partial.count == 0) {  // RFC 9051 9, partial: nz-number64
        return cursor.error("a count above 0");
    }
    TRY(cursor.expect('>'));
    item.partial = partial;
    return base::Done{};
}

std::string label_of(const SectionItem& item) {
    std::string label = "BODY[";
    for (const std::uint32_t number : item.part) {
        fmt::format_to(std::back_inserter(label), "{}{}", label.back() == '[' ? "" : ".", number);
    }
    constexpr std::array<std::string_view, 6> kTexts = {
        "", "HEADER", "HEADER.FIELDS", "HEADER.FIELDS.NOT", "TEXT", "MIME"};
    const std::string_view text = kTexts[static_cast<std::size_t>(item.text)];
    if (!text.empty() && !item.part.empty()) {
        label.push_back('.');
    }
    label.append(text);
    for (std::size_t i = 0; i < item.fields.size(); ++i) {
        label.append(i == 0 ? " (" : " ");
        append_astring(label, item.fields[i]);
    }
    label.append(item.fields.empty() ? "]" : ")]");
    if (item.partial) {
        fmt::format_to(std::back_inserter(label), "<{}>", item.partial->offset);
    }
    return label;
}

enum class Peek : std::uint8_t { No, Yes };

/// After "BODY[" or "BODY.PEEK[".
base::Result<SectionItem> parse_section(Cursor& cursor, Peek peek) {
    SectionItem item;
    item.sets_seen = peek == Peek::No;
    const bool wants_text = TRY(parse_part(cursor, item));
    if (wants_text) {
        TRY(parse_section_text(cursor, item));
    }
    TRY(cursor.expect(']'));
    TRY(parse_partial(cursor, item));
    item.label = label_of(item);
    return item;
}

/// RFC822, RFC822.HEADER, RFC822.TEXT: RFC 3501 6.4.5.
bool add_rfc822(std::string_view name, FetchItems& items) {
    SectionItem item;
    if (equals_ignoring_case(name, "RFC822")) {
        item.label = "RFC822";
    } else if (equals_ignoring_case(name, "RFC822.HEADER")) {
        item.label = "RFC822.HEADER";
        item.text = SectionText::Header;
        item.sets_seen = false;
    } else if (equals_ignoring_case(name, "RFC822.TEXT")) {
        item.label = "RFC822.TEXT";
        item.text = SectionText::Text;
    } else {
        return false;
    }
    items.sections.push_back(std::move(item));
    return true;
}

bool add_attribute(std::string_view name, FetchItems& items) {
    for (const NamedAttribute& known : kAttributes) {
        if (equals_ignoring_case(name, known.name)) {
            items.add(known.attribute);
            return true;
        }
    }
    return false;
}

base::Status parse_item(Cursor& cursor, FetchItems& items) {
    const std::string_view name = TRY(cursor.item_name());
    if (add_attribute(name, items) || add_rfc822(name, items)) {
        return base::Done{};
    }
    const bool peek = equals_ignoring_case(name, "BODY.PEEK");
    if (!peek && !equals_ignoring_case(name, "BODY")) {
        return cursor.error("a FETCH item");
    }
    if (!cursor.skip('[')) {
        if (peek) {
            return cursor.error("[");
        }
        items.add(FetchAttribute::Body);
        return base::Done{};
    }
    items.sections.push_back(TRY(parse_section(cursor, peek ? Peek::Yes : Peek::No)));
    return base::Done{};
}

/// ALL, FAST and FULL stand alone, never in a list (RFC 9051 6.4.5).
bool parse_macro(Cursor& cursor, FetchItems& items) {
    const std::string_view rest = cursor.rest();
    const bool all = equals_ignoring_case(rest, "ALL");
    const bool full = equals_ignoring_case(rest, "FULL");
    if (!all && !full && !equals_ignoring_case(rest, "FAST")) {
        return false;
    }
    (void)cursor.skip_word(rest);
    items.add(FetchAttribute::Flags);
    items.add(FetchAttribute::InternalDate);
    items.add(FetchAttribute::Rfc822Size);
    if (all || full) {
        items.add(FetchAttribute::Envelope);
    }
    if (full) {
        items.add(FetchAttribute::Body);
    }
    return true;
}

}  // namespace

bool FetchItems::sets_seen() const {
    return std::any_of(
        sections.begin(), sections.end(), [](const SectionItem& item) { return item.sets_seen; });
}

bool FetchItems::needs_summary() const {
    return has(FetchAttribute::Envelope) || has(FetchAttribute::Body) ||
           has(FetchAttribute::BodyStructure) || needs_message();
}

base::Result<FetchItems> parse_fetch_items(Cursor& cursor) {
    FetchItems items;
    if (parse_macro(cursor, items)) {
        return items;
    }
    if (!cursor.skip('(')) {
        TRY(parse_item(cursor, items));
        return items;
    }
    std::size_t count = 0;
    do {
        if (++count > kFetchItemsMax) {
            return base::Error{base::Errc::TooLarge, "FETCH items"};
        }
        TRY(parse_item(cursor, items));
    } while (cursor.skip(' '));
    TRY(cursor.expect(')'));
    return items;
}

}  // namespace accessd
