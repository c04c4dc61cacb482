#pragma once

// ClamdServer: a real clamd (Debian's clamav-daemon) for tests, on a unix socket in a temporary
// directory, with a database of one signature of the tests' own, which matches the EICAR string.
// No freshclam, no system service. Stopped by its own pid, removed with all it wrote.
//
// Thread rule: one thread. Errors end the test with a message.

#include <cstdint>
#include <string>

#include <sys/types.h>

namespace test_support {

/// The EICAR string, of which the source tree has only the hexadecimal form.
[[nodiscard]] std::string eicar();

/// What clamd calls it.
inline constexpr const char* kEicarName = "Our.Test.EICAR.UNOFFICIAL";

class ClamdServer {
  public:
    /// `stream_max`: its StreamMaxLength, octets.
    explicit ClamdServer(std::uint64_t stream_max = 16U << 20U);
    ~ClamdServer();
    ClamdServer(const ClamdServer&) = delete;
    ClamdServer& operator=(const ClamdServer&) = delete;

    /// "unix:/...".
    [[nodiscard]] std::string address() const { return "unix:" + directory_ + "/clamd"; }

    void start();
    void kill();    ///< SIGKILL
    void freeze();  ///< SIGSTOP
    void thaw();

  private:
    std::string directory_;
    pid_t pid_ = -1;
};

}  // namespace test_support
