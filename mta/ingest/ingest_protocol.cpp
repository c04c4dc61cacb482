#include "mta/ingest/ingest_protocol.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "mail/limits.h"

namespace mta {

namespace {

using Json = nlohmann::json;
using base::Errc;
using base::Error;
using base::Result;
using base::Status;

constexpr std::array<std::string_view, 4> kStatusNames = {"stored", "again", "try-again", "never"};
constexpr std::array kNeverCodes = {Errc::NotFound, Errc::Refused, Errc::Invalid, Errc::TooLarge};
constexpr std::array<std::string_view, 4> kOthersAttributes = {
    "key", "verdict", "signature", "scanner"};
static_assert(kOthersAttributes.size() + kIngestAttributesMax == mail::kAttributesMax);
constexpr std::size_t kReasonMax = 1'000;

Error wrong(std::string what) {
    return Error{Errc::Invalid, std::move(what)};
}

// Text that is no JSON, or no object, gives a value that is no object. It throws nothing, and does
// not recurse: the depth costs memory only, which the size of the line bounds.
Json read_object(std::string_view line) {
    return Json::parse(line, nullptr, false);
}

// Octets that are no UTF-8 become U+FFFD: nothing that is written here may throw.
std::string line_of(const Json& object) {
    return object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<std::string> text_of(const Json& value, const std::string& name) {
    if (!value.is_string()) {
        return wrong("\"" + name + "\" must be a text");
    }
    return value.get<std::string>();
}

Result<mail::Attributes> attributes_of(const Json& value) {
    mail::Attributes attributes;
    if (!value.is_object()) {
        return wrong("\"attributes\" must be an object of texts");
    }
    for (const auto& [name, content] : value.items()) {
        const Status set = attributes.set(name, TRY(text_of(content, name)));
        if (!set) {
            return Error{set.error().code, "attribute \"" + name + "\": " + set.error().detail};
        }
    }
    return attributes;
}

Result<std::vector<std::string>> recipients_of(const Json& value) {
    std::vector<std::string> recipients;
    if (!value.is_array()) {
        return wrong("\"recipients\" must be a list of addresses");
    }
    for (const Json& each : value) {
        recipients.push_back(TRY(text_of(each, "recipients")));
    }
    return recipients;
}

Status read_member(const std::string& name, const Json& value, IngestHeader& header) {
    if (name == "kind") {
        const std::string kind = TRY(text_of(value, name));
        header.kind = TRY(mail::parse_kind(kind));
    } else if (name == "key") {
        header.key = TRY(text_of(value, name));
    } else if (name == "sender") {
        header.sender = TRY(text_of(value, name));
    } else if (name == "recipients") {
        header.recipients = TRY(recipients_of(value));
    } else if (name == "attributes") {
        header.attributes = TRY(attributes_of(value));
    } else if (name == "seen" || name == "partial") {
        if (!value.is_boolean()) {
            return wrong("\"" + name + "\" must be true or false");
        }
        (name == "seen" ? header.seen : header.partial) = value.get<bool>();
    } else if (name == "size") {
        if (!value.is_number_unsigned()) {
            return wrong("\"size\" must be a number of octets");
        }
        header.size = value.get<std::uint64_t>();
    } else {
        return wrong("there is no member \"" + name +
                     "\": kind, key, sender, recipients, attributes, seen, partial, size");
    }
    return base::Done{};
}

Status check(const IngestHeader& header) {
    if (header.recipients.empty()) {
        return wrong("\"recipients\" must name at least one address");
    }
    if (header.size == 0) {
        return wrong("\"size\" must be the number of octets of the message, at least 1");
    }
    if (header.key.size() > kIngestKeyMax || !mail::is_clean_text(header.key)) {
        return wrong("\"key\" must be one line of at most 200 octets of UTF-8");
    }
    for (const std::string_view name : kOthersAttributes) {
        if (header.attributes.find(name) != nullptr) {
            return wrong("attribute \"" + std::string(name) +
                         "\" is not the client's to set; a key is a member of its own");
        }
    }
    if (header.attributes.size() > kIngestAttributesMax) {
        return Error{Errc::TooLarge,
                     "more than " + std::to_string(kIngestAttributesMax) + " attributes"};
    }
    return base::Done{};
}

std::string text_member(const Json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

Result<IngestHeader> parse_ingest_header(std::string_view line) {
    if (line.size() >= kIngestHeaderMax) {
        return Error{Errc::TooLarge, "the line before a message may have 65536 octets"};
    }
    const Json object = read_object(line);
    if (!object.is_object()) {
        return wrong("the line before a message must be a JSON object");
    }
    IngestHeader header;
    if (!object.contains("kind")) {
        return wrong("\"kind\" must be email, fax or voicemail");
    }
    for (const auto& [name, value] : object.items()) {
        TRY(read_member(name, value, header));
    }
    TRY(check(header));
    return header;
}

Result<std::string> format_ingest_header(const IngestHeader& header) {
    TRY(check(header));
    Json attributes = Json::object();
    for (const mail::Attribute& attribute : header.attributes) {
        attributes[attribute.name] = attribute.value;
    }
    std::string line = line_of({{"kind", mail::kind_name(header.kind)},
                                {"key", header.key},
                                {"sender", header.sender},
                                {"recipients", header.recipients},
                                {"attributes", std::move(attributes)},
                                {"seen", header.seen},
                                {"partial", header.partial},
                                {"size", header.size}});
    if (line.size() > kIngestHeaderMax) {
        return Error{Errc::TooLarge, "recipients and attributes take more than 65536 octets"};
    }
    return line;
}

std::string_view ingest_status_name(IngestAnswer::Status status) noexcept {
    return kStatusNames[static_cast<std::size_t>(status)];
}

std::string format_ingest_answer(const IngestAnswer& answer) {
    Json object = {{"status", ingest_status_name(answer.status)}};
    switch (answer.status) {
        case IngestAnswer::Status::Stored:
            object["copies"] = answer.copies;
            [[fallthrough]];
        case IngestAnswer::Status::Again:
            object["id"] = answer.id;
            if (!answer.left_out.empty()) {
                object["left_out"] = answer.left_out;
            }
            break;
        case IngestAnswer::Status::Never:
            object["code"] = base::errc_name(answer.code);
            [[fallthrough]];
        case IngestAnswer::Status::TryAgain:
            object["reason"] = answer.reason.substr(0, kReasonMax);
            break;
    }
    return line_of(object);
}

Result<IngestAnswer> parse_ingest_answer(std::string_view line) {
    const Json object = read_object(line);
    const Error no_answer{Errc::Corrupt, "what answers is no ingest socket"};
    if (!object.is_object()) {
        return no_answer;
    }
    const auto* const status =
        std::find(kStatusNames.begin(), kStatusNames.end(), text_member(object, "status"));
    if (status == kStatusNames.end()) {
        return no_answer;
    }
    IngestAnswer answer;
    answer.status = static_cast<IngestAnswer::Status>(status - kStatusNames.begin());
    answer.id = text_member(object, "id");
    answer.reason = text_member(object, "reason");
    if (const auto copies = object.find("copies");
        copies != object.end() && copies->is_number_unsigned()) {
        answer.copies = copies->get<std::size_t>();
    }
    if (const auto left_out = object.find("left_out"); left_out != object.end()) {
        const Result<std::vector<std::string>> addresses = recipients_of(*left_out);
        if (!addresses) {
            return no_answer;
        }
        answer.left_out = addresses.value();
    }
    if (answer.status == IngestAnswer::Status::Never) {
        const std::string code = text_member(object, "code");
        const auto* const known =
            std::find_if(kNeverCodes.begin(), kNeverCodes.end(), [&](Errc each) {
                return base::errc_name(each) == code;
            });
        if (known == kNeverCodes.end()) {
            return no_answer;
        }
        answer.code = *known;
    }
    return answer;
}

}  // namespace mta
