// The bytes of an IMAP client in any pieces: the same commands wherever the input splits, never
// more kept than allowed, always a valid tag or none.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "access/imap_chars.h"
#include "access/imap_command_reader.h"
#include "access/imap_cursor.h"
#include "access/limits.h"
#include "base/check.h"

namespace {

using accessd::CommandReader;

constexpr std::size_t kBytesMax = 300;

/// The stream of a session: what has arrived, piece by piece.
class Wire {
  public:
    Wire(std::string_view all, std::size_t piece) : all_(all), piece_(piece) {}

    [[nodiscard]] std::string_view buffered() const { return all_.substr(at_, arrived_ - at_); }

    void consume(std::size_t count) {
        CHECK(count <= arrived_ - at_);
        at_ += count;
    }

    bool fill() {
        if (arrived_ == all_.size()) {
            return false;
        }
        arrived_ += std::min(piece_, all_.size() - arrived_);
        return true;
    }

  private:
    std::string_view all_;
    std::size_t piece_;
    std::size_t at_ = 0;
    std::size_t arrived_ = 0;
};

/// Takes the literal itself, as the session does for APPEND. False: the input ends in it.
bool take_literal(Wire& wire, CommandReader& reader) {
    std::uint64_t left = reader.literal().size_bytes;
    while (left > 0) {
        const std::size_t here =
            static_cast<std::size_t>(std::min<std::uint64_t>(left, wire.buffered().size()));
        wire.consume(here);
        left -= here;
        if (left > 0 && !wire.fill()) {
            return false;
        }
    }
    reader.take_literal();
    return true;
}

/// Three ways to answer, by a property of the literal that no split can change.
bool answer_literal(Wire& wire, CommandReader& reader) {
    switch (reader.literal().size_bytes % 3) {
        case 0:
            (void)reader.accept_literal();  // what it refuses it discards
            return true;
        case 1:
            return take_literal(wire, reader);
        default:
            reader.discard_rest();
            return true;
    }
}

void check_reader(const CommandReader& reader) {
    CHECK(reader.text().size() <= kBytesMax + accessd::kTagBytesMax + 1);
    const std::string_view tag = reader.tag();
    CHECK(tag.size() <= accessd::kTagBytesMax);
    CHECK(std::all_of(tag.begin(), tag.end(), accessd::is_tag_char));
}

std::vector<std::string> read_all(std::string_view input, std::size_t piece) {
    Wire wire(input, piece);
    CommandReader reader(kBytesMax);
    std::vector<std::string> seen;
    while (true) {
        const CommandReader::Step step = reader.feed(wire.buffered());
        wire.consume(step.consumed);
        check_reader(reader);
        switch (step.event) {
            case CommandReader::Event::NeedInput:
                if (!wire.fill()) {
                    return seen;
                }
                break;
            case CommandReader::Event::Literal:
                seen.push_back("literal " + std::to_string(reader.literal().size_bytes));
                if (!answer_literal(wire, reader)) {
                    return seen;
                }
                break;
            case CommandReader::Event::Command:
                CHECK(reader.text().size() + 2 <= kBytesMax);
                seen.push_back("command " + std::string(reader.text()));
                // Every fourth time a line follows that is no command (AUTHENTICATE, DONE).
                reader.next_command(seen.size() % 4 == 0 ? CommandReader::Mode::Line
                                                         : CommandReader::Mode::Command);
                break;
            case CommandReader::Event::Rejected:
                seen.push_back("rejected " + std::string(reader.tag()) + " " +
                               std::string(accessd::reject_text(reader.reject_reason())));
                reader.next_command();
                break;
            case CommandReader::Event::Overflow:
                seen.emplace_back("overflow");
                return seen;
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const std::vector<std::string> whole = read_all(input, size + 1);
    for (const std::size_t piece : {1U, 3U, 16U}) {
        CHECK(read_all(input, piece) == whole);
    }
    return 0;
}
