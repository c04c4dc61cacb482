#include "mta/line_reader.h"

#include <algorithm>
#include <utility>

namespace mta {

namespace {

bool is_plain(char octet) {
    const auto code = static_cast<unsigned char>(octet);
    return code != 0 && code < 0x80;
}

}  // namespace

std::optional<Line> LineReader::next(std::string_view& input) {
    if (skipping_) {
        const std::optional<Line> flood = skip(input);
        if (flood) {
            return flood;
        }
    }
    if (input.empty()) {
        return std::nullopt;
    }
    // A CR that ended the last piece: what follows decides what it was.
    if (!partial_.empty() && partial_.back() == '\r') {
        if (input.front() != '\n') {
            return start_skipping(LineFault::BareCr, 0, input);
        }
        return complete(input.substr(0, 1), input);
    }
    const std::size_t end = input.find_first_of("\r\n");
    const std::string_view text = input.substr(0, end);
    // The fault that stands first counts, so that splitting the input changes nothing.
    const std::size_t room = kLineMax - 2 - partial_.size();
    const auto odd = std::find_if_not(text.begin(), text.end(), is_plain);
    const auto odd_at = static_cast<std::size_t>(odd - text.begin());
    if (odd != text.end() && odd_at <= room) {
        return start_skipping(LineFault::Character, odd_at + 1, input);
    }
    if (text.size() > room) {
        return start_skipping(LineFault::TooLong, room + 1, input);
    }
    if (end == std::string_view::npos || (input[end] == '\r' && end + 1 == input.size())) {
        return keep(input);
    }
    if (input[end] == '\n') {
        return start_skipping(LineFault::BareLf, end + 1, input);
    }
    if (input[end + 1] != '\n') {
        return start_skipping(LineFault::BareCr, end + 1, input);
    }
    return complete(input.substr(0, end + 2), input);
}

// The end of the line is not here yet.
std::optional<Line> LineReader::keep(std::string_view& input) {
    partial_.append(input);
    input = {};
    return std::nullopt;
}

// `piece` is the rest of the line with its LF; it stands at the front of `input`.
std::optional<Line> LineReader::complete(std::string_view piece, std::string_view& input) {
    input.remove_prefix(piece.size());
    if (partial_.empty()) {
        piece.remove_suffix(2);
        return Line{piece, LineFault::None};
    }
    line_ = std::move(partial_);
    partial_.clear();
    line_.append(piece);
    line_.resize(line_.size() - 2);
    return Line{line_, LineFault::None};
}

// `octets` of `input` belong to the line for certain; more may follow.
Line LineReader::start_skipping(LineFault fault, std::size_t octets, std::string_view& input) {
    skipping_ = true;
    skipped_ = 0;
    skipped_cr_ = false;
    partial_.clear();
    if (octets > 0) {
        skipped_cr_ = input[octets - 1] == '\r';
        input.remove_prefix(octets);
    }
    return Line{{}, fault};
}

std::optional<Line> LineReader::skip(std::string_view& input) {
    while (!input.empty()) {
        const char octet = input.front();
        input.remove_prefix(1);
        if (octet == '\n' && skipped_cr_) {
            skipping_ = false;
            return std::nullopt;
        }
        skipped_cr_ = octet == '\r';
        if (++skipped_ >= kSkippedMax) {
            return Line{{}, LineFault::Flood};
        }
    }
    return std::nullopt;
}

}  // namespace mta
