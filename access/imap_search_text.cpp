#include "access/imap_search_text.h"

#include <algorithm>

#include "mail/decode.h"
#include "mail/header.h"
#include "mail/limits.h"
#include "mail/structure.h"

namespace accessd {
namespace {

void add_fields(std::string_view header_text, std::vector<SearchableText::Field>& fields) {
    const mail::Header header = mail::scan_header(header_text);
    for (const mail::HeaderField& field : header.fields) {
        if (!field.name.empty()) {
            fields.push_back({std::string(field.name),
                              mail::search_form(mail::decode_header_text(field.value))});
        }
    }
}

/// Text that does not fit any more is left out: a search may miss it, but not run out of memory.
void add_body(std::string_view text, std::string& body) {
    const std::size_t room = mail::kDecodedMax - std::min(mail::kDecodedMax, body.size());
    body.append(mail::search_form(text.substr(0, room)));
    body.push_back('\n');
}

}  // namespace

SearchableText make_searchable(std::string_view message) {
    SearchableText made;
    add_fields(message, made.fields);
    const mail::Structure structure = mail::parse_structure(message);
    const std::vector<mail::PartNode>& nodes = structure.tree.nodes();
    for (std::size_t i = 0; i < nodes.size() && made.body.size() < mail::kDecodedMax; ++i) {
        const mail::PartNode& node = nodes[i];
        // The header of a message within a message is part of the body of the outer one.
        if (i > 0 && nodes[node.parent].type == mail::PartType::Message) {
            std::vector<SearchableText::Field> inner;
            add_fields(message.substr(node.header_offset, node.header_size), inner);
            for (const SearchableText::Field& field : inner) {
                made.body.append(field.text).push_back('\n');
            }
        }
        if (node.type == mail::PartType::Text) {
            const std::string_view charset =
                mail::parameter_value(structure.infos[i].parameters, "charset");
            add_body(mail::decode_part_text(message.substr(node.body_offset(), node.body_size),
                                            node.encoding,
                                            charset,
                                            mail::kDecodedMax),
                     made.body);
        }
    }
    return made;
}

Truth summary_holds(const SearchNode& node, const mail::Summary& summary) {
    const std::optional<mail::SummaryField> which = mail::summary_field(node.field);
    if (!which) {
        return Truth::Unknown;
    }
    const std::string& raw = summary.field(*which);
    if (!raw.empty() && mail::contains_text(mail::decode_header_text(raw), node.text)) {
        return Truth::True;
    }
    // An empty text asks whether the field is there, which an empty value cannot tell.
    const bool undecided = summary.is_cut(*which) || (raw.empty() && node.text.empty());
    return undecided ? Truth::Unknown : Truth::False;
}

}  // namespace accessd
