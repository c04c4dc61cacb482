#pragma once

// Stream: a connection as a session sees it, with a bounded input and output buffer. SocketStream
// is the real one, MemoryStream its in-memory twin for tests; both share all buffer logic (here),
// so a session tested on one behaves the same on the other.
//
// Owner: the session's fiber. Thread rule: the loop thread of its fiber.
// Output is sent when it exceeds the high-water mark, on flush(), and before fill() waits: replies
// to pipelined commands leave together (RFC 2920 3.2). Errors: Errc::Closed the peer is gone (end
// of file, reset), Errc::Timeout, Errc::Cancelled, Errc::TooLarge the input buffer is full and
// nobody consumed, Errc::Io the rest. After any error but Timeout of fill() and wait_readable_or()
// the stream is of no more use.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/fd.h"
#include "base/fiber.h"
#include "base/loop.h"
#include "base/result.h"

namespace base {

struct StreamLimits {
    std::size_t input_max = std::size_t{64} * 1024;          ///< unconsumed input, bytes
    std::size_t output_high_water = std::size_t{64} * 1024;  ///< write() waits above this, bytes
    Duration write_timeout = std::chrono::minutes(1);        ///< for each wait inside write()
};

/// The buffers and their rules; what carries the octets is the derived class's. See the top.
class Stream {
  public:
    virtual ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    /// Waits until at least one more byte is in the input buffer. Sends pending output first if it
    /// has to wait. Errc::TooLarge if the buffer is full.
    Status fill(Deadline deadline);

    /// All input that is here, unconsumed. Valid until fill(), consume(), release_buffers().
    [[nodiscard]] std::string_view buffered() const noexcept {
        return std::string_view(input_).substr(input_start_, input_end_ - input_start_);
    }

    /// Drops the first `count` bytes of the input, at most what is there.
    void consume(std::size_t count) noexcept;

    /// Appends to the output. Above the high-water mark it sends, and waits (at most write_timeout
    /// for each piece) for a slow peer to read: a slow client costs its buffer and no more.
    Status write(std::string_view bytes);

    /// Sends all output.
    Status flush(Deadline deadline);

    /// Waits until there is input (buffered or readable: then fill() will not wait long), or
    /// `event` is set, or the deadline (Errc::Timeout). Ok for the first two; ask event.take() and
    /// readable_now(). Sends pending output first. The event's flag is not cleared. For IMAP IDLE,
    /// RFC 2177.
    Status wait_readable_or(FiberEvent& event, Deadline deadline);

    /// True if input is buffered, or wait_readable_or met the end of the input, which fill() will
    /// then report.
    [[nodiscard]] bool readable_now() const noexcept {
        return input_end_ > input_start_ || input_over_;
    }

    /// Gives the memory of empty buffers back, for sessions that will be idle.
    virtual void release_buffers();

    /// Bytes written but not yet accepted by the kernel.
    [[nodiscard]] std::size_t output_pending() const noexcept {
        return output_.size() - output_start_;
    }

    [[nodiscard]] const Endpoint& peer() const noexcept { return peer_; }

    [[nodiscard]] const Endpoint& local() const noexcept { return local_; }

    /// True when the bytes on the wire are encrypted.
    [[nodiscard]] virtual bool is_secure() const noexcept { return false; }

    [[nodiscard]] const StreamLimits& limits() const noexcept { return limits_; }

    void set_limits(const StreamLimits& limits) noexcept { limits_ = limits; }

    /// Forgets unsent output and closes. Idempotent; the destructor does it too.
    virtual void close() noexcept = 0;

  protected:
    Stream(const Endpoint& local, const Endpoint& peer, const StreamLimits& limits);

    enum class Io : std::uint8_t { Moved, WantRead, WantWrite, End, Failed };

    struct Step {
        Io io = Io::Failed;
        std::size_t count = 0;  ///< bytes, with Moved
        int error_number = 0;   ///< errno, with Failed
    };

    /// Move what can be moved now; never wait.
    virtual Step read_some(char* out, std::size_t size_max) = 0;
    virtual Step write_some(const char* bytes, std::size_t size) = 0;
    enum class Waited : std::uint8_t { Ready, Event };

    /// Wait until the transport may move again, or `event` (may be null) is set.
    virtual Result<Waited> wait_for(Interest interest, FiberEvent* event, Deadline deadline) = 0;

    /// Drops input that was received before the transport changed its nature (STARTTLS):
    /// plaintext must not be taken for what came encrypted.
    void discard_input() noexcept;

    void set_local(const Endpoint& local) noexcept { local_ = local; }

  private:
    Status send_all(std::string_view bytes);
    Status send_piece(std::string_view piece, Deadline deadline, std::size_t& sent);
    Status make_input_room();
    Step read_more();
    [[nodiscard]] static Error step_error(const Step& step);

    StreamLimits limits_;
    Endpoint local_;
    Endpoint peer_;
    std::string input_;  ///< storage; [input_start_, input_end_) is unconsumed
    std::size_t input_start_ = 0;
    std::size_t input_end_ = 0;
    std::string output_;  ///< [output_start_, size) is unsent
    std::size_t output_start_ = 0;
    bool input_over_ = false;  ///< end of file or an error was met, kept in over_step_
    Step over_step_;
};

/// A nonblocking TCP or unix socket on a loop. Made on the loop's thread; the fiber that uses it
/// may start later.
class SocketStream final : public Stream {
  public:
    /// Takes over a connected nonblocking socket (from a Listener).
    [[nodiscard]] static Result<std::unique_ptr<SocketStream>> adopt(
        Loop& loop, Fd socket, const StreamLimits& limits = {});

    /// Connects, from a fiber of `loop`. Errc::Unavailable when refused or unreachable,
    /// Errc::Timeout. `source` (may be null) is the local address to bind, port 0 for any.
    [[nodiscard]] static Result<std::unique_ptr<SocketStream>> connect(
        Loop& loop,
        const Endpoint& peer,
        Deadline deadline,
        const StreamLimits& limits = {},
        const IpAddress* source = nullptr);

    ~SocketStream() override;
    SocketStream(SocketStream&&) = delete;
    SocketStream& operator=(SocketStream&&) = delete;

    void close() noexcept override;

    /// Half-close after flush(): the peer sees end of file, we can still read.
    Status shutdown_write();

    /// -1 after close().
    [[nodiscard]] int fd() const noexcept { return socket_.get(); }

  protected:
    Step read_some(char* out, std::size_t size_max) override;
    Step write_some(const char* bytes, std::size_t size) override;
    Result<Waited> wait_for(Interest interest, FiberEvent* event, Deadline deadline) override;

  private:
    struct Watches;

    SocketStream(Loop& loop,
                 Fd socket,
                 const Endpoint& local,
                 const Endpoint& peer,
                 const StreamLimits& limits);

    Loop* loop_;
    Fd socket_;
    std::unique_ptr<Watches> watches_;
};

/// The twin for tests: input is scripted, output collected. Works outside a fiber: a wait that
/// nothing can end answers Errc::Timeout at once, without waiting. In a fiber, too, until a test
/// asks for real waiting with set_blocking(), where push_input() from another fiber wakes the
/// reader.
class MemoryStream final : public Stream {
  public:
    explicit MemoryStream(std::string_view input = {}, const StreamLimits& limits = {});
    MemoryStream(std::string_view input,
                 const Endpoint& local,
                 const Endpoint& peer,
                 const StreamLimits& limits = {});

    /// Appends input; each call's bytes come out in fills of their own.
    void push_input(std::string_view bytes);
    /// No fill returns more than this many bytes: 1 splits the input at every byte.
    void set_fill_max(std::size_t bytes);
    /// End of file after the input (the default) or open, so that fill() answers Timeout.
    enum class AtEnd : std::uint8_t { Closed, Open };

    void set_at_end(AtEnd at_end) {
        at_end_ = at_end;
        pushed_.notify();
    }

    enum class Blocking : std::uint8_t { No, Yes };

    void set_blocking(Blocking blocking) { blocking_ = blocking; }

    /// The peer stops reading after so many more bytes: write() then times out. Default: no bound.
    void set_output_accept(std::size_t bytes) { output_accept_ = bytes; }

    void set_secure(bool secure) { secure_ = secure; }

    /// Everything sent so far.
    [[nodiscard]] const std::string& output() const noexcept { return sent_; }

    std::string take_output() { return std::exchange(sent_, {}); }

    [[nodiscard]] bool is_closed() const noexcept { return closed_; }

    [[nodiscard]] bool is_secure() const noexcept override { return secure_; }

    void close() noexcept override { closed_ = true; }

  protected:
    Step read_some(char* out, std::size_t size_max) override;
    Step write_some(const char* bytes, std::size_t size) override;
    Result<Waited> wait_for(Interest interest, FiberEvent* event, Deadline deadline) override;

  private:
    std::deque<std::string> input_pieces_;
    std::size_t fill_max_ = static_cast<std::size_t>(-1);
    std::size_t output_accept_ = static_cast<std::size_t>(-1);
    std::string sent_;
    AtEnd at_end_ = AtEnd::Closed;
    Blocking blocking_ = Blocking::No;
    bool secure_ = false;
    bool closed_ = false;
    FiberEvent pushed_;
};

}  // namespace base
