#include "access/pop3_grammar.h"

#include <algorithm>
#include <array>
#include <string>

#include "access/imap_chars.h"

namespace accessd {
namespace {

/// What may follow a keyword.
enum class Arguments : std::uint8_t { None, Text, Auth, Message, MaybeMessage, MessageAndLines };

struct Rule {
    Pop3Verb verb;
    std::string_view name;
    Arguments arguments;
};

constexpr std::array<Rule, 13> kRules = {{
    {Pop3Verb::Capa, "CAPA", Arguments::None},
    {Pop3Verb::User, "USER", Arguments::Text},
    {Pop3Verb::Pass, "PASS", Arguments::Text},
    {Pop3Verb::Auth, "AUTH", Arguments::Auth},
    {Pop3Verb::Stat, "STAT", Arguments::None},
    {Pop3Verb::List, "LIST", Arguments::MaybeMessage},
    {Pop3Verb::Retr, "RETR", Arguments::Message},
    {Pop3Verb::Dele, "DELE", Arguments::Message},
    {Pop3Verb::Noop, "NOOP", Arguments::None},
    {Pop3Verb::Rset, "RSET", Arguments::None},
    {Pop3Verb::Top, "TOP", Arguments::MessageAndLines},
    {Pop3Verb::Uidl, "UIDL", Arguments::MaybeMessage},
    {Pop3Verb::Quit, "QUIT", Arguments::None},
}};

constexpr std::size_t kNumberDigitsMax = 9;  // fits, and no maildrop has so many messages

base::Error invalid(const char* what) {
    return {base::Errc::Invalid, what};
}

/// Digits up to a space or the end. None: no number, or too large a one.
std::optional<std::uint32_t> take_number(std::string_view& rest) {
    const std::size_t size = std::min(rest.find(' '), rest.size());
    if (size == 0 || size > kNumberDigitsMax) {
        return std::nullopt;
    }
    std::uint32_t value = 0;
    for (const char c : rest.substr(0, size)) {
        if (!is_digit(c)) {
            return std::nullopt;
        }
        value = value * 10 + static_cast<std::uint32_t>(c - '0');
    }
    rest.remove_prefix(size);
    return value;
}

base::Status read_message(std::string_view& rest, Pop3Command& command) {
    command.message = take_number(rest);
    if (!command.message || *command.message == 0) {
        return invalid("Not a message number");
    }
    return base::Done{};
}

base::Status read_lines(std::string_view& rest, Pop3Command& command) {
    if (!rest.starts_with(' ')) {
        return invalid("Number of lines expected");
    }
    rest.remove_prefix(1);
    const auto lines = take_number(rest);
    if (!lines) {
        return invalid("Not a number of lines");
    }
    command.lines = *lines;
    return base::Done{};
}

void read_auth(std::string_view& rest, Pop3Command& command) {
    const std::size_t space = rest.find(' ');
    command.text = rest.substr(0, space);
    if (space != std::string_view::npos) {
        const std::string_view response = rest.substr(space + 1);
        command.initial_response = response == "=" ? std::string_view() : response;
    }
    rest = {};
}

/// Reads what follows the keyword and its space. What is left in `rest` is too much.
base::Status read_arguments(Arguments arguments, std::string_view& rest, Pop3Command& command) {
    switch (arguments) {
        case Arguments::None:
            break;
        case Arguments::Text:
            command.text = rest;
            rest = {};
            break;
        case Arguments::Auth:
            read_auth(rest, command);
            break;
        case Arguments::Message:
        case Arguments::MaybeMessage:
            return read_message(rest, command);
        case Arguments::MessageAndLines:
            TRY(read_message(rest, command));
            return read_lines(rest, command);
    }
    return base::Done{};
}

}  // namespace

std::string_view pop3_verb_name(Pop3Verb verb) noexcept {
    return kRules[static_cast<std::size_t>(verb)].name;
}

base::Result<Pop3Command> parse_pop3_command(std::string_view line) {
    if (line.size() + 2 > kPop3LineMax) {
        return invalid("Line too long");
    }
    const std::size_t space = line.find(' ');
    const std::string_view keyword = line.substr(0, space);
    const auto rule = std::find_if(kRules.begin(), kRules.end(), [&](const Rule& candidate) {
        return equals_ignoring_case(candidate.name, keyword);
    });
    if (rule == kRules.end()) {
        return invalid("Unknown command");
    }
    Pop3Command command;
    command.verb = rule->verb;
    std::string_view rest = line.substr(std::min(keyword.size() + 1, line.size()));
    if (rest.empty()) {
        // A space at the end ("LIST ") is passed over: some clients send it.
        if (rule->arguments != Arguments::None && rule->arguments != Arguments::MaybeMessage) {
            return invalid("Argument missing");
        }
        return command;
    }
    TRY(read_arguments(rule->arguments, rest, command));
    if (!rest.empty()) {
        return invalid("Too many arguments");
    }
    return command;
}

}  // namespace accessd
