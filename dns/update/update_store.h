#pragma once

// An update as one database transaction: the zone is locked and read, the update judged and made,
// its history written; or nothing is done.
//
// Thread rule: a database worker; blocks.

#include <cstdint>
#include <string>
#include <vector>

#include "base/db.h"
#include "base/endpoint.h"
#include "base/result.h"
#include "dns/update/update_message.h"

namespace dns::update {

/// A well-signed update, and who sent it.
struct UpdateJob {
    std::string name_server;  ///< ours
    std::string key;          ///< as in directory.transfer_key
    base::IpAddress client;
    std::vector<std::byte> mac;  ///< of its signature: names the request for ever
    UpdateRequest request;
};

/// What became of it. NoError: it is committed.
struct UpdateResult {
    Rcode rcode = Rcode::NoError;
    std::string reason;        ///< of another rcode, for the log
    std::int64_t version = 0;  ///< NoError: directory.version that has what was asked for
    std::size_t removed = 0;
    std::size_t added = 0;
    bool again = false;  ///< it had been made before; nothing was done now
};

/// Does it. The same request a second time gives the first one's version. Errors: those of
/// base::Connection; after UnknownOutcome asking again tells.
[[nodiscard]] base::Result<UpdateResult> store_update(base::Connection& connection,
                                                      const UpdateJob& job);

/// Removes records whose time is over; how many.
[[nodiscard]] base::Result<std::int64_t> expire_records(base::Connection& connection,
                                                        const std::string& name_server);

}  // namespace dns::update
