// POP3: any line is a command within its limits or refused with a text that can be sent; any
// message becomes a multi-line response that ends at its end and nowhere else, in pieces of any
// size, and means the message when its dots are taken off.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "access/pop3_format.h"
#include "access/pop3_grammar.h"
#include "base/check.h"

namespace {

void check_line(std::string_view line) {
    const auto parsed = accessd::parse_pop3_command(line);
    if (!parsed) {
        CHECK(parsed.error().code == base::Errc::Invalid);
        const std::string& detail = parsed.error().detail;
        CHECK(!detail.empty() && detail.size() < 100);
        CHECK(detail.find_first_of("\r\n") == std::string::npos);
        return;
    }
    const accessd::Pop3Command& command = parsed.value();
    CHECK(line.size() + 2 <= accessd::kPop3LineMax);
    CHECK(!command.message || (*command.message > 0 && *command.message < 1'000'000'000));
    CHECK(command.lines < 1'000'000'000);
    CHECK(command.text.empty() || line.find(command.text) != std::string_view::npos);
}

std::string respond(std::string_view message,
                    std::optional<std::uint32_t> lines,
                    std::size_t piece) {
    accessd::Pop3MessageText text(message, lines);
    std::string out;
    std::size_t before = 0;
    while (text.append_piece(out, piece)) {
        CHECK(out.size() > before && out.size() - before <= piece + 4);
        before = out.size();
    }
    return out;
}

/// What a client makes of the response, lines ending in LF.
std::string understand(std::string_view response) {
    std::string message;
    while (true) {
        const std::size_t end = response.find("\r\n");
        CHECK(end != std::string_view::npos);
        std::string_view line = response.substr(0, end);
        response.remove_prefix(end + 2);
        if (line == ".") {
            CHECK(response.empty());
            return message;
        }
        if (line.starts_with('.')) {
            CHECK(line.size() > 1);
            line.remove_prefix(1);
        }
        message.append(line).push_back('\n');
    }
}

/// The message with LF for each line end, and one at its end.
std::string plain(std::string_view message) {
    std::string out;
    for (std::size_t i = 0; i < message.size(); ++i) {
        const bool ends_line = message[i] == '\r' && message.substr(i + 1).starts_with('\n');
        if (!ends_line) {
            out.push_back(message[i]);
        }
    }
    if (!message.empty() && !message.ends_with('\n')) {
        out.push_back('\n');
    }
    return out;
}

void check_message(std::string_view message) {
    const std::string whole = respond(message, std::nullopt, message.size() + 3);
    CHECK(understand(whole) == plain(message));
    for (const std::size_t piece : {1U, 2U, 7U}) {
        CHECK(respond(message, std::nullopt, piece) == whole);
    }
    for (const std::uint32_t lines : {0U, 1U, 3U}) {
        const std::string top = respond(message, lines, 5);
        CHECK(top == respond(message, lines, message.size() + 3));
        const std::string text = top.substr(0, top.size() - 3);
        CHECK(whole.starts_with(text) && whole.substr(text.size()).find('.') != std::string::npos);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    check_message(input);
    std::string_view rest = input;
    while (!rest.empty()) {
        const std::size_t end = rest.find('\n');
        check_line(rest.substr(0, end));
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
    return 0;
}
