#pragma once

// FaxOut: faxes to be sent, from the queue account's INBOX through HylaFAX's sendfax to the report
// that the sender gets. It runs on the fax machine.
//
// A job is a row of directory.fax_job and a message with its key. HylaFAX's job carries the key as
// its tag: so a runner that died between sendfax and its note finds the job in HylaFAX's own queue,
// or its call in HylaFAX's log when the queue has been cleaned, instead of sending it again. The
// report has a key of its own: there is one, whoever tells of the end first, this runner or the
// notify hook. A job whose message has gone from the queue is told of like any other.
//
// Thread rule: one thread; blocks. Owner: a command's handler; context and service outlive it.

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/result.h"
#include "mta/fax/fax_report.h"
#include "mta/fax/hylafax_job.h"
#include "mta/fax/maildrop.h"
#include "ops/command.h"
#include "ops/fax_service.h"

namespace ops {

struct FaxOutOptions {
    std::string spool;    ///< HylaFAX's
    std::string sendfax;  ///< program
    std::string server;   ///< "host:port" of hfaxd; empty: as sendfax is set up
    base::Endpoint access_server;
    std::string login;  ///< of the queue account
    std::string password;
    std::int64_t give_up_s = 86'400;  ///< a job that is not over by then has failed
};

/// See the top of this file.
class FaxOut {
  public:
    FaxOut(CommandContext& context, const FaxService& service, FaxOutOptions options);

    struct Counts {
        std::size_t submitted = 0;
        std::size_t waiting = 0;  ///< HylaFAX has them, or another fax machine
        std::size_t reported = 0;
        std::size_t later = 0;  ///< something was away
    };

    /// One look at every waiting message, and at jobs that have lost theirs. Errors: the maildrop's
    /// and the database's.
    [[nodiscard]] base::Result<Counts> pass();

    /// Ends a job and tells its sender; does nothing if that has been done. `why` is HylaFAX's
    /// word. Errors: NotFound (no such job), those of database and ingest.
    base::Status finish(const std::string& key, const std::string& why, const std::string& detail);

  private:
    struct Job;
    [[nodiscard]] base::Result<Job> load(const std::string& key);
    [[nodiscard]] base::Result<bool> move(const std::string& key,
                                          const std::string& state,
                                          std::int64_t hylafax_job,
                                          const std::string& detail);
    struct Queued;
    base::Status advance(Queued& queued, Counts& counts);
    [[nodiscard]] base::Result<bool> settle(const Job& job, Queued* queued, Counts& counts);
    base::Status submit(Queued& queued, const Job& job, std::int64_t kill_minutes, Counts& counts);
    base::Status tell_of_late_jobs(Counts& counts);
    base::Status report(const Job& job);

    CommandContext& context_;
    const FaxService& service_;
    FaxOutOptions options_;
    mta::HylafaxQueue queue_;     ///< as it was when this pass began
    std::set<std::string> seen_;  ///< keys of this pass
};

/// Runs sendfax on files; the number of HylaFAX's job. Errors: Unavailable (it failed, with what it
/// said), Timeout.
[[nodiscard]] base::Result<std::int64_t> run_sendfax(const std::string& program,
                                                     const std::vector<std::string>& arguments,
                                                     const std::string& directory);

}  // namespace ops
