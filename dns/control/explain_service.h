#pragma once

// ExplainService: shows people what the steering does: at a unix socket (a line asks, the rest of
// the connection answers: explain/explain_request.h), in class CHAOS over TCP, and in /metrics. It
// also tells when a drained server is quiet.
//
// Who may read the socket is what the file system says: mode 0660, in the name server's own
// directory. An explanation names operators and their reasons, which are not for every user of the
// machine; it changes nothing.
//
// Owner: NameServer; it goes before the pools and the reader, and the admin server before it.
// Thread rule: loop thread only, but what admin server calls. Limits: kExplainClients connections
// at a time, a line of kRequestLineMax octets within kExplainTime; more are closed unheard.

#include <array>
#include <cstddef>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/admin.h"
#include "base/guarded.h"
#include "base/loop.h"
#include "base/unix_socket.h"
#include "dns/client.h"
#include "dns/control/steering_pool.h"
#include "dns/explain/drain_watch.h"
#include "dns/explain/explain_report.h"
#include "dns/explain/explain_request.h"
#include "dns/explain/steering_metrics.h"
#include "dns/snapshot_holder.h"

namespace dns {

inline constexpr std::size_t kExplainClients = 16;
inline constexpr base::Duration kExplainTime = std::chrono::seconds(5);

/// See the top of this file.
class ExplainService {
  public:
    /// All are borrowed. The reader is of the loop's thread and offline between calls.
    struct Parts {
        std::string name_server;
        const SteeringPool& mail;
        const SteeringPool& access;
        SnapshotReader& reader;
    };

    ExplainService(base::Loop& loop, Parts parts);
    ~ExplainService();
    ExplainService(const ExplainService&) = delete;
    ExplainService& operator=(const ExplainService&) = delete;

    /// Errors: those of UnixListener::create(). Without the socket all the rest works.
    base::Status listen(const std::string& socket);

    /// Adds the steering to its /metrics.
    void show_metrics(base::AdminServer& admin);

    void take_directory(std::shared_ptr<const Directory> directory);
    void add_commit(const explain::SharedCommit& commit);

    /// Once a second. Gives the drains (overrides, by id) whose servers have become quiet.
    [[nodiscard]] std::vector<std::uint64_t> tick();

    /// The answer to a request, with a final line end. Errors: those of explain_domain().
    [[nodiscard]] base::Result<std::string> answer(const explain::ExplainRequest& request);

    /// A query that answer() left at TC=1 over TCP, with the `size` octets of that reply in `out`:
    /// an explanation instead, if it asks for one. Gives the size.
    [[nodiscard]] std::size_t respond_tcp(std::span<const std::byte> packet,
                                          const base::IpAddress& client,
                                          std::span<std::byte> out,
                                          std::size_t size);

  private:
    class Source;

    void on_accept(base::Fd socket);
    void serve(base::Fd socket);
    [[nodiscard]] base::Result<explain::ExplainReport> report(
        const explain::ExplainRequest& request);

    base::Loop& loop_;
    Parts parts_;
    std::shared_ptr<const Directory> directory_;
    std::array<std::deque<explain::SharedCommit>, 2> commits_;  // by PoolName, newest last
    explain::DrainWatch drains_;
    std::size_t clients_ = 0;
    std::unique_ptr<base::UnixListener> listener_;
    // Written by the loop each second, read by the admin server's thread.
    std::shared_ptr<base::Guarded<std::vector<explain::PoolMetrics>>> metrics_;
};

}  // namespace dns
