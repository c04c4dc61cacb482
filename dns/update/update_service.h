#pragma once

// UpdateService: dynamic updates (RFC 2136) over UDP and TCP, on the main loop. Each is judged and
// made in one database transaction on a worker (update_store.h); the client is answered once the
// snapshot in force has what it asked for, so that whoever asks next is told so.
//
//   answered NOERROR     committed, and answered from here
//   SERVFAIL             the database is away, or the change is committed and not in force after
//                        its deadline, or too many are under way: the client may ask again,
//                        with the same request too
//   any other            nothing was changed
//
// The same request (by the code of its signature) is made once, here and by all name servers
// together, however often it comes. Records with an end are removed from here, too.
//
// Bounded: kUpdatesMax under way, of kUpdateOctetsMax in all. Owner: NameServer; destroyed after
// the loop's run(). Thread rule: loop thread only.

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/db.h"
#include "base/endpoint.h"
#include "base/fiber.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "base/result.h"
#include "dns/deferred_queries.h"
#include "dns/tcp_server.h"
#include "dns/transfer/transfer_view.h"
#include "dns/update/publication_watch.h"
#include "dns/update/recent_updates.h"
#include "dns/update/update_store.h"

namespace dns::update {

inline constexpr std::size_t kUpdatesMax = 64;
inline constexpr std::size_t kUpdateOctetsMax = std::size_t{1} * 1024 * 1024;
/// nsupdate asks three times within 9 s.
inline constexpr base::Duration kUpdateDeadline = std::chrono::seconds(10);
/// One that only TCP takes (kTcpQueryMax) may have thousands of records, each of which the database
/// looks at for a millisecond; nsupdate waits for minutes.
inline constexpr base::Duration kLongUpdateDeadline = std::chrono::seconds(45);

/// See the top of this file.
class UpdateService {
  public:
    struct Options {
        std::string database;     ///< conninfo; a connection of its own
        std::string name_server;  ///< for the history
        /// The keys in force; null: none, and updates are not known here (NOTIMP).
        std::function<transfer::SharedView()> view;
        std::function<void()> look;  ///< something has changed in the directory
    };

    UpdateService(base::Loop& loop, Options options);

    /// Starts the removal of records whose time is over. Busy, Cancelled: as of base::spawn.
    base::Status start();

    /// For DeferredQueries: a packet that judge_signature() has let in.
    void on_datagram(std::span<const std::byte> packet,
                     const base::Endpoint& peer,
                     DeferredReply reply);

    /// For TcpServer: takes updates, and asks `other` about all else.
    [[nodiscard]] TakeFunction take_before(TakeFunction other);

    /// For TcpServer: updates may be longer than other queries, where there is a key to sign them.
    [[nodiscard]] LargeFunction large_function();

    /// See PublicationWatch.
    void on_checked(std::int64_t read, std::int64_t same_as);
    void on_published(std::int64_t version);

  private:
    using Answer = std::function<void(std::span<const std::byte> message)>;
    struct Update;

    void accept(std::span<const std::byte> packet, const base::Endpoint& peer, Answer answer);
    bool take(std::span<const std::byte> packet,
              const base::Endpoint& peer,
              const std::shared_ptr<TcpConnection>& connection);
    void run(Update& update);
    [[nodiscard]] UpdateResult make(const Update& update);
    base::Result<UpdateResult> store(const std::shared_ptr<const UpdateJob>& job,
                                     base::Deadline deadline);
    void expire_for_ever();

    base::Loop& loop_;
    Options options_;
    RecentUpdates recent_;
    PublicationWatch watch_;
    base::WaitQueue published_;
    std::size_t under_way_ = 0;
    std::size_t octets_under_way_ = 0;
    base::DbPool database_;
};

}  // namespace dns::update
