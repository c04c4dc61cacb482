#pragma once

// InternalView: the internal view of one name server: its listener, the addresses that it answers
// from and keeps up with, who may ask, and whether it is sure.
//
// It is sure, and denies addresses, for kSureFor after the database last confirmed what it has.
//
// Owner: NameServer, which destroys it before the pool. Thread rule: loop thread only.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/db.h"
#include "base/endpoint.h"
#include "base/loop.h"
#include "base/result.h"
#include "dns/control/account_keeper.h"
#include "dns/internal_server.h"
#include "dns/transfer/transfer_config.h"

namespace dns {

/// Addresses that came in the meantime are unknown to a view that has not heard from the database
/// for longer than this: it stops denying.
inline constexpr base::Duration kSureFor = std::chrono::seconds(30);

/// See the top of this file.
class InternalView {
  public:
    struct Options {
        InternalServer::Options server;
        std::vector<std::string> keys;  ///< names of keys of the directory whose owners may ask
        std::string directory;          ///< of the file of addresses
    };

    /// Listens, and knows nothing yet. Errors: those of InternalServer::create().
    static base::Result<std::unique_ptr<InternalView>> create(base::Loop& loop,
                                                              base::DbPool& pool,
                                                              Options options);

    /// Starts to read the file, then the database.
    base::Status start();

    /// There may be something new in the database.
    void look() { keeper_.look(); }

    /// The keys of the directory. Ones that are listed and not there are nobody's, with a warning.
    void take_keys(const transfer::TransferConfig& config);

    void set_acl(std::vector<base::Network> acl) { server_->set_acl(std::move(acl)); }

    /// To be called every second: certainty runs out by time.
    void set_certainty();

    /// After the loop's run(). Blocks, a minute at most.
    void save() { keeper_.save(); }

    [[nodiscard]] const InternalCounters& counters() const noexcept { return server_->counters(); }

    [[nodiscard]] std::vector<base::Endpoint> bound() const { return server_->bound(); }

  private:
    InternalView(base::Loop& loop,
                 base::DbPool& pool,
                 Options options,
                 std::unique_ptr<InternalServer> server);

    base::Loop& loop_;
    const std::vector<std::string> key_names_;
    std::vector<transfer::KeyConfig> keys_;  // that the server has
    std::unique_ptr<InternalServer> server_;
    std::optional<base::Instant> checked_at_;  // when the database last confirmed what we have
    AccountKeeper keeper_;
};

}  // namespace dns
