#include "access/imap_command_reader.h"

#include <algorithm>

#include "access/imap_chars.h"
#include "access/limits.h"

namespace accessd {
namespace {

/// Enough of a line's end to hold "{18446744073709551615+}\r\n".
constexpr std::size_t kTailBytes = 32;
/// Buffers above this are given back between commands, so that an idle session stays small.
constexpr std::size_t kKeepCapacityBytes = 1024;

enum class HeadKind : std::uint8_t { None, Valid, Absurd };

struct ParsedHead {
    HeadKind kind = HeadKind::None;
    LiteralHead head;
};

/// Reads "{n}" or "{n+}" at the end of a line that has lost its CRLF. RFC 9051 9, literal; RFC
/// 7888 6.
ParsedHead parse_head(std::string_view line) {
    ParsedHead parsed;
    if (line.empty() || line.back() != '}') {
        return parsed;
    }
    line.remove_suffix(1);
    if (!line.empty() && line.back() == '+') {
        parsed.head.synchronising = false;
        line.remove_suffix(1);
    }
    const std::size_t open = line.rfind('{');
    if (open == std::string_view::npos || open + 1 == line.size()) {
        return parsed;
    }
    const std::string_view digits = line.substr(open + 1);
    if (!std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; })) {
        return parsed;
    }
    if (digits.size() > 18) {
        parsed.kind = HeadKind::Absurd;
        return parsed;
    }
    for (const char c : digits) {
        parsed.head.size_bytes = parsed.head.size_bytes * 10 + static_cast<std::uint64_t>(c - '0');
    }
    parsed.kind = HeadKind::Valid;
    return parsed;
}

}  // namespace

std::string_view reject_text(Reject reason) noexcept {
    switch (reason) {
        case Reject::None:
            return "Command refused";
        case Reject::TooLong:
            return "Command too long";
        case Reject::BareLineFeed:
            return "Lines must end in CRLF";
        case Reject::Nul:
            return "NUL is not allowed in a command";
        case Reject::BadLiteral:
            return "Bad literal";
        case Reject::LiteralTooBig:
            return "[TOOBIG] Literal too big";
    }
    return "Command refused";
}

CommandReader::Step CommandReader::feed(std::string_view input) {
    std::size_t consumed = 0;
    while (true) {
        Step step;
        switch (state_) {
            case State::Line:
                step = feed_line(input.substr(consumed));
                break;
            case State::LiteralBytes:
                step = feed_literal(input.substr(consumed));
                break;
            case State::Over:
                return {consumed, over_event_};
            case State::AwaitVerdict:
            case State::Done:
                return {consumed, Event::NeedInput};
        }
        consumed += step.consumed;
        if (step.event != Event::NeedInput || consumed == input.size()) {
            return {consumed, step.event};
        }
    }
}

CommandReader::Step CommandReader::feed_line(std::string_view input) {
    const std::size_t line_feed = input.find('\n');
    const bool ends = line_feed != std::string_view::npos;
    const std::string_view bytes = ends ? input.substr(0, line_feed + 1) : input;
    keep(bytes);
    if (discarding_ && !count_discarded(bytes.size())) {
        return {bytes.size(), finish(Event::Overflow)};
    }
    return {bytes.size(), ends ? end_line() : Event::NeedInput};
}

CommandReader::Step CommandReader::feed_literal(std::string_view input) {
    const auto take =
        static_cast<std::size_t>(std::min<std::uint64_t>(input.size(), literal_left_));
    if (!discarding_) {
        text_.append(input.substr(0, take));
    }
    literal_left_ -= take;
    if (literal_left_ == 0) {
        begin_line();
    }
    return {take, Event::NeedInput};
}

void CommandReader::keep(std::string_view bytes) {
    if (!discarding_ && bytes.size() > bytes_max_ - std::min(bytes_max_, text_.size())) {
        tail_.assign(text_,
                     std::max(line_start_, text_.size() - std::min(text_.size(), kTailBytes)));
        reject(Reject::TooLong, bytes);
    }
    if (!discarding_) {
        text_.append(bytes);
        return;
    }
    if (bytes.size() >= kTailBytes) {
        tail_.assign(bytes.substr(bytes.size() - kTailBytes));
        return;
    }
    tail_.append(bytes);
    if (tail_.size() > kTailBytes) {
        tail_.erase(0, tail_.size() - kTailBytes);
    }
}

CommandReader::Event CommandReader::end_line() {
    std::string_view line =
        discarding_ ? std::string_view(tail_) : std::string_view(text_).substr(line_start_);
    line.remove_suffix(1);
    const bool bare = line.empty() || line.back() != '\r';
    if (!bare) {
        line.remove_suffix(1);
    }
    const bool nul = line.find('\0') != std::string_view::npos;
    const ParsedHead parsed = mode_ == Mode::Command ? parse_head(line) : ParsedHead{};
    if (!discarding_ && (bare || nul)) {
        reject(bare ? Reject::BareLineFeed : Reject::Nul, {});
    }
    if (parsed.kind == HeadKind::Absurd) {
        if (!discarding_) {
            reject(Reject::BadLiteral, {});
        }
        // The size is unknown: a client that does not wait leaves no way back into step.
        return finish(parsed.head.synchronising ? Event::Rejected : Event::Overflow);
    }
    if (parsed.kind == HeadKind::Valid) {
        return announce(parsed.head);
    }
    if (discarding_) {
        return finish(Event::Rejected);
    }
    text_.resize(text_.size() - 2);
    state_ = State::Done;
    return Event::Command;
}

CommandReader::Event CommandReader::announce(LiteralHead head) {
    literal_ = head;
    if (!discarding_) {
        state_ = State::AwaitVerdict;
        return Event::Literal;
    }
    if (head.synchronising) {
        return finish(Event::Rejected);
    }
    return discard_literal();
}

CommandReader::Event CommandReader::discard_literal() {
    if (literal_.size_bytes > kDiscardBytesMax ||
        !count_discarded(static_cast<std::size_t>(literal_.size_bytes))) {
        return finish(Event::Overflow);
    }
    literal_left_ = literal_.size_bytes;
    state_ = State::LiteralBytes;
    if (literal_left_ == 0) {
        begin_line();
    }
    return Event::NeedInput;
}

bool CommandReader::accept_literal() {
    if (literal_.size_bytes > bytes_max_ - std::min(bytes_max_, text_.size())) {
        reason_ = Reject::LiteralTooBig;
        discard_rest();
        return false;
    }
    literal_left_ = literal_.size_bytes;
    state_ = State::LiteralBytes;
    if (literal_left_ == 0) {
        begin_line();
    }
    return true;
}

void CommandReader::take_literal() {
    begin_line();
}

void CommandReader::discard_rest() {
    reject(reason_, {});
    if (state_ != State::AwaitVerdict) {
        return;
    }
    if (literal_.synchronising) {
        (void)finish(Event::Rejected);  // the event is handed out by the next feed
    } else {
        (void)discard_literal();
    }
}

void CommandReader::next_command(Mode mode) {
    if (text_.capacity() > kKeepCapacityBytes) {
        std::string().swap(text_);
    }
    text_.clear();
    tail_.clear();
    line_start_ = 0;
    literal_left_ = 0;
    discarded_ = 0;
    literal_ = LiteralHead{};
    state_ = State::Line;
    mode_ = mode;
    reason_ = Reject::None;
    discarding_ = false;
}

std::string_view CommandReader::tag() const {
    const std::string_view text = text_;
    const std::string_view tag = text.substr(0, text.find_first_of(" \r\n"));
    const bool valid = !tag.empty() && tag.size() <= kTagBytesMax &&
                       std::all_of(tag.begin(), tag.end(), is_tag_char);
    return valid ? tag : std::string_view();
}

void CommandReader::begin_line() {
    state_ = State::Line;
    line_start_ = text_.size();
    tail_.clear();
}

CommandReader::Event CommandReader::finish(Event event) {
    state_ = State::Over;
    over_event_ = event;
    return event;
}

void CommandReader::reject(Reject reason, std::string_view first_bytes) {
    reason_ = reason;
    discarding_ = true;
    // Only the tag is still needed. If the very first bytes were too many, it is among them.
    text_.append(first_bytes.substr(0, kTagBytesMax + 1));
    const std::size_t end = text_.find_first_of(" \r\n");
    text_.resize(std::min({end, text_.size(), kTagBytesMax + 1}));
}

bool CommandReader::count_discarded(std::size_t bytes) {
    if (bytes > kDiscardBytesMax - discarded_) {
        return false;
    }
    discarded_ += bytes;
    return true;
}

}  // namespace accessd
