#pragma once

// Notifier: tells peers of zones that changed (RFC 1996), over UDP from a socket of its own on the
// loop. Which peers, and signed with which key, is the view's. What is told and when is
// NotifyPlan's.
//
// Paced: so many packets a second to each address. What an edit moved goes first; when very much
// moves at once, and after a start, zones are looked at little by little (notify_backlog.h): an
// address that does not answer holds up no other, and costs no more memory.
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
#include "dns/transfer/notify_backlog.h"
#include "dns/transfer/notify_plan.h"
#include "dns/transfer/transfer_view.h"
#include "dns/udp_socket.h"

namespace dns::transfer {

/// Packets a second to one address, by default. A secondary asks for the zone after each.
inline constexpr double kNotifyPerSecond = 500;

/// See the top of this file.
class Notifier {
  public:
    /// `from`: addresses that peers know us by; the first of each family is used, else any.
    static base::Result<std::unique_ptr<Notifier>> create(base::Loop& loop,
                                                          const std::vector<base::Endpoint>& from,
                                                          double per_second = kNotifyPerSecond);
    ~Notifier();
    Notifier(const Notifier&) = delete;
    Notifier& operator=(const Notifier&) = delete;

    /// Takes what may be fetched now, null for nothing, and tells peers what is new to them.
    void take(const SharedView& view);

    void set_pace(double per_second);

    /// Other addresses to send from. Answers to what was sent from the old ones are not heard: it
    /// is sent again. On an error (Io) nothing has changed.
    base::Status set_from(const std::vector<base::Endpoint>& from);

    /// To all addresses that were told, since the start.
    [[nodiscard]] NotifyCounts counts() const;

    /// Notices that wait for an answer.
    [[nodiscard]] std::size_t waiting() const;

  private:
    Notifier(base::Loop& loop, double per_second) : loop_(loop), per_second_(per_second) {}

    struct Target {
        explicit Target(double per_second) : plan(per_second) {}

        const TsigKey* key = nullptr;      // borrowed from the view, as are peers
        std::vector<const Peer*> peers{};  // that have this address
        NotifyPlan plan;
        NotifyBacklog backlog{};
    };

    using Targets = std::map<base::Endpoint, Target>;

    void take_peers();
    void take_news(Target& target, bool all);
    [[nodiscard]] bool covers(const Target& target, const PublishedZone& zone) const;
    void fill(Target& target, double now);
    void send_due();
    void send(const base::Endpoint& to, Target& target, const Notice& notice);
    void on_readable(int fd);
    void on_answer(std::span<const std::byte> packet, const base::Endpoint& from);
    void arm();

    base::Loop& loop_;
    double per_second_;
    SharedView view_;
    Targets targets_;
    NotifyCounts gone_;  // of addresses that are told no more
    std::vector<UdpSocket> sockets_;
    std::vector<base::FdWatch> watches_;
    DatagramBatch batch_;
    base::Timer timer_;
};

}  // namespace dns::transfer
