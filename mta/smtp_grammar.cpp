#include "mta/smtp_grammar.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace mta {

namespace {

struct VerbName {
    std::string_view name;
    Verb verb;
};

constexpr std::array kVerbs = {
    VerbName{"EHLO", Verb::Ehlo},       VerbName{"HELO", Verb::Helo},
    VerbName{"MAIL", Verb::Mail},       VerbName{"RCPT", Verb::Rcpt},
    VerbName{"DATA", Verb::Data},       VerbName{"RSET", Verb::Rset},
    VerbName{"NOOP", Verb::Noop},       VerbName{"QUIT", Verb::Quit},
    VerbName{"VRFY", Verb::Vrfy},       VerbName{"EXPN", Verb::Expn},
    VerbName{"HELP", Verb::Help},       VerbName{"STARTTLS", Verb::StartTls},
    VerbName{"AUTH", Verb::Auth},       VerbName{"BDAT", Verb::Bdat},
    VerbName{"GET", Verb::Foreign},     VerbName{"POST", Verb::Foreign},
    VerbName{"PUT", Verb::Foreign},     VerbName{"HEAD", Verb::Foreign},
    VerbName{"PATCH", Verb::Foreign},   VerbName{"DELETE", Verb::Foreign},
    VerbName{"OPTIONS", Verb::Foreign}, VerbName{"CONNECT", Verb::Foreign},
    VerbName{"TRACE", Verb::Foreign},
};

char upper(char octet) {
    return octet >= 'a' && octet <= 'z' ? static_cast<char>(octet - 'a' + 'A') : octet;
}

bool equal_any_case(std::string_view text, std::string_view upper_case) {
    return text.size() == upper_case.size() &&
           std::equal(text.begin(), text.end(), upper_case.begin(), [](char a, char b) {
               return upper(a) == b;
           });
}

bool is_blank(char octet) {
    return octet == ' ' || octet == '\t';
}

std::string_view without_trailing_blanks(std::string_view text) {
    while (!text.empty() && is_blank(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

// Takes "FROM:" or "TO:" and the one tolerated blank; false if it is not there.
bool take_keyword(std::string_view& argument, std::string_view keyword) {
    if (argument.size() < keyword.size() ||
        !equal_any_case(argument.substr(0, keyword.size()), keyword)) {
        return false;
    }
    argument.remove_prefix(keyword.size());
    if (!argument.empty() && argument.front() == ' ') {
        argument.remove_prefix(1);
    }
    return true;
}

SyntaxFault path_fault(const base::Error& error) {
    return error.code == base::Errc::TooLarge ? SyntaxFault::AddressTooLong : SyntaxFault::Address;
}

// RFC 5321 4.1.1.11: Mail-parameters are parted by one blank; more are let through as blanks at the
// end of a line are.
std::string_view take_parameter(std::string_view& rest) {
    while (!rest.empty() && rest.front() == ' ') {
        rest.remove_prefix(1);
    }
    const std::string_view parameter = rest.substr(0, rest.find(' '));
    rest.remove_prefix(parameter.size());
    return parameter;
}

SyntaxFault take_size(std::string_view value, MailArguments& out) {
    std::uint64_t size = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), size);
    // RFC 1870 3: 1*20DIGIT. A number that no 64 bits hold is over every limit there is.
    const bool digits = !value.empty() && value.size() <= 20 &&
                        std::all_of(value.begin(), value.end(), [](char octet) {
                            return octet >= '0' && octet <= '9';
                        });
    if (!digits || out.size_bytes) {
        return SyntaxFault::ParameterValue;
    }
    out.size_bytes = error == std::errc() && end == value.data() + value.size() ? size : UINT64_MAX;
    return SyntaxFault::None;
}

SyntaxFault take_body(std::string_view value, bool& seen, MailArguments& out) {
    if (std::exchange(seen, true)) {
        return SyntaxFault::ParameterValue;
    }
    if (equal_any_case(value, "8BITMIME")) {
        out.body_type = mail::BodyType::EightBitMime;
        return SyntaxFault::None;
    }
    return equal_any_case(value, "7BIT") ? SyntaxFault::None : SyntaxFault::ParameterValue;
}

SyntaxFault take_mail_parameters(std::string_view rest, MailArguments& out) {
    bool body_seen = false;
    while (!rest.empty()) {
        const std::string_view parameter = take_parameter(rest);
        const std::size_t equals = parameter.find('=');
        const std::string_view keyword = parameter.substr(0, equals);
        const std::string_view value =
            equals == std::string_view::npos ? std::string_view() : parameter.substr(equals + 1);
        ++out.parameter_count;
        SyntaxFault fault = SyntaxFault::UnknownParameter;
        if (equal_any_case(keyword, "SIZE")) {
            fault = take_size(value, out);
        } else if (equal_any_case(keyword, "BODY")) {
            fault = take_body(value, body_seen, out);
        }
        if (fault != SyntaxFault::None) {
            return fault;
        }
    }
    return SyntaxFault::None;
}

}  // namespace

CommandLine parse_command_line(std::string_view line) {
    line = without_trailing_blanks(line);
    const std::string_view word = line.substr(0, line.find(' '));
    const auto* found = std::find_if(kVerbs.begin(), kVerbs.end(), [&](const VerbName& entry) {
        return equal_any_case(word, entry.name);
    });
    CommandLine command;
    if (found == kVerbs.end()) {
        return command;
    }
    command.verb = found->verb;
    line.remove_prefix(word.size());
    if (!line.empty()) {
        command.argument = line.substr(1);
    }
    return command;
}

MailArguments parse_mail_arguments(std::string_view argument) {
    MailArguments out;
    if (!take_keyword(argument, "FROM:")) {
        out.fault = SyntaxFault::Syntax;
        return out;
    }
    base::Result<mail::Path> path = mail::parse_path(argument, mail::PathUse::Reverse);
    if (!path) {
        out.fault = path_fault(path.error());
        return out;
    }
    argument.remove_prefix(path.value().size);
    out.sender = std::move(path.value().address);
    if (!argument.empty() && argument.front() != ' ') {
        out.fault = SyntaxFault::Address;
        return out;
    }
    out.fault = take_mail_parameters(argument, out);
    return out;
}

RcptArguments parse_rcpt_arguments(std::string_view argument) {
    RcptArguments out;
    if (!take_keyword(argument, "TO:")) {
        out.fault = SyntaxFault::Syntax;
        return out;
    }
    base::Result<mail::Path> path = mail::parse_path(argument, mail::PathUse::Forward);
    if (!path || !path.value().address) {
        out.fault = path ? SyntaxFault::Address : path_fault(path.error());
        return out;
    }
    argument.remove_prefix(path.value().size);
    out.recipient = std::move(*path.value().address);
    if (!argument.empty()) {
        out.fault = argument.front() == ' ' ? SyntaxFault::UnknownParameter : SyntaxFault::Address;
    }
    return out;
}

bool is_client_name(std::string_view argument) {
    return mail::is_domain(argument) || mail::is_address_literal(argument);
}

}  // namespace mta
