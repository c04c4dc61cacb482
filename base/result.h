#pragma once

// Result<T>: a value or an Error. The one way a fallible function of this project answers; gcc 12
// has no std::expected in C++20.
//
// Error = Errc (a closed set; tells temporary from permanent) + detail for the log. Peers never see
// the detail: one function per protocol maps an Error to its reply.
//
// Thread rule: values; no sharing.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace base {

/// What kind of thing went wrong. Temporary kinds may succeed when tried again (see is_temporary).
enum class Errc : std::uint8_t {
    // permanent: the same call will fail again
    Invalid,      ///< malformed input, bad argument, constraint refused it
    NotFound,     ///< no such thing
    Exists,       ///< is there already
    Refused,      ///< a rule says no (permission, blocklist, ACL)
    TooLarge,     ///< over a limit
    Corrupt,      ///< bytes do not match their checksum or format
    Unsupported,  ///< this build or peer cannot do it
    // temporary: try again, maybe elsewhere
    Timeout,         ///< a deadline passed; the outcome may be unknown
    Unavailable,     ///< peer, database or path is away; nothing happened
    UnknownOutcome,  ///< the request was sent, the answer was lost (a commit, for one)
    Busy,            ///< a queue or a limit is full
    Io,              ///< the operating system reported an error
    Closed,          ///< the peer closed
    Cancelled,       ///< we are shutting down
};

/// True if trying again later may succeed. Unsure counts as temporary.
[[nodiscard]] constexpr bool is_temporary(Errc code) noexcept {
    return code >= Errc::Timeout;
}

/// "invalid", "timeout", ...: for logs and --json.
[[nodiscard]] std::string_view errc_name(Errc code) noexcept;

struct [[nodiscard]] Error {
    Errc code = Errc::Invalid;
    std::string detail;  ///< for the log and for operators; never sent to a peer
};

struct Done {};

template <typename T>
class [[nodiscard]] Result {
  public:
    Result(T value)
        : state_(std::move(value)) {}  // NOLINT(google-explicit-constructor): return value;

    Result(Error error)
        : state_(std::move(error)) {}  // NOLINT(google-explicit-constructor): return Error{};

    explicit operator bool() const noexcept { return std::holds_alternative<T>(state_); }

    [[nodiscard]] const T& value() const& { return std::get<T>(state_); }

    [[nodiscard]] T& value() & { return std::get<T>(state_); }

    T&& take_value() && { return std::get<T>(std::move(state_)); }

    [[nodiscard]] const Error& error() const& { return std::get<Error>(state_); }

    Error&& take_error() && { return std::get<Error>(std::move(state_)); }

  private:
    std::variant<T, Error> state_;
};

using Status = Result<Done>;

/// Error from errno: "open /x: No such file or directory". ENOENT -> NotFound, EEXIST -> Exists,
/// EACCES/EPERM/EROFS -> Refused, everything else -> Io.
[[nodiscard]] Error errno_error(std::string_view what, int error_number);

}  // namespace base

// Unwraps a Result, or returns its error from the enclosing function.
#define TRY(expression)                                 \
    __extension__({                                     \
        auto try_result_ = (expression);                \
        if (!try_result_) {                             \
            return std::move(try_result_).take_error(); \
        }                                               \
        std::move(try_result_).take_value();            \
    })
