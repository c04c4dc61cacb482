#include "mta/voicemail/voice_message.h"

#include <algorithm>

#include "base/base64.h"
#include "base/hash.h"
#include "mail/ascii.h"
#include "mail/date.h"
#include "mail/field_text.h"

namespace mta {

namespace {

constexpr std::size_t kDigestShown = 16;  // hexadecimal digits in names that we make

// What Asterisk's reader takes: one line of printable ASCII.
std::string plain_value(std::string_view text) {
    std::string out;
    for (const char c : clean_value(text)) {
        if (!mail::is_8bit(c)) {
            out.push_back(c);
        }
    }
    return std::string(mail::trim(out));
}

void field(std::string& out, std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append("\r\n");
}

// "Anna Lee (555-0100)", "555-0100", "an unknown caller".
std::string caller_text(const CallerId& caller) {
    if (caller.name.empty()) {
        return caller.number.empty() ? "an unknown caller" : caller.number;
    }
    return caller.number.empty() ? caller.name : caller.name + " (" + caller.number + ")";
}

std::string file_name(const VoiceMessage& voice) {
    std::string number = std::to_string(std::clamp(voice.number, 0, 999999));
    number.insert(0, number.size() < 4 ? 4 - number.size() : 0, '0');
    std::string extension;
    for (const char c : voice.extension.substr(0, 8)) {
        if (mail::is_alnum(c)) {
            extension.push_back(c);
        }
    }
    return "msg" + number + "." + (extension.empty() ? "bin" : extension);
}

std::string media_type(const VoiceMessage& voice) {
    const std::string name = file_name(voice);
    const std::string extension = name.substr(name.rfind('.') + 1);
    if (voice.info && voice.info->container == "ogg") {
        return "audio/ogg";
    }
    return is_audio_extension(extension) ? "audio/x-" + extension : "application/octet-stream";
}

std::string summary_text(const VoiceMessage& voice) {
    const CallerId caller = voice.text.caller();
    const auto duration = voice.duration_s();
    std::string out = voice.text.is_urgent() ? "An urgent voicemail" : "A voicemail";
    out += " for mailbox " + clean_value(voice.mailbox) + ".\r\n\r\n";
    out += "From:     " + caller_text(caller) + "\r\n";
    if (voice.text.origtime) {
        out += "Left at:  " + mail::format_header_date({*voice.text.origtime, 0}) + "\r\n";
    }
    if (duration) {
        out += "Duration: " + clock_text(*duration) +
               (voice.info ? "" : " as the telephone system measured it") + "\r\n";
    }
    if (!voice.info) {
        out += "\r\nThe recording could not be read; it is attached as it was found.\r\n";
    }
    return out;
}

std::string part_headers(const VoiceMessage& voice) {
    const std::string name = file_name(voice);
    const auto duration = voice.duration_s();
    std::string out = "Content-Type: " + media_type(voice) + "; name=\"" + name + "\"\r\n";
    field(out, "Content-Transfer-Encoding", "base64");
    field(out, "Content-Description", "Voicemail recording");
    out += "Content-Disposition: attachment; voice=Voice-Message; filename=\"" + name + "\"\r\n";
    if (duration) {
        field(out, "Content-Duration", std::to_string(*duration));
    }
    return out;
}

std::string domain_of(std::string_view address) {
    const std::size_t at = address.rfind('@');
    return plain_value(at == std::string_view::npos ? "localhost" : address.substr(at + 1));
}

std::string subject(const VoiceMessage& voice) {
    const auto duration = voice.duration_s();
    std::string out = voice.text.is_urgent() ? "Urgent voicemail" : "Voicemail";
    out += " from " + caller_text(voice.text.caller());
    return duration ? out + ", " + clock_text(*duration) : out;
}

}  // namespace

std::optional<std::int64_t> VoiceMessage::duration_s() const {
    return info ? std::optional(whole_seconds(info->duration_ms)) : text.duration_s;
}

std::string clock_text(std::int64_t seconds) {
    const auto two = [](std::int64_t number) {
        return (number < 10 ? "0" : "") + std::to_string(number);
    };
    const std::int64_t whole = std::max<std::int64_t>(0, seconds);
    const std::string rest = two(whole % 60);
    return whole < 3600 ? std::to_string(whole / 60) + ":" + rest
                        : std::to_string(whole / 3600) + ":" + two(whole / 60 % 60) + ":" + rest;
}

std::string asterisk_fields(const VoiceMessage& voice) {
    const SpoolText& text = voice.text;
    const CallerId caller = text.caller();
    const auto number = [](const std::optional<std::int64_t>& value) {
        return value ? std::to_string(*value) : std::string();
    };
    std::string out;
    field(out, "X-Asterisk-VM-Message-Num", std::to_string(voice.number + 1));
    field(out, "X-Asterisk-VM-Server-Name", plain_value(voice.server));
    field(out, "X-Asterisk-VM-Context", plain_value(voice.context));
    field(out, "X-Asterisk-VM-Extension", plain_value(voice.mailbox));
    field(out, "X-Asterisk-VM-Flag", plain_value(text.flag));
    field(out, "X-Asterisk-VM-Priority", number(text.priority));
    field(out, "X-Asterisk-VM-Caller-channel", plain_value(text.callerchan));
    field(out, "X-Asterisk-VM-Caller-ID-Num", plain_value(caller.number));
    field(out, "X-Asterisk-VM-Caller-ID-Name", plain_value(caller.name));
    field(out, "X-Asterisk-VM-Duration", number(voice.duration_s()));
    field(out, "X-Asterisk-VM-Category", plain_value(text.category));
    field(out, "X-Asterisk-VM-Message-Type", "Message");
    field(out, "X-Asterisk-VM-Orig-date", plain_value(text.origdate));
    field(out, "X-Asterisk-VM-Orig-time", number(text.origtime));
    field(out, "X-Asterisk-VM-Message-ID", plain_value(text.msg_id));
    return out;
}

std::string compose(const VoiceMessage& voice) {
    const std::string key = voicemail_key(voice.context, voice.mailbox, voice.text);
    // A caller who could guess the boundary could end the part within a text: it hangs on the
    // audio.
    const std::string boundary =
        "=_voicemail_" +
        base::to_hex(base::sha256(base::as_bytes(key + voice.audio))).substr(0, 2 * kDigestShown);
    const CallerId caller = voice.text.caller();
    std::string out = asterisk_fields(voice);
    if (voice.text.origtime) {
        field(out, "Date", mail::format_header_date({*voice.text.origtime, 0}));
    }
    out +=
        mail::address_field("From", caller_text(caller), "voicemail@" + domain_of(voice.recipient));
    field(out, "To", "<" + plain_value(voice.recipient) + ">");
    out += mail::text_field("Subject", subject(voice));
    field(out,
          "Message-ID",
          "<" + key.substr(0, key.find_last_of('-') + 1 + 2 * kDigestShown) + "@" +
              domain_of(voice.recipient) + ">");
    field(out, "Message-Context", "voice-message");
    if (voice.text.is_urgent()) {
        field(out, "Importance", "high");
    }
    field(out, "MIME-Version", "1.0");
    field(out, "Content-Type", "multipart/mixed;\r\n boundary=\"" + boundary + "\"");
    out += "\r\n--" + boundary + "\r\n";
    field(out, "Content-Type", "text/plain; charset=utf-8");
    field(out, "Content-Transfer-Encoding", "8bit");
    out += "\r\n" + summary_text(voice) + "\r\n--" + boundary + "\r\n";
    out += part_headers(voice) + "\r\n" + base::base64_lines(voice.audio);
    return out + "--" + boundary + "--\r\n";
}

mail::Attributes voice_attributes(const VoiceMessage& voice) {
    const CallerId caller = voice.text.caller();
    const auto duration = voice.duration_s();
    mail::Attributes out;
    // Cleaned and bounded: none of these can be refused.
    const auto set = [&out](std::string_view name, const std::string& value) {
        if (!value.empty()) {
            (void)out.set(name, clean_value(value));
        }
    };
    set("called", voice.mailbox);
    set("caller", caller.number);
    set("caller-name", caller.name);
    set("duration", duration ? std::to_string(*duration) : "");
    set("urgent", voice.text.is_urgent() ? "1" : "");
    return out;
}

}  // namespace mta
