#include "mta/fax/outgoing.h"

#include <optional>
#include <utility>

#include "base/hash.h"
#include "mail/ascii.h"
#include "mail/attributes.h"
#include "mail/decode.h"
#include "mail/field_text.h"
#include "mail/header.h"
#include "mail/structure.h"

namespace mta {

using base::Errc;
using base::Error;

namespace {

constexpr std::string_view kMark = "X-Fax-Job";
constexpr std::size_t kKeyMax = 100;
constexpr std::size_t kMessageIdMax = 250;
constexpr std::size_t kSubjectMax = 300;

// The suffix for a part that is sent as it is; empty for others.
std::string suffix_of(const mail::PartInfo& info) {
    const std::string type = mail::to_lower(info.type) + "/" + mail::to_lower(info.subtype);
    if (type == "application/pdf" || type == "application/x-pdf") {
        return ".pdf";
    }
    if (type == "image/tiff") {
        return ".tif";
    }
    if (type == "application/postscript") {
        return ".ps";
    }
    return {};
}

base::Result<std::string> decoded(std::string_view message, const mail::PartNode& node) {
    const std::string_view body = message.substr(node.body_offset(), node.body_size);
    std::string octets = mail::decode_transfer(body, node.encoding, kFaxDocumentSizeMax + 1);
    if (octets.size() > kFaxDocumentSizeMax) {
        return Error{Errc::TooLarge, "a document of the fax is too large"};
    }
    return octets;
}

}  // namespace

std::string outgoing_key(std::string_view sender,
                         std::string_view number,
                         std::string_view message) {
    base::Sha256 digest;
    for (const std::string_view part : {sender, number, message}) {
        const std::string size = std::to_string(part.size()) + ":";
        digest.update(base::as_bytes(size));
        digest.update(base::as_bytes(part));
    }
    return "fax-out/" + base::to_hex(digest.finish());
}

std::string marked_outgoing(std::string_view key, std::string_view message) {
    std::string out = std::string(kMark) + ": " + std::string(key) + "\r\n";
    out.reserve(out.size() + message.size() + message.size() / 40);
    char before = '\0';
    for (const char c : message) {
        if (c == '\n' && before != '\r') {
            out.push_back('\r');
        }
        out.push_back(c);
        before = c;
    }
    return out;
}

std::string key_of_marked(std::string_view message) {
    const mail::Header header = mail::scan_header(message);
    const mail::HeaderField* field = header.find(kMark);
    const std::string key = field == nullptr ? std::string() : mail::unfold(field->value);
    return key.starts_with("fax-out/") && key.size() <= kKeyMax ? key : std::string();
}

OutgoingNames names_of_outgoing(std::string_view message) {
    const mail::Header header = mail::scan_header(message);
    OutgoingNames names;
    const std::string id(mail::trim(mail::unfold(header.value("Message-ID"))));
    const bool is_safe = id.size() > 2 && id.size() <= kMessageIdMax && id.front() == '<' &&
                         id.find('>') == id.size() - 1 && id.find(' ') == std::string::npos &&
                         mail::is_printable_ascii(id);
    if (is_safe) {
        names.message_id = id;
    }
    names.subject =
        mail::clean_text(mail::decode_header_text(header.value("Subject")).substr(0, kSubjectMax));
    return names;
}

base::Result<std::vector<FaxDocument>> fax_documents(std::string_view message) {
    const mail::Structure structure = mail::parse_structure(message);
    const std::vector<mail::PartNode>& nodes = structure.tree.nodes();
    std::vector<FaxDocument> documents;
    std::optional<std::size_t> first_text;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        const mail::PartInfo& info = structure.infos[i];
        const std::string suffix = suffix_of(info);
        if (!suffix.empty()) {
            if (documents.size() == kFaxDocumentsMax) {
                return Error{
                    Errc::TooLarge,
                    "the message has more than " + std::to_string(kFaxDocumentsMax) + " documents"};
            }
            documents.push_back({suffix, TRY(decoded(message, nodes[i]))});
        } else if (!first_text && nodes[i].type == mail::PartType::Text &&
                   mail::equal_ignoring_case(info.subtype, "plain")) {
            first_text = i;
        }
    }
    if (!documents.empty()) {
        return documents;
    }
    if (first_text) {
        const mail::PartNode& node = nodes[*first_text];
        std::string text = mail::decode_part_text(
            message.substr(node.body_offset(), node.body_size),
            node.encoding,
            mail::parameter_value(structure.infos[*first_text].parameters, "charset"),
            kFaxDocumentSizeMax);
        if (!mail::trim(text).empty()) {
            documents.push_back({".txt", std::move(text)});
            return documents;
        }
    }
    return Error{
        Errc::Unsupported,
        "the message has nothing that can be faxed: no PDF, TIFF or PostScript, and no text"};
}

}  // namespace mta
