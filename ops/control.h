#pragma once

// The control socket of `roundtable up` (RUN/control): one datagram asks, one answers. What is
// asked:
//   list            the daemons
//   stop NAME       stop a daemon and leave it stopped
//   start NAME      start it again
// The answer's first line is "ok" or "error TEXT"; after "ok" to list, a line for each daemon:
// name, state, process id, unasked ends, last end; separated by tabs.
//
// Rights: the socket's directory has mode 0700.
// Thread rule: ControlServer on its loop's thread; ask_control blocks (command line only).
// Errors of ask_control: Errc::Unavailable no supervisor runs there; Errc::Refused what it
// answered; Errc::Timeout no answer in time.

#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/loop.h"
#include "base/result.h"
#include "ops/supervisor.h"

namespace ops {

class ControlServer {
  public:
    /// Listens at `path`; a socket left there by an earlier process is replaced.
    [[nodiscard]] static base::Result<ControlServer> create(base::Loop& loop,
                                                            const std::string& path,
                                                            Supervisor& supervisor);

  private:
    explicit ControlServer(base::Fd socket) : socket_(std::move(socket)) {}

    base::Fd socket_;
    base::FdWatch watch_;
};

/// The answer to one request, as text. For the server and its tests.
[[nodiscard]] std::string answer_control(Supervisor& supervisor, std::string_view request);

/// Asks and returns what stands behind "ok\n".
[[nodiscard]] base::Result<std::string> ask_control(const std::string& path,
                                                    const std::string& request);

}  // namespace ops
