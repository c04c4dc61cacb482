#pragma once

// Unix stream sockets by path: UnixListener accepts on a loop, connect_unix() is the other end.
//
// The socket file is made with the mode that is asked for, whatever the umask; a socket that nobody
// listens on any more (a killed process leaves it) is replaced, one that somebody listens on is
// not. The destructor removes the file.
//
// Thread rule: UnixListener loop thread only; before Loop::run() the creating thread. connect_unix
// any thread. Errors: TooLarge the path is longer than a socket's name may be (107 octets), Exists
// somebody listens there, NotFound no such directory (or, to connect, no such socket), Refused no
// right, Unavailable (to connect) nobody listens, else Io.

#include <functional>
#include <memory>
#include <string>

#include <sys/types.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/loop.h"
#include "base/result.h"

namespace base {

/// Who connected, as the kernel says.
struct UnixPeer {
    uid_t uid = 0;
    pid_t pid = 0;
};

/// See the top of this file.
class UnixListener {
  public:
    /// `on_accept` gets a connected nonblocking close-on-exec socket.
    using OnAccept = std::function<void(Fd socket, const UnixPeer& peer)>;

    /// `mode`: who may connect, 0660 for owner and group. The directory must exist.
    [[nodiscard]] static Result<std::unique_ptr<UnixListener>> create(
        Loop& loop, const std::string& path, mode_t mode, int backlog, OnAccept on_accept);
    ~UnixListener();
    UnixListener(const UnixListener&) = delete;
    UnixListener& operator=(const UnixListener&) = delete;

    [[nodiscard]] const std::string& path() const noexcept { return path_; }

  private:
    UnixListener(Loop& loop, std::string path, Fd socket, OnAccept on_accept);

    void accept_some();

    Loop* loop_;
    std::string path_;
    Fd socket_;
    OnAccept on_accept_;
    FdWatch watch_;
    Timer rest_timer_;
};

/// A connected blocking close-on-exec socket. It waits where too many others wait: Timeout.
[[nodiscard]] Result<Fd> connect_unix(const std::string& path, Deadline deadline);

}  // namespace base
