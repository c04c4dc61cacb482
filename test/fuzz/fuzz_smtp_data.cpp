// The end of mail data is the first CRLF.CRLF and nothing else, wherever the input splits; a
// message without fault is what was sent, and one with a bare CR, a bare LF or a NUL is never
// taken.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/check.h"
#include "mta/byte_budget.h"
#include "mta/data_reader.h"

namespace {

struct Outcome {
    bool ended = false;
    mta::DataFault fault = mta::DataFault::None;
    std::string message;
    std::size_t rest = 0;  ///< octets after the end

    friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome read(std::string_view wire, std::size_t piece) {
    mta::ByteBudget budget(std::size_t{1} << 30U);
    mta::DataReader reader("", std::size_t{1} << 20U, mta::ByteShare(budget));
    Outcome outcome;
    while (!wire.empty() && !outcome.ended) {
        std::string_view part = wire.substr(0, piece);
        wire.remove_prefix(part.size());
        outcome.ended = reader.feed(part);
        CHECK(outcome.ended || part.empty());
        outcome.rest = part.size() + wire.size();
    }
    outcome.fault = reader.fault();
    if (outcome.ended && outcome.fault == mta::DataFault::None) {
        outcome.message = reader.take_message();
    }
    return outcome;
}

// What a sender makes of a message, RFC 5321 4.5.2.
std::string stuffed(std::string_view message) {
    std::string out;
    bool line_start = true;
    for (const char octet : message) {
        if (line_start && octet == '.') {
            out += '.';
        }
        out += octet;
        line_start = octet == '\n';
    }
    return out + ".\r\n";
}

bool is_clean(std::string_view message) {
    for (std::size_t i = 0; i < message.size(); ++i) {
        const bool after_cr = i > 0 && message[i - 1] == '\r';
        if (message[i] == '\0' || (message[i] == '\n') != after_cr) {
            return false;
        }
    }
    return message.empty() || message.back() != '\r';
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view wire(reinterpret_cast<const char*>(data), size);
    const Outcome whole = read(wire, size + 1);
    for (const std::size_t piece : {1U, 2U, 3U, 7U}) {
        CHECK(read(wire, piece) == whole);
    }
    const std::string framed = "\r\n" + std::string(wire);
    const std::size_t end = framed.find("\r\n.\r\n");
    CHECK(whole.ended == (end != std::string::npos));
    if (!whole.ended) {
        return 0;
    }
    CHECK(whole.rest == framed.size() - end - 5);
    const std::string_view sent = wire.substr(0, size - whole.rest);
    if (whole.fault == mta::DataFault::None) {
        CHECK(is_clean(whole.message));
        // The reader takes a dot that was not doubled, as RFC 5321 4.5.2 says: what comes back is
        // the same message, not always the same octets.
        const Outcome again = read(stuffed(whole.message), size + 8);
        CHECK(again.message == whole.message && again.rest == 0);
    } else if (whole.fault != mta::DataFault::TooManyHops &&
               whole.fault != mta::DataFault::TooLarge) {
        CHECK(!is_clean(sent));
    }
    return 0;
}
