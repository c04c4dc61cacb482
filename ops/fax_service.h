#pragma once

// What the commands of `roundtable fax` share: routes asked of the directory, messages handed to
// the mail servers of this machine, events for operators.
//
// Thread rule: one thread; everything blocks. Owner: a command's handler; the context outlives it.

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "mta/fax/fax_intake.h"
#include "mta/ingest/ingest_client.h"
#include "ops/command.h"

namespace ops {

/// See the top of this file.
class FaxService {
  public:
    /// `sockets`: of ingest_sockets() (ops/hand_in.h), tried in this order.
    FaxService(CommandContext& context, std::vector<std::string> sockets);

    /// A statement at the directory. Every error is Unavailable: whatever the database says (it is
    /// away, our password or our rights are wrong), nothing is wrong with the fax.
    [[nodiscard]] base::Result<base::Rows> ask(const std::string& statement,
                                               const base::Params& params) const;

    /// Address of the account whose fax it is. NotFound: nobody's; Unavailable.
    [[nodiscard]] base::Result<std::string> route(const mta::FaxCall& call) const;

    /// Other sockets from now on: mail servers come and go.
    void use(std::vector<std::string> sockets);

    /// ingest_at_any() (ops/hand_in.h).
    [[nodiscard]] base::Result<mta::IngestReceipt> ingest(const mta::IngestRequest& request) const;

    /// Raises an event, once a day for a key. If that fails it is said on standard error.
    void raise(const std::string& severity,
               const std::string& kind,
               const std::string& key,
               const std::string& text) const;

    [[nodiscard]] mta::FaxIntakeParts intake_parts() const;

  private:
    CommandContext& context_;
    std::vector<std::string> sockets_;
};

/// The handler of a command whose end is told in the numbers of mail programs (sysexits.h): 0 the
/// promise of 250 holds, 75 (EX_TEMPFAIL) try again, 65 (EX_DATAERR) never.
using Handler = std::function<base::Status(CommandContext&, const Arguments&)>;
[[nodiscard]] Handler with_mail_codes(Handler handler);

}  // namespace ops
