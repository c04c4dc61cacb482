#include "mta/voicemail/mailcmd_message.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/hash.h"
#include "mail/address.h"
#include "mail/ascii.h"
#include "mail/date.h"
#include "mail/decode.h"
#include "mail/header.h"
#include "mail/header_address.h"
#include "mail/structure.h"

namespace mta {

namespace {

constexpr std::size_t kRecipientsMax = 64;
constexpr std::string_view kFieldPrefix = "X-Asterisk-VM-";

// What sendmail would take of the input, with CRLF at every line's end.
base::Result<std::string> normal_lines(std::string_view input) {
    std::string out;
    out.reserve(input.size() + input.size() / 40);
    while (!input.empty()) {
        const std::size_t end = std::min(input.find('\n'), input.size());
        std::string_view line = input.substr(0, end);
        input.remove_prefix(std::min(end + 1, input.size()));
        if (line.ends_with('\r')) {
            line.remove_suffix(1);
        }
        if (line == ".") {
            break;
        }
        for (const char c : line) {
            if (c == '\0') {
                return base::Error{base::Errc::Invalid,
                                   "the message has a NUL in it, which no e-mail may have"};
            }
            // A CR of its own comes from a template (\r in emailbody): it means a line's end.
            if (c == '\r') {
                out += "\r\n";
            } else {
                out.push_back(c);
            }
        }
        out += "\r\n";
    }
    return out;
}

std::optional<int> small_number(std::string_view text) {
    int number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool whole = error == std::errc() && end == text.data() + text.size();
    return whole && number >= 0 ? std::optional(number) : std::nullopt;
}

// "<Asterisk-4-1804289383-1234-4711@pbx>": number, random, mailbox, process id. The random number
// may have a sign; the mailbox may have hyphens.
void read_message_id(MailcmdMessage& out) {
    std::string_view id = out.message_id;
    constexpr std::string_view kStart = "<Asterisk-";
    const std::size_t at = id.rfind('@');
    if (!id.starts_with(kStart) || at == std::string_view::npos) {
        return;
    }
    id = id.substr(kStart.size(), at - kStart.size());
    const std::size_t number_end = id.find('-');
    const std::size_t process = id.rfind('-');
    if (number_end == std::string_view::npos || process <= number_end) {
        return;
    }
    const auto number = small_number(id.substr(0, number_end));
    std::string_view middle = id.substr(number_end + 1, process - number_end - 1);
    middle.remove_prefix(middle.starts_with('-') ? 1 : 0);
    const std::size_t random_end = middle.find('-');
    if (!number || *number == 0 || random_end == std::string_view::npos) {
        return;
    }
    out.number = *number - 1;
    out.mailbox = clean_value(middle.substr(random_end + 1));
}

std::string value_of(const mail::Header& header, std::string_view name) {
    const mail::HeaderField* field = header.find(name);
    return field == nullptr ? std::string() : clean_value(mail::unfold(field->value));
}

std::string asterisk_value(const mail::Header& header, std::string_view name) {
    std::string value = value_of(header, std::string(kFieldPrefix) + std::string(name));
    return value == "(null)" ? std::string() : value;
}

std::optional<std::int64_t> count_of(const std::string& text) {
    const auto number = small_number(text);
    return number ? std::optional<std::int64_t>(*number) : std::nullopt;
}

void read_fields(MailcmdMessage& out, const mail::Header& header) {
    SpoolText& text = out.text;
    out.message_id = value_of(header, "Message-ID");
    if (const auto date = mail::parse_header_date(value_of(header, "Date"))) {
        out.date_s = date->unix_seconds;
    }
    read_message_id(out);
    const std::string extension = asterisk_value(header, "Extension");
    out.mailbox = extension.empty() ? out.mailbox : extension;
    out.context = asterisk_value(header, "Context");
    text.msg_id = asterisk_value(header, "Message-ID");
    text.flag = asterisk_value(header, "Flag");
    text.category = asterisk_value(header, "Category");
    text.callerchan = asterisk_value(header, "Caller-channel");
    text.origdate = asterisk_value(header, "Orig-date");
    text.duration_s = count_of(asterisk_value(header, "Duration"));
    text.priority = count_of(asterisk_value(header, "Priority"));
    text.origtime = count_of(asterisk_value(header, "Orig-time"));
    std::string number = asterisk_value(header, "Caller-ID-Num");
    std::string name = asterisk_value(header, "Caller-ID-Name");
    number = number.empty() ? value_of(header, "X-Asterisk-CallerID") : number;
    name = name.empty() ? value_of(header, "X-Asterisk-CallerIDName") : name;
    if (!name.empty() || !number.empty()) {
        text.callerid = "\"" + name + "\" <" + number + ">";
    }
}

void read_recipients(MailcmdMessage& out, const mail::Header& header) {
    for (const mail::HeaderField& field : header.fields) {
        if (!mail::equal_ignoring_case(field.name, "To") &&
            !mail::equal_ignoring_case(field.name, "Cc")) {
            continue;
        }
        for (const mail::HeaderAddress& entry : mail::parse_header_addresses(field.value)) {
            const std::string address = entry.mailbox + "@" + entry.domain;
            if (entry.type == mail::HeaderAddressType::Mailbox && mail::parse_mailbox(address) &&
                out.recipients.size() < kRecipientsMax &&
                std::find(out.recipients.begin(), out.recipients.end(), address) ==
                    out.recipients.end()) {
                out.recipients.push_back(address);
            }
        }
    }
}

std::string extension_of(std::string_view file_name) {
    const std::size_t dot = file_name.rfind('.');
    return dot == std::string_view::npos ? std::string() : std::string(file_name.substr(dot + 1));
}

// Index of the part with the recording: the first that is audio, or is named like one.
std::optional<std::size_t> find_recording(const mail::Structure& structure) {
    for (std::size_t part = 0; part < structure.infos.size(); ++part) {
        const mail::PartInfo& info = structure.infos[part];
        const std::string extension = extension_of(mail::parameter_value(info.parameters, "name"));
        const mail::PartType type = structure.tree.nodes()[part].type;
        if (type == mail::PartType::Other &&
            (mail::equal_ignoring_case(info.type, "audio") || is_audio_extension(extension))) {
            return part;
        }
    }
    return std::nullopt;
}

void read_recording(MailcmdMessage& out) {
    const mail::Structure structure = mail::parse_structure(out.message);
    const auto part = find_recording(structure);
    if (!part) {
        return;
    }
    const mail::PartInfo& info = structure.infos[*part];
    const mail::PartNode& node = structure.tree.nodes()[*part];
    out.audio = mail::decode_transfer(
        std::string_view(out.message).substr(node.body_offset(), node.body_size),
        node.encoding,
        kAudioSizeMax + 1);
    out.extension = extension_of(mail::parameter_value(info.parameters, "name"));
    const auto probed = probe_audio(out.audio, out.extension);
    if (probed) {
        out.info = probed.value();
    }
}

}  // namespace

base::Result<MailcmdMessage> read_mailcmd(std::string_view input) {
    if (input.size() > kMailcmdSizeMax) {
        return base::Error{
            base::Errc::TooLarge,
            "the message has more than " + std::to_string(kMailcmdSizeMax) + " octets"};
    }
    MailcmdMessage out;
    out.message = TRY(normal_lines(input));
    const mail::Header header = mail::scan_header(out.message);
    if (header.fields.empty() || header.fields.front().name.empty()) {
        return base::Error{base::Errc::Invalid,
                           "the input does not begin with a header field; Asterisk's mailcmd gives "
                           "a whole e-mail on standard input"};
    }
    read_fields(out, header);
    read_recipients(out, header);
    read_recording(out);
    return out;
}

std::string complete(const MailcmdMessage& mailcmd, const VoiceMessage& voice) {
    const mail::Header header = mail::scan_header(mailcmd.message);
    std::string front;
    std::string fields = asterisk_fields(voice);
    fields += "Message-Context: voice-message\r\n";
    std::string_view rest = fields;
    while (!rest.empty()) {
        const std::size_t end = rest.find("\r\n") + 2;
        const std::string_view line = rest.substr(0, end);
        if (header.find(line.substr(0, line.find(':'))) == nullptr) {
            front += line;
        }
        rest.remove_prefix(end);
    }
    std::string out = front + mailcmd.message;
    const mail::Structure structure = mail::parse_structure(out);
    const auto part = find_recording(structure);
    const auto duration = voice.duration_s();
    if (part && *part != 0 && duration) {
        const mail::PartNode& node = structure.tree.nodes()[*part];
        const std::string_view headers =
            std::string_view(out).substr(node.header_offset, node.header_size);
        if (mail::scan_header(headers).find("Content-Duration") == nullptr) {
            out.insert(node.header_offset,
                       "Content-Duration: " + std::to_string(*duration) + "\r\n");
        }
    }
    return out;
}

std::string mailcmd_key(const MailcmdMessage& mailcmd) {
    if (!mailcmd.text.msg_id.empty() && !mailcmd.mailbox.empty() && !mailcmd.context.empty()) {
        return voicemail_key(mailcmd.context, mailcmd.mailbox, mailcmd.text);
    }
    std::string identity = mailcmd.message_id + "\n";
    for (const std::string& recipient : mailcmd.recipients) {
        identity += recipient + "\n";
    }
    // Without a Message-ID the whole message is its identity.
    identity += mailcmd.message_id.empty() ? mailcmd.message : mailcmd.audio;
    return "asterisk-vm-" + base::to_hex(base::sha256(base::as_bytes(identity)));
}

}  // namespace mta
