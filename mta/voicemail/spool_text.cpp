#include "mta/voicemail/spool_text.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/hash.h"
#include "mail/ascii.h"
#include "mail/decode.h"

namespace mta {

namespace {

constexpr std::size_t kLinesMax = 256;

struct TextName {
    std::string_view name;
    std::string SpoolText::*member;
};

struct NumberName {
    std::string_view name;
    std::optional<std::int64_t> SpoolText::*member;
};

constexpr std::array kTextNames{
    TextName{"origmailbox", &SpoolText::origmailbox},
    TextName{"context", &SpoolText::context},
    TextName{"macrocontext", &SpoolText::macrocontext},
    TextName{"exten", &SpoolText::exten},
    TextName{"rdnis", &SpoolText::rdnis},
    TextName{"callerchan", &SpoolText::callerchan},
    TextName{"callerid", &SpoolText::callerid},
    TextName{"origdate", &SpoolText::origdate},
    TextName{"category", &SpoolText::category},
    TextName{"msg_id", &SpoolText::msg_id},
    TextName{"flag", &SpoolText::flag},
};

constexpr std::array kNumberNames{
    NumberName{"priority", &SpoolText::priority},
    NumberName{"origtime", &SpoolText::origtime},
    NumberName{"duration", &SpoolText::duration_s},
};

std::optional<std::int64_t> parse_number(std::string_view text) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < 0) {
        return std::nullopt;
    }
    return number;
}

void take_value(SpoolText& out, std::string_view name, std::string_view value) {
    for (const TextName& known : kTextNames) {
        if (known.name == name) {
            std::string& member = out.*known.member;
            if (member.empty()) {
                member = clean_value(value);
            }
            return;
        }
    }
    for (const NumberName& known : kNumberNames) {
        if (known.name == name) {
            auto& member = out.*known.member;
            if (!member) {
                member = parse_number(value);
            }
            return;
        }
    }
}

void take_line(SpoolText& out, std::string_view line) {
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) {
        return;
    }
    std::string_view value = line.substr(equals + 1);
    if (value.starts_with('>')) {
        value.remove_prefix(1);
    }
    take_value(out, mail::trim(line.substr(0, equals)), mail::trim(value));
}

// Where a cut at `size_max` octets leaves no character in two.
std::size_t cut_at(std::string_view text, std::size_t size_max) {
    std::size_t end = size_max;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) {
        --end;
    }
    return end;
}

bool is_unknown(std::string_view text) {
    return mail::equal_ignoring_case(text, "unknown") ||
           mail::equal_ignoring_case(text, "unavailable");
}

bool is_number(std::string_view text) {
    bool digit = false;
    for (const char c : text) {
        if (mail::is_digit(c)) {
            digit = true;
        } else if (c != '+' && c != '*' && c != '#') {
            return false;
        }
    }
    return digit;
}

}  // namespace

std::string clean_value(std::string_view text, std::size_t size_max) {
    // A text of anything but ASCII gets longer at most threefold: the rest would be cut below.
    const std::string_view bounded =
        text.size() > size_max * 4 ? text.substr(0, cut_at(text, size_max * 4)) : text;
    std::string clean;
    for (const char c : bounded) {
        clean.push_back(mail::is_control(c) ? ' ' : c);
    }
    const mail::ConvertedText utf8 = mail::convert_to_utf8(clean, "utf-8");
    std::string out = utf8.ok ? clean : mail::convert_to_utf8(clean, "windows-1252").text;
    // Controls of the C1 block are two octets in UTF-8: 0xC2 0x80 to 0x9F.
    for (std::size_t at = 0; at + 1 < out.size(); ++at) {
        if (out[at] == '\xC2' && static_cast<unsigned char>(out[at + 1]) < 0xA0U) {
            out.replace(at, 2, " ");
        }
    }
    if (out.size() > size_max) {
        out.resize(cut_at(out, size_max));
    }
    return std::string(mail::trim(out));
}

CallerId parse_caller_id(std::string_view value) {
    std::string text = clean_value(value);
    CallerId caller;
    const std::size_t open = text.rfind('<');
    if (open != std::string::npos && text.ends_with('>')) {
        caller.number = mail::trim(text.substr(open + 1, text.size() - open - 2));
        text.resize(open);
    }
    std::string_view rest = mail::trim(text);
    if (rest.size() >= 2 && rest.front() == '"' && rest.back() == '"') {
        rest = mail::trim(rest.substr(1, rest.size() - 2));
    }
    if (caller.number.empty() && is_number(rest)) {
        caller.number = rest;
    } else {
        caller.name = rest;
    }
    if (is_unknown(caller.name)) {
        caller.name.clear();
    }
    if (is_unknown(caller.number)) {
        caller.number.clear();
    }
    return caller;
}

bool SpoolText::is_urgent() const {
    return mail::equal_ignoring_case(flag, "urgent");
}

base::Result<SpoolText> parse_spool_text(std::string_view text) {
    if (text.size() > kSpoolTextMax) {
        return base::Error{base::Errc::TooLarge, "a message's text file of over 64 KiB"};
    }
    SpoolText out;
    bool in_message = false;
    for (std::size_t lines = 0; !text.empty() && lines < kLinesMax; ++lines) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = mail::trim(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty() || line.front() == ';') {
            continue;
        }
        if (line.front() == '[') {
            in_message = line == "[message]";
        } else if (in_message) {
            take_line(out, line);
        }
    }
    if (!out.origtime && !out.duration_s && out.msg_id.empty()) {
        return base::Error{base::Errc::Corrupt,
                           "no [message] with msg_id, origtime or duration in it"};
    }
    return out;
}

std::string voicemail_key(std::string_view context,
                          std::string_view mailbox,
                          const SpoolText& text) {
    // Lengths stand before the values, so that no value can pass for two.
    std::string identity;
    const auto add = [&identity](std::string_view value) {
        identity += std::to_string(value.size()) + ':' + std::string(value);
    };
    add(context);
    add(mailbox);
    if (!text.msg_id.empty() && text.msg_id != "(null)") {
        add("id");
        add(text.msg_id);
    } else {
        add("time");
        add(std::to_string(text.origtime.value_or(-1)));
        add(text.callerid);
        add(std::to_string(text.duration_s.value_or(-1)));
    }
    return "asterisk-vm-" + base::to_hex(base::sha256(base::as_bytes(identity)));
}

}  // namespace mta
