#pragma once

// InternalServer: the listener of the internal view, UDP and TCP on the same ports, on a loop. Only
// networks of the ACL are answered, and who signs with one of its keys; all others are refused.
//
// Owner: the daemon; destroy it before the loop. Thread rule: loop thread only; counters() from
// any. Errors of create(): Exists, Refused, Io.

#include <memory>
#include <vector>

#include "base/endpoint.h"
#include "base/loop.h"
#include "base/result.h"
#include "dns/account_view.h"
#include "dns/internal_answer.h"
#include "dns/tcp_server.h"
#include "dns/udp_socket.h"

namespace dns {

class InternalServer {
  public:
    struct Options {
        std::vector<base::Endpoint> endpoints;
        std::vector<base::Network> acl;
    };

    static base::Result<std::unique_ptr<InternalServer>> create(base::Loop& loop, Options options);

    ~InternalServer();
    InternalServer(const InternalServer&) = delete;
    InternalServer& operator=(const InternalServer&) = delete;

    /// What it answers from. Until then it is unsure of everything.
    void set_view(std::shared_ptr<const AccountView> view);
    /// Keys whose owners may ask from anywhere (RFC 8945).
    void set_keys(TsigKeys keys);
    /// Whether addresses that are not in the view may be denied.
    void set_certainty(Certainty certainty);

    /// Who may ask, from the next question on.
    void set_acl(std::vector<base::Network> acl);

    /// With the real ports.
    [[nodiscard]] std::vector<base::Endpoint> bound() const;

    [[nodiscard]] const InternalCounters& counters() const noexcept { return counters_; }

  private:
    InternalServer(base::Loop& loop, Options options);

    base::Status listen();
    void on_readable(int fd);
    [[nodiscard]] std::size_t respond(std::span<const std::byte> packet,
                                      const base::IpAddress& client,
                                      Transport transport,
                                      std::span<std::byte> out) noexcept;

    base::Loop& loop_;
    Options options_;
    std::shared_ptr<const AccountView> view_;
    TsigKeys keys_;
    Certainty certainty_ = Certainty::Unsure;
    InternalCounters counters_;
    DatagramBatch batch_;
    std::unique_ptr<TcpServer> tcp_;
    std::vector<UdpSocket> sockets_;
    std::vector<base::FdWatch> watches_;  // go before the sockets
};

}  // namespace dns
