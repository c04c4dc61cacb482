#include "mail/kind_detect.h"

#include <algorithm>
#include <optional>
#include <string>

#include "mail/ascii.h"
#include "mail/decode.h"
#include "mail/header_address.h"

namespace mail {

namespace {

constexpr std::size_t kDigitsMax = 9;

struct NamedField {
    std::string_view field;
    std::string_view attribute;
};

constexpr NamedField kFaxFields[] = {{"X-Fax-Called", "called"},
                                     {"X-Fax-Caller", "caller"},
                                     {"X-Fax-Subaddress", "subaddress"},
                                     {"X-Fax-Sender-Id", "sender-id"},
                                     {"X-Fax-Pages", "pages"},
                                     {"X-Fax-Damaged-Pages", "damaged-pages"},
                                     {"X-Fax-Duration", "duration"},
                                     {"X-Fax-Device", "device"}};
constexpr NamedField kVoicemailFields[] = {{"X-Voicemail-Called", "called"},
                                           {"X-Voicemail-Caller", "caller"},
                                           {"X-Voicemail-Caller-Name", "caller-name"},
                                           {"X-Voicemail-Duration", "duration"}};

// What Asterisk's IMAP storage writes (app_voicemail). Without a caller it writes "(null)".
constexpr NamedField kAsteriskFields[] = {{"X-Asterisk-VM-Extension", "called"},
                                          {"X-Asterisk-VM-Caller-ID-Num", "caller"},
                                          {"X-Asterisk-VM-Caller-ID-Name", "caller-name"},
                                          {"X-Asterisk-VM-Duration", "duration"}};

// The first word of a value that may begin with a comment, in lower case.
std::string first_word(std::string_view value) {
    std::string_view rest = trim(value);
    if (rest.starts_with('(')) {
        const std::size_t end = rest.find(')');
        rest = end == std::string_view::npos ? std::string_view() : trim(rest.substr(end + 1));
    }
    const auto* const end =
        std::find_if_not(rest.begin(), rest.end(), [](char c) { return is_alnum(c) || c == '-'; });
    return to_lower(rest.substr(0, static_cast<std::size_t>(end - rest.begin())));
}

std::optional<Kind> kind_by_context(const Header& header) {
    const std::string context = first_word(header.value("Message-Context"));
    if (context == "fax-message") {
        return Kind::Fax;
    }
    return context == "voice-message" ? std::optional(Kind::Voicemail) : std::nullopt;
}

// A message of Asterisk's: a greeting, which it keeps by IMAP too, has another type.
bool is_asterisk_message(const Header& header) {
    return header.find("X-Asterisk-VM-Context") != nullptr &&
           header.find("X-Asterisk-VM-Extension") != nullptr &&
           first_word(header.value("X-Asterisk-VM-Message-Type")) == "message";
}

bool is_type(const PartInfo& info, std::string_view type, std::string_view subtype) {
    return equal_ignoring_case(info.type, type) && equal_ignoring_case(info.subtype, subtype);
}

bool is_fax_page(const PartInfo& info) {
    const std::string_view application = parameter_value(info.parameters, "application");
    return is_type(info, "image", "tiff") && (equal_ignoring_case(application, "faxbw") ||
                                              equal_ignoring_case(application, "faxcolor"));
}

bool is_voice(const PartInfo& info) {
    return equal_ignoring_case(info.type, "audio") &&
           !parameter_value(info.disposition_parameters, "voice").empty();
}

// A cover note.
bool is_text(const PartInfo& info) {
    return is_type(info, "text", "plain") || is_type(info, "text", "html");
}

// An answer or a passed-on message is a person's mail, whatever is attached to it.
bool is_personal(const Header& header) {
    return header.find("In-Reply-To") != nullptr || header.find("References") != nullptr;
}

// True if the message itself is such a part, or if all the parts that it consists of are, beside
// cover notes if `with_notes`; never for what is within those.
template <typename Predicate>
bool consists_of(const Structure& structure, bool with_notes, Predicate predicate) {
    const auto& nodes = structure.tree.nodes();
    if (nodes.size() == 1) {
        return predicate(structure.infos[0]);
    }
    if (nodes.size() > kPartsLookedAt || nodes[0].type != PartType::Multipart) {
        return false;
    }
    bool found = false;
    for (std::size_t n = 1; n < nodes.size(); ++n) {
        const PartInfo& info = structure.infos[n];
        const bool is_one = predicate(info);
        if (nodes[n].parent != 0 || !(is_one || (with_notes && is_text(info)))) {
            return false;
        }
        found = found || is_one;
    }
    return found;
}

Kind kind_by_structure(const Header& header, const Structure& structure) {
    const PartInfo& root = structure.infos[0];
    if (is_type(root, "multipart", "voice-message")) {
        return Kind::Voicemail;
    }
    const bool is_multipart = equal_ignoring_case(root.type, "multipart");
    if (is_multipart && !is_type(root, "multipart", "mixed") &&
        !is_type(root, "multipart", "fax-message")) {
        return Kind::Email;
    }
    const bool with_notes = !is_personal(header);
    if (consists_of(structure, with_notes, is_fax_page)) {
        return Kind::Fax;
    }
    return consists_of(structure, with_notes, is_voice) ? Kind::Voicemail : Kind::Email;
}

bool is_number(std::string_view text) {
    return !text.empty() && text.size() <= kDigitsMax &&
           std::all_of(text.begin(), text.end(), is_digit);
}

void note(KindFinding& finding, std::string_view name, std::string_view octets) {
    const std::string value = clean_text(octets);
    if (!value.empty() && finding.attributes.find(name) == nullptr) {
        (void)finding.attributes.set(name, value);  // clean and few: it cannot fail
    }
}

// RFC 3803: seconds, of the part or of the message. The first part of the type that says so.
void note_duration(std::string_view message,
                   const Header& header,
                   const Structure& structure,
                   KindFinding& finding) {
    const std::string_view type = finding.kind == Kind::Voicemail ? "audio" : "image";
    std::string_view seconds = trim(header.value("Content-Duration"));
    const auto& nodes = structure.tree.nodes();
    for (std::size_t n = 1; n < std::min(nodes.size(), kPartsLookedAt) && seconds.empty(); ++n) {
        if (equal_ignoring_case(structure.infos[n].type, type)) {
            const Header part =
                scan_header(message.substr(nodes[n].header_offset, nodes[n].header_size));
            seconds = trim(part.value("Content-Duration"));
        }
    }
    if (is_number(seconds)) {
        note(finding, "duration", seconds);
    }
}

// A local part that is a telephone number: "+4930123", "FAX=+4930123/T33S=17".
struct PhoneAddress {
    std::string number;
    std::string subaddress;
};

std::optional<PhoneAddress> phone_of(std::string_view local_part) {
    const std::string lower = to_lower(local_part);
    for (const std::string_view scheme : {"fax=", "voice="}) {
        if (lower.starts_with(scheme)) {
            local_part.remove_prefix(scheme.size());
            break;
        }
    }
    PhoneAddress phone;
    phone.number = local_part.substr(0, local_part.find('/'));
    const std::size_t sub = lower.find("/t33s=");
    if (sub != std::string::npos) {
        const std::string_view rest = std::string_view(lower).substr(sub + 6);
        phone.subaddress = rest.substr(0, rest.find('/'));
    }
    const bool is_phone = std::count_if(phone.number.begin(), phone.number.end(), is_digit) >= 3 &&
                          phone.number.find_first_not_of("+-.0123456789*#") == std::string::npos;
    return is_phone ? std::optional(std::move(phone)) : std::nullopt;
}

void note_addresses(const Header& header, KindFinding& finding) {
    const auto first = [&](std::string_view field) -> std::optional<HeaderAddress> {
        for (HeaderAddress& address : parse_header_addresses(header.value(field))) {
            if (address.type == HeaderAddressType::Mailbox) {
                return std::move(address);
            }
        }
        return std::nullopt;
    };
    if (const auto from = first("From")) {
        if (const auto phone = phone_of(from->mailbox)) {
            note(finding, "caller", phone->number);
        }
        if (finding.kind == Kind::Voicemail) {
            note(finding, "caller-name", decode_header_text(from->name));
        }
    }
    if (const auto to = first("To")) {
        if (const auto phone = phone_of(to->mailbox)) {
            note(finding, "called", phone->number);
            note(finding, "subaddress", phone->subaddress);
        }
    }
}

template <std::size_t Count>
void note_fields(const Header& header, const NamedField (&fields)[Count], KindFinding& finding) {
    for (const NamedField& named : fields) {
        const std::string text = decode_header_text(header.value(named.field));
        if (text != "(null)") {
            note(finding, named.attribute, text);
        }
    }
}

}  // namespace

KindFinding detect_kind(std::string_view message,
                        const Header& header,
                        const Structure& structure) {
    KindFinding finding;
    const bool asterisk = is_asterisk_message(header);
    finding.kind = kind_by_context(header).value_or(
        asterisk ? Kind::Voicemail : kind_by_structure(header, structure));
    if (finding.kind == Kind::Email) {
        return finding;
    }
    if (finding.kind == Kind::Fax) {
        note_fields(header, kFaxFields, finding);
    } else {
        note_fields(header, kVoicemailFields, finding);
        if (asterisk) {
            note_fields(header, kAsteriskFields, finding);
        }
        // RFC 3801 4.2: Importance.
        if (first_word(header.value("Importance")) == "high" ||
            (asterisk && first_word(header.value("X-Asterisk-VM-Flag")) == "urgent")) {
            note(finding, "urgent", "1");
        }
    }
    note_duration(message, header, structure, finding);
    if (!asterisk) {
        note_addresses(header, finding);
    }
    return finding;
}

}  // namespace mail
