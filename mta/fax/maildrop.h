#pragma once

// Maildrop: a POP3 client (RFC 1939) for the queue of faxes to be sent, which is the INBOX of an
// account of this cluster. What waits there has every copy and every guard that mail has.
//
// The lease of a maildrop is the lock of the queue: a second reader is told Busy.
// Thread rule: one object, one thread; blocks, each call until its deadline at most.
// Limits: kMaildropMessageMax octets of a message, kMaildropCountMax messages listed.
// Errors: Unavailable, Timeout, Closed (the connection), Refused (login), Busy (in use), Corrupt
// (no POP3), TooLarge. After TooLarge the connection is closed: what was to be removed is not.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/fd.h"
#include "base/result.h"

namespace mta {

inline constexpr std::size_t kMaildropMessageMax = 128U << 20U;
inline constexpr std::size_t kMaildropCountMax = 100'000;

/// See the top of this file.
class Maildrop {
  public:
    /// Connects and signs in. The password is sent as it is: over loopback or an internal network.
    [[nodiscard]] static base::Result<Maildrop> open(const base::Endpoint& server,
                                                     const std::string& login,
                                                     const std::string& password,
                                                     base::Deadline deadline);

    /// Numbers of the messages, rising.
    [[nodiscard]] base::Result<std::vector<std::size_t>> list(base::Deadline deadline);

    /// The header of a message and the empty line behind it (TOP).
    [[nodiscard]] base::Result<std::string> header(std::size_t number, base::Deadline deadline);

    /// The whole message, lines ended by CRLF, dots as they were.
    [[nodiscard]] base::Result<std::string> message(std::size_t number, base::Deadline deadline);

    /// Marks; it goes with quit().
    base::Status remove(std::size_t number, base::Deadline deadline);

    /// Ends the session: what is marked is removed. Without it nothing is.
    base::Status quit(base::Deadline deadline);

  private:
    explicit Maildrop(base::Fd socket) noexcept : socket_(std::move(socket)) {}

    base::Status command(const std::string& line, base::Deadline deadline);
    base::Status expect_ok(base::Deadline deadline);
    [[nodiscard]] base::Result<std::string> read_line(base::Deadline deadline);
    [[nodiscard]] base::Result<std::string> read_lines(base::Deadline deadline);
    base::Status fill(base::Deadline deadline);
    [[nodiscard]] base::Error give_up(const char* why);

    base::Fd socket_;
    std::string input_;
    std::size_t at_ = 0;  ///< octets of input_ that were taken
};

}  // namespace mta
