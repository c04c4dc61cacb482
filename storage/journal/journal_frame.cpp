#include "storage/journal/journal_frame.h"

#include <array>
#include <charconv>

#include <fmt/format.h>

namespace storage {
namespace {

using base::Errc;
using base::Error;
using base::Result;

constexpr std::string_view kMagic = "roundtable-journal";
constexpr std::string_view kVersion = "1";
constexpr std::size_t kHeadMax = 256;

// The next word of a line, which it is taken from.
std::string_view take_word(std::string_view& line) {
    const std::size_t end = line.find(' ');
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(end == std::string_view::npos ? line.size() : end + 1);
    return word;
}

template <typename Number>
bool take_number(std::string_view& line, Number& number) {
    const std::string_view word = take_word(line);
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    return !word.empty() && error == std::errc() && end == word.data() + word.size();
}

Error corrupt(const char* what) {
    return {Errc::Corrupt, fmt::format("journal frame: {}", what)};
}

}  // namespace

std::string encode_journal(const JournalHead& head, std::string_view body) {
    return fmt::format("{} {} {} {} {} {} {} {} {}\n{}",
                       kMagic,
                       kVersion,
                       head.kind == JournalKind::Delta ? "delta" : "checkpoint",
                       head.round,
                       head.part,
                       head.end == JournalEnd::Yes ? "end" : "more",
                       head.sequence,
                       head.after,
                       head.at_us,
                       body);
}

Result<JournalFrame> decode_journal(std::string_view text) {
    const std::size_t end = text.substr(0, kHeadMax).find('\n');
    if (end == std::string_view::npos) {
        return corrupt("no head");
    }
    std::string_view line = text.substr(0, end);
    if (take_word(line) != kMagic) {
        return corrupt("not one");
    }
    if (take_word(line) != kVersion) {
        return Error{Errc::Unsupported, "journal frame: another version"};
    }
    JournalFrame frame;
    JournalHead& head = frame.head;
    const std::string_view kind = take_word(line);
    if (kind != "delta" && kind != "checkpoint") {
        return corrupt("unknown kind");
    }
    head.kind = kind == "delta" ? JournalKind::Delta : JournalKind::Checkpoint;
    if (!take_number(line, head.round) || !take_number(line, head.part) || head.part == 0) {
        return corrupt("round or part");
    }
    const std::string_view more = take_word(line);
    if (more != "end" && more != "more") {
        return corrupt("end");
    }
    head.end = more == "end" ? JournalEnd::Yes : JournalEnd::No;
    if (!take_number(line, head.sequence) || !take_number(line, head.after) ||
        !take_number(line, head.at_us) || !line.empty()) {
        return corrupt("numbers");
    }
    frame.body = text.substr(end + 1);
    return frame;
}

}  // namespace storage
