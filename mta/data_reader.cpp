#include "mta/data_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace mta {

namespace {

constexpr char kCr = '\r';
constexpr char kLf = '\n';
constexpr char kNul = '\0';
constexpr std::size_t kScanMax = 512;
constexpr std::string_view kReceived = "received:";

std::size_t find_octet(std::string_view text, char octet) {
    const void* found = std::memchr(text.data(), octet, text.size());
    return found == nullptr
               ? text.size()
               : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

bool starts_with_received(std::string_view line) {
    // A field name is case-insensitive (RFC 5322 1.2.2) and may, in its obsolete form, have blanks
    // before the colon (RFC 5322 4.5): the count must not be fooled by either.
    std::size_t i = 0;
    for (; i + 1 < kReceived.size(); ++i) {
        if (i >= line.size() || (line[i] | 0x20) != kReceived[i]) {
            return false;
        }
    }
    while (i < line.size() && (line[i] == ' ' || line[i] == '\t')) {
        ++i;
    }
    return i < line.size() && line[i] == ':';
}

}  // namespace

DataReader::DataReader(std::string prefix, std::size_t size_max_bytes, ByteShare share)
    : message_(std::move(prefix)),
      share_(std::move(share)),
      prefix_size_(message_.size()),
      size_max_bytes_(size_max_bytes) {
}

bool DataReader::feed(std::string_view& input) {
    while (!input.empty() && state_ != State::End) {
        if (state_ == State::InLine) {
            const std::string_view run = plain_run(input);
            text(run);
            input.remove_prefix(run.size());
            if (input.empty()) {
                break;
            }
        }
        const char octet = input.front();
        input.remove_prefix(1);
        step(octet);
    }
    if (state_ != State::End) {
        return false;
    }
    finish();
    return true;
}

std::string DataReader::take_message() {
    return std::move(message_);
}

// The octets before the next one that means something, at most kScanMax. One memchr for each kind,
// each over what the one before left: a line costs three short scans at the speed of memory.
// Without the bound, input of LFs alone would be searched for a CR to its end, once for each octet.
std::string_view DataReader::plain_run(std::string_view input) const {
    std::string_view run = input.substr(0, kScanMax);
    run = run.substr(0, find_octet(run, kCr));
    run = run.substr(0, find_octet(run, kLf));
    return run.substr(0, find_octet(run, kNul));
}

void DataReader::step(char octet) {
    switch (state_) {
        case State::LineStart:
            if (octet == '.') {
                state_ = State::Dot;
                return;
            }
            break;
        case State::Dot:
            if (octet == kCr) {
                state_ = State::DotCr;
                return;
            }
            break;  // the dot was stuffed: it is gone, what follows is text
        case State::DotCr:
            if (octet == kLf) {
                state_ = State::End;
                return;
            }
            skip_octet(DataFault::BareCr);
            break;
        case State::Cr:
            if (octet == kLf) {
                carriage_return_line_feed();
                return;
            }
            skip_octet(DataFault::BareCr);
            break;
        case State::InLine:
            break;
        case State::End:
            return;
    }
    step_in_line(octet);
}

void DataReader::step_in_line(char octet) {
    state_ = State::InLine;
    switch (octet) {
        case kCr:
            state_ = State::Cr;
            return;
        case kLf:
            // Stays in the line: what a careless server would take for a line start is none.
            skip_octet(DataFault::BareLf);
            return;
        case kNul:
            skip_octet(DataFault::Nul);
            return;
        default:
            text(std::string_view(&octet, 1));
    }
}

void DataReader::carriage_return_line_feed() {
    text("\r\n");
    state_ = State::LineStart;
}

void DataReader::text(std::string_view octets) {
    size_bytes_ += octets.size();
    if (fault_ != DataFault::None) {
        return;
    }
    if (size_bytes_ > size_max_bytes_) {
        fail(DataFault::TooLarge);
        return;
    }
    if (!share_.cover(message_.size() + octets.size())) {
        fail(DataFault::NoMemory);
        return;
    }
    message_.append(octets);
}

// Counted like the others, or who sends nothing else is read for ever.
void DataReader::skip_octet(DataFault fault) {
    ++size_bytes_;
    fail(fault);
}

void DataReader::fail(DataFault fault) {
    if (fault_ != DataFault::None) {
        return;
    }
    fault_ = fault;
    // Nothing of a refused message is used: give the memory back while the rest is skipped.
    std::string().swap(message_);
    share_.clear();
}

void DataReader::finish() {
    if (fault_ == DataFault::None &&
        count_received(std::string_view(message_).substr(prefix_size_)) >= kReceivedMax) {
        fail(DataFault::TooManyHops);
    }
}

std::size_t count_received(std::string_view message) {
    std::size_t count = 0;
    while (!message.empty()) {
        const std::string_view line = message.substr(0, find_octet(message, kLf));
        if (line.empty() || line == "\r") {
            break;
        }
        if (starts_with_received(line)) {
            ++count;
        }
        message.remove_prefix(std::min(message.size(), line.size() + 1));
    }
    return count;
}

}  // namespace mta
