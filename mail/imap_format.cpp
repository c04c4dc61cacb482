#include "mail/imap_format.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "mail/ascii.h"
#include "mail/header_address.h"
#include "mail/limits.h"
#include "mail/rfc2231.h"

namespace mail {

namespace {

constexpr std::string_view kNil = "NIL";

/// A host of NIL would say "group" (RFC 9051 7.5.2), so something must stand there. Clients know
/// these two from Dovecot.
constexpr std::string_view kMissingDomain = "MISSING_DOMAIN";
constexpr std::string_view kMissingMailbox = "MISSING_MAILBOX";

bool needs_literal(std::string_view value) {
    return std::ranges::any_of(
        value, [](char c) { return is_8bit(c) || c == '\r' || c == '\n' || c == '\0'; });
}

/// Unfolded, with each run of white space as one space: how text for people is shown in one line.
std::string one_line(std::string_view value) {
    std::string out;
    for (const char c : trim(value.substr(0, kFieldValueMax))) {
        const bool space = is_folding_space(c);
        if (!space || !out.ends_with(' ')) {
            out.push_back(space ? ' ' : c);
        }
    }
    return out;
}

void append_optional(std::string& out, const std::optional<std::string>& value) {
    if (value) {
        append_imap_string(out, *value);
    } else {
        out.append(kNil);
    }
}

void append_address(std::string& out, const HeaderAddress& address) {
    if (address.type == HeaderAddressType::GroupEnd) {
        out.append("(NIL NIL NIL NIL)");
        return;
    }
    if (address.type == HeaderAddressType::GroupStart) {
        out.append("(NIL NIL ");
        append_imap_string(out, one_line(address.mailbox));
        out.append(" NIL)");
        return;
    }
    out.push_back('(');
    append_imap_nstring(out, one_line(address.name));
    out.push_back(' ');
    append_imap_nstring(out, address.route);
    out.push_back(' ');
    append_imap_string(out, address.mailbox.empty() ? kMissingMailbox : address.mailbox);
    out.push_back(' ');
    append_imap_string(out, address.domain.empty() ? kMissingDomain : address.domain);
    out.push_back(')');
}

/// The addresses of all fields of that name, at most kEnvelopeListMax octets of them; the entries
/// that do not fit are left out.
std::string format_addresses(const Header& header, std::string_view name) {
    constexpr std::string_view kGroupEnd = "(NIL NIL NIL NIL)";
    std::string out = "(";
    bool in_group = false;
    for (const HeaderField& field : header.fields) {
        if (!equal_ignoring_case(field.name, name)) {
            continue;
        }
        for (const HeaderAddress& address : parse_header_addresses(field.value)) {
            std::string entry;
            append_address(entry, address);
            if (out.size() + entry.size() + kGroupEnd.size() + 1 > kEnvelopeListMax) {
                break;
            }
            in_group = address.type == HeaderAddressType::GroupStart ||
                       (in_group && address.type != HeaderAddressType::GroupEnd);
            out.append(entry);
        }
        if (in_group) {
            out.append(kGroupEnd);
            in_group = false;
        }
    }
    out.push_back(')');
    return out == "()" ? std::string(kNil) : out;
}

/// A field that is absent is NIL, one that is empty an empty string (RFC 9051 7.5.2).
void append_text_field(std::string& out, const Header& header, std::string_view name) {
    const HeaderField* const field = header.find(name);
    if (field == nullptr) {
        out.append(kNil);
        return;
    }
    const std::string value = unfold(field->value).substr(0, kEnvelopeFieldMax);
    append_imap_string(out, name == "Subject" ? one_line(value) : value);
}

void append_parameters(std::string& out, const std::vector<Parameter>& parameters) {
    out.push_back('(');
    bool first = true;
    for (const Parameter& parameter : parameters) {
        if (!first) {
            out.push_back(' ');
        }
        first = false;
        append_imap_string(out, parameter.name);
        out.push_back(' ');
        append_imap_string(out, parameter.value);
    }
    out.push_back(')');
}

/// Parameters of a Content-Type; text has a charset even if it does not say so (RFC 2046 4.1.2).
void append_type_parameters(std::string& out, const PartInfo& info, bool is_text) {
    std::vector<Parameter> parameters = join_continuations(info.parameters);
    const bool has_charset = std::ranges::any_of(
        parameters, [](const Parameter& p) { return equal_ignoring_case(p.name, "charset"); });
    if (is_text && !has_charset) {
        parameters.push_back({"charset", "us-ascii"});
    }
    if (parameters.empty()) {
        out.append(kNil);
    } else {
        append_parameters(out, parameters);
    }
}

/// body-fld-dsp, body-fld-lang, body-fld-loc, each after a space.
void append_common_extension(std::string& out, const PartInfo& info) {
    out.push_back(' ');
    if (info.disposition) {
        out.push_back('(');
        append_imap_string(out, *info.disposition);
        out.push_back(' ');
        const auto parameters = join_continuations(info.disposition_parameters);
        if (parameters.empty()) {
            out.append(kNil);
        } else {
            append_parameters(out, parameters);
        }
        out.push_back(')');
    } else {
        out.append(kNil);
    }
    out.push_back(' ');
    if (info.languages.empty()) {
        out.append(kNil);
    } else {
        out.push_back('(');
        for (std::size_t i = 0; i < info.languages.size(); ++i) {
            out.append(i == 0 ? "" : " ");
            append_imap_string(out, info.languages[i]);
        }
        out.push_back(')');
    }
    out.push_back(' ');
    append_optional(out, info.location);
}

enum class Form { Body, Bodystructure };

/// Writes the parts in order; a stack of what is open replaces recursion.
class StructureWriter {
  public:
    StructureWriter(std::string_view message, const Structure& structure, Form form)
        : message_(message), structure_(structure), nodes_(structure.tree.nodes()), form_(form) {}

    std::string run() {
        for (std::uint32_t i = 0; i < nodes_.size(); ++i) {
            close_until(i);
            start(i);
        }
        close_until(nodes_.size());
        return std::move(out_);
    }

  private:
    void close_until(std::size_t index) {
        while (!open_.empty() && nodes_[open_.back()].subtree_end <= index) {
            finish(open_.back());
            open_.pop_back();
        }
    }

    const PartInfo& info(std::uint32_t i) const { return structure_.infos[i]; }

    /// All that stands before the parts of a part.
    void start(std::uint32_t i) {
        open_.push_back(i);
        out_.push_back('(');
        const PartNode& node = nodes_[i];
        if (node.type == PartType::Multipart) {
            if (node.subtree_end == i + 1) {
                // The grammar wants at least one part.
                out_.append("(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0");
                out_.append(form_ == Form::Bodystructure ? " NIL NIL NIL NIL)" : ")");
            }
            return;
        }
        append_imap_string(out_, info(i).type);
        out_.push_back(' ');
        append_imap_string(out_, info(i).subtype);
        out_.push_back(' ');
        append_type_parameters(out_, info(i), node.type == PartType::Text);
        out_.push_back(' ');
        append_optional(out_, info(i).id);
        out_.push_back(' ');
        append_optional(out_, info(i).description);
        out_.push_back(' ');
        append_imap_string(out_, info(i).encoding.value_or("7bit"));
        out_.append(" ").append(std::to_string(node.body_size));
        if (node.type == PartType::Message) {
            const PartNode& within = nodes_[i + 1];
            const std::string_view header = message_.substr(
                within.header_offset, std::min<std::uint64_t>(within.header_size, kPartHeaderMax));
            out_.append(" ").append(format_envelope(scan_header(header))).append(" ");
        }
    }

    /// All that stands after the parts of a part.
    void finish(std::uint32_t i) {
        const PartNode& node = nodes_[i];
        const bool extended = form_ == Form::Bodystructure;
        if (node.type == PartType::Multipart) {
            out_.push_back(' ');
            append_imap_string(out_, info(i).subtype);
            if (extended) {
                out_.push_back(' ');
                append_type_parameters(out_, info(i), false);
                append_common_extension(out_, info(i));
            }
        } else {
            if (node.type == PartType::Text || node.type == PartType::Message) {
                out_.append(" ").append(std::to_string(node.body_lines));
            }
            if (extended) {
                out_.push_back(' ');
                append_optional(out_, info(i).md5);
                append_common_extension(out_, info(i));
            }
        }
        out_.push_back(')');
    }

    std::string_view message_;
    const Structure& structure_;
    const std::vector<PartNode>& nodes_;
    Form form_;
    std::vector<std::uint32_t> open_;
    std::string out_;
};

}  // namespace

void append_imap_string(std::string& out, std::string_view value) {
    if (needs_literal(value)) {
        out.append("{").append(std::to_string(value.size())).append("}\r\n");
        const std::size_t start = out.size();
        out.append(value);
        std::replace(out.begin() + static_cast<std::ptrdiff_t>(start), out.end(), '\0', '\x80');
        return;
    }
    out.push_back('"');
    for (const char c : value) {
        if (c == '"' || c == '\\') {
            out.push_back('\\');
        }
        out.push_back(c);
    }
    out.push_back('"');
}

void append_imap_nstring(std::string& out, std::string_view value) {
    if (value.empty()) {
        out.append(kNil);
    } else {
        append_imap_string(out, value);
    }
}

std::string format_envelope(const Header& header) {
    std::string out = "(";
    append_text_field(out, header, "Date");
    out.push_back(' ');
    append_text_field(out, header, "Subject");
    const std::string from = format_addresses(header, "From");
    out.append(" ").append(from);
    for (const std::string_view name : {"Sender", "Reply-To", "To", "Cc", "Bcc"}) {
        const bool defaults_to_from = name == "Sender" || name == "Reply-To";
        const std::string list = format_addresses(header, name);
        out.append(" ").append(defaults_to_from && list == kNil ? from : list);
    }
    out.push_back(' ');
    append_text_field(out, header, "In-Reply-To");
    out.push_back(' ');
    append_text_field(out, header, "Message-ID");
    out.push_back(')');
    return out;
}

std::string format_bodystructure(std::string_view message, const Structure& structure) {
    return StructureWriter(message, structure, Form::Bodystructure).run();
}

std::string format_body(std::string_view message, const Structure& structure) {
    return StructureWriter(message, structure, Form::Body).run();
}

}  // namespace mail
