#pragma once

// CommandReader: cuts the byte stream of an IMAP client into commands.
//
// It knows lines and literals and nothing else of the grammar, so that a command that makes no
// sense can never put it out of step with the client: the bytes of a non-synchronising literal are
// consumed whatever becomes of the command (RFC 7888 4). Input may be split at any byte.
//
// The text it collects is the command as sent, literals in place as "{3}\r\nabc", without the last
// CRLF; Cursor (imap_cursor.h) reads it. Only this class decides how much of a client is kept.
//
// Owner: one session. Thread rule: the loop thread of the session. Errors: none; a broken command
// ends in Event::Rejected with its tag (empty if it had none) and the stream in step, or in
// Event::Overflow, after which the connection can only be closed. Source: RFC 9051 4.3 and 9, RFC
// 7888.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace accessd {

/// A literal that a line announced with {n} or {n+}.
struct LiteralHead {
    std::uint64_t size_bytes = 0;
    bool synchronising = true;  ///< the client waits for "+" before it sends it
};

/// Why the reader itself refused a command.
enum class Reject : std::uint8_t { None, TooLong, BareLineFeed, Nul, BadLiteral, LiteralTooBig };

/// A sentence for the BAD reply. Never contains bytes of the client.
[[nodiscard]] std::string_view reject_text(Reject reason) noexcept;

/// See the top of this file. Made once a session; a command costs no allocation until it is longer
/// than the last one.
class CommandReader {
  public:
    enum class Event : std::uint8_t {
        NeedInput,  ///< everything given was consumed
        Literal,    ///< literal() was announced: call accept_literal, take_literal or discard_rest
        Command,    ///< text() is a complete command: call next_command when done with it
        Rejected,   ///< a broken or discarded command is over: call next_command
        Overflow,   ///< too much to throw away, or no way back: close
    };

    /// Command: literals count. Line: a reply to a continuation request, where {n} is only text.
    enum class Mode : std::uint8_t { Command, Line };

    struct Step {
        std::size_t consumed = 0;
        Event event = Event::NeedInput;
    };

    /// At most `command_bytes_max` are kept of a command. Literals that the caller takes itself do
    /// not count. May be raised between commands (after login).
    explicit CommandReader(std::size_t command_bytes_max) : bytes_max_(command_bytes_max) {}

    void set_bytes_max(std::size_t command_bytes_max) { bytes_max_ = command_bytes_max; }

    /// Reads on. Stops after the first event, so `consumed` may be less than the input.
    [[nodiscard]] Step feed(std::string_view input);

    /// After Event::Literal: keep its bytes in text(). True: send "+" if it is synchronising.
    /// False: it does not fit into the command bound and is discarded with the rest of the command.
    [[nodiscard]] bool accept_literal();
    /// After Event::Literal: the caller has read the bytes from the stream itself; the reader goes
    /// on with the rest of the line.
    void take_literal();
    /// After Event::Literal or any time in a command: throw away what is left of it. If the pending
    /// literal is synchronising the client never sends it, and the next feed answers Rejected at
    /// once.
    void discard_rest();

    /// Forgets the command and begins the next one. Gives memory back if the last one was big.
    void next_command(Mode mode = Mode::Command);

    [[nodiscard]] std::string_view text() const { return text_; }

    /// The tag of the command so far; empty if there is no valid one (the reply is then "* BAD").
    [[nodiscard]] std::string_view tag() const;

    [[nodiscard]] const LiteralHead& literal() const { return literal_; }

    [[nodiscard]] Reject reject_reason() const { return reason_; }

    /// True if no byte of a next command has been read: the session may shrink.
    [[nodiscard]] bool is_idle() const { return state_ == State::Line && text_.empty(); }

  private:
    enum class State : std::uint8_t { Line, AwaitVerdict, LiteralBytes, Done, Over };

    Step feed_line(std::string_view input);
    Step feed_literal(std::string_view input);
    Event end_line();
    Event announce(LiteralHead head);
    Event discard_literal();
    Event finish(Event event);
    void begin_line();
    void keep(std::string_view bytes);
    void reject(Reject reason, std::string_view first_bytes);
    [[nodiscard]] bool count_discarded(std::size_t bytes);

    std::size_t bytes_max_;
    std::string text_;
    std::string tail_;            ///< last bytes of a discarded line: it may announce a literal
    std::size_t line_start_ = 0;  ///< where the current line begins in text_
    std::uint64_t literal_left_ = 0;
    std::size_t discarded_ = 0;
    LiteralHead literal_;
    State state_ = State::Line;
    Mode mode_ = Mode::Command;
    Reject reason_ = Reject::None;
    Event over_event_ = Event::Rejected;
    bool discarding_ = false;
};

}  // namespace accessd
