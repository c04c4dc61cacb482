#pragma once

// Notifier: tells peers of zones that changed (RFC 1996), over UDP from a socket of its own on the
// loop. Which peers, and signed with which key, is the view's. What is told and when is
// NotifyPlan's.
//
// Any answer that is signed as it must be ends the attempts, a refusal as well: a peer that refuses
// now does so again, and says why in its own log; ours says it once.
//
// Owner: NameServer; destroyed before the loop. Thread rule: loop thread only. Errors of create():
// Io (no socket).

#include <map>
#include <memory>
#include <vector>

#include "base/loop.h"
#include "base/result.h"
#include "dns/transfer/notify_plan.h"
#include "dns/transfer/transfer_view.h"
#include "dns/udp_socket.h"

namespace dns::transfer {

/// See the top of this file.
class Notifier {
  public:
    /// `from`: addresses that peers know us by; the first of each family is used, else any.
    static base::Result<std::unique_ptr<Notifier>> create(base::Loop& loop,
                                                          const std::vector<base::Endpoint>& from);
    ~Notifier();
    Notifier(const Notifier&) = delete;
    Notifier& operator=(const Notifier&) = delete;

    /// Takes what may be fetched now, null for nothing, and tells peers what is new to them.
    void take(const SharedView& view);

    [[nodiscard]] const NotifyCounts& counts() const noexcept { return plan_.counts(); }

  private:
    explicit Notifier(base::Loop& loop) : loop_(loop) {}

    struct Target {
        const TsigKey* key = nullptr;
    };

    struct Attempt {
        Mac mac;
    };

    base::Status open(const base::Endpoint& from);
    void want(const Peer& peer, const SharedZone& zone);
    void send_due();
    void send(const Notice& notice);
    void on_readable(int fd);
    void on_answer(std::span<const std::byte> packet, const base::Endpoint& from);
    void arm();

    base::Loop& loop_;
    SharedView view_;
    std::map<base::Endpoint, Target> targets_;  // keys borrowed from the view
    std::map<NoticeKey, Attempt> attempts_;     // that were signed and wait for an answer
    NotifyPlan plan_;
    std::vector<UdpSocket> sockets_;
    std::vector<base::FdWatch> watches_;
    DatagramBatch batch_;
    base::Timer timer_;
};

}  // namespace dns::transfer
