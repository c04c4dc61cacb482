#pragma once

// FaxIntake: one received fax from the receive queue into the cluster: read, route, compose, hand
// in. The hook and the sweeper both call it, with the same key for the same fax, so that whoever
// comes second is told `again`.
//
// A fax is never given up on its own account: nobody's fax waits, with an event, until there is a
// route; what the cluster refuses is told by an event, and the file stays where it is.
//
// Thread rule: one thread; blocks. Owner: whoever called; the functions must outlive it.

#include <cstddef>
#include <functional>
#include <string>

#include "base/result.h"
#include "mta/fax/fax_message.h"
#include "mta/fax/recv_queue.h"
#include "mta/ingest/ingest_client.h"

namespace mta {

/// What the intake stands on; each may block.
struct FaxIntakeParts {
    /// Address of the account that gets it. NotFound: no route means this fax; every other error,
    /// whatever its kind: nobody could say, try again.
    std::function<base::Result<std::string>(const FaxCall& call)> route;
    std::function<base::Result<IngestReceipt>(const IngestRequest& request)> ingest;
    /// Tells operators; `kind` is fax_unrouted or fax_refused. Failing to do so is no error.
    std::function<void(const std::string& kind, const std::string& key, const std::string& text)>
        event;
};

/// How the message is addressed.
struct FaxIntakeOptions {
    std::string domain;  ///< of the fax service; empty: the recipient's
    std::string from;    ///< see FaxMessageOptions
};

/// See the top of this file.
class FaxIntake {
  public:
    FaxIntake(FaxIntakeParts parts, FaxIntakeOptions options);

    struct Outcome {
        IngestReceipt receipt;
        std::string key;
        std::string recipient;
        std::size_t pages = 0;
        std::size_t damaged_pages = 0;
    };

    /// `call`: what is known beside the file; `call.received` 0 means when the file was last
    /// written. Temporary errors: try again; NotFound: there is no such file; other permanent ones:
    /// refused, an operator was told.
    [[nodiscard]] base::Result<Outcome> hand_in(FaxCall call, const std::string& path);

  private:
    [[nodiscard]] base::Result<IngestReceipt> send(const FaxCall& call,
                                                   const std::string& file,
                                                   Outcome& outcome);

    FaxIntakeParts parts_;
    FaxIntakeOptions options_;
};

/// Local time of an instant, with its zone, as the machine is set up.
[[nodiscard]] mail::ZonedTime local_time(std::int64_t unix_seconds);

}  // namespace mta
