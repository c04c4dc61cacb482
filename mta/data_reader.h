#pragma once

// The decoder of an SMTP mail body: everything after "354" up to the end of data.
//
// Only <CRLF>.<CRLF> ends the data (RFC 5321 4.1.1.4). A bare CR, a bare LF or a NUL never ends or
// starts a line: the whole message is read to its true end and then refused, so that no two servers
// on its way can disagree about where it ends (SMTP smuggling). RFC 5321 2.3.8 forbids both bare
// forms; nothing here repairs or reinterprets them.
//
// A line that starts with a dot loses that dot (RFC 5321 4.5.2); apart from that the message is
// kept octet for octet. There is no limit on the length of a line: longer ones than RFC
// 5321 4.5.3.1.6 allows are common in real mail, and the size limit bounds them.
//
// Thread rule: a value, one thread at a time. Owner: the SMTP engine, one for each transaction.
// Memory: at most the prefix plus `size_max_bytes` (while a string grows, up to twice that); none
// once a fault was seen.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "mta/byte_budget.h"

namespace mta {

/// Why a message cannot be taken. The first fault counts; the rest of the data is only skipped.
enum class DataFault : std::uint8_t {
    None,
    BareCr,
    BareLf,
    Nul,
    TooLarge,     ///< more octets than the limit, counted after dot-unstuffing (RFC 1870 6.3)
    TooManyHops,  ///< kReceivedMax or more Received: fields (RFC 5321 6.3)
    NoMemory,  ///< the budget that all sessions share is used up: a matter of now, not of the mail
};

/// RFC 5321 6.3: "at least 100".
inline constexpr std::size_t kReceivedMax = 100;

/// The decoder of one message's data. Feed it until it says that it saw the end; then look at
/// fault(), and take the message if there is none.
class DataReader {
  public:
    /// `prefix` is what we put before the message (our trace fields): it is at the front of what
    /// take_message() returns, does not count against `size_max_bytes`, and is not inspected.
    /// `share` pays for what is kept.
    DataReader(std::string prefix, std::size_t size_max_bytes, ByteShare share);

    /// Takes octets from the front of `input` (which is advanced) up to the end of data. True when
    /// the end was seen; `input` then starts at the first octet after it. Never call again after
    /// that. Splits at any octet.
    [[nodiscard]] bool feed(std::string_view& input);

    /// Octets of the message so far, without prefix; what was skipped after a fault counts too.
    [[nodiscard]] std::uint64_t size_bytes() const { return size_bytes_; }

    [[nodiscard]] DataFault fault() const { return fault_; }

    /// The prefix and what there is of the message; empty after a fault. It moves with feed().
    [[nodiscard]] std::string_view so_far() const { return message_; }

    /// The prefix and the message. Only after feed() returned true and with no fault.
    [[nodiscard]] std::string take_message();

    /// What pays for the message: to be kept as long as the message is.
    [[nodiscard]] ByteShare take_share() { return std::move(share_); }

  private:
    enum class State : std::uint8_t {
        LineStart,
        InLine,
        Cr,     ///< after a CR that was not stored yet
        Dot,    ///< after the dot that starts a line
        DotCr,  ///< after such a dot and a CR
        End,
    };

    void text(std::string_view octets);
    void carriage_return_line_feed();
    void skip_octet(DataFault fault);
    void fail(DataFault fault);
    [[nodiscard]] std::string_view plain_run(std::string_view input) const;
    void step(char octet);
    void step_in_line(char octet);
    void finish();

    std::string message_;
    ByteShare share_;
    std::size_t prefix_size_;
    std::size_t size_max_bytes_;
    std::uint64_t size_bytes_ = 0;
    State state_ = State::LineStart;
    DataFault fault_ = DataFault::None;
};

/// How many header fields named Received the header section of `message` has. The header section
/// ends at the first empty line. Lines end in CRLF.
[[nodiscard]] std::size_t count_received(std::string_view message);

}  // namespace mta
