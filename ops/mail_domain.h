#pragma once

// The records of a mail domain in the database: what was asked for, the keys of DKIM and their
// steps, what is found, and making it right; inside a transaction of edit_zone().
//
// Thread rule: one thread; blocks. Errors: those of the database and of OpenSSL.

#include <string>
#include <vector>

#include "base/db.h"
#include "ops/mail_records.h"
#include "ops/zone_state.h"

namespace ops {

/// What was asked for before; a domain without a row has asked for nothing.
[[nodiscard]] base::Result<MailWishes> load_wishes(base::Tx& tx, std::int64_t domain_id);

base::Status save_wishes(base::Tx& tx, std::int64_t domain_id, const MailWishes& wishes);

/// All that the domain ever had, oldest first.
[[nodiscard]] base::Result<std::vector<DkimKey>> load_keys(base::Tx& tx, std::int64_t domain_id);

enum class Roll : std::uint8_t { WhenDue, Now };

/// Takes the steps of DKIM keys that are due: makes, activates, retires, removes.
base::Status step_keys(base::Tx& tx, std::int64_t domain_id, const MailWishes& wishes, Roll roll);

/// What judge_mail_records() finds in this transaction.
[[nodiscard]] base::Result<std::vector<MailFinding>> find_mail_records(base::Tx& tx,
                                                                       const ZoneState& state,
                                                                       const MailWishes& wishes);

/// Makes one finding right, if it says how.
base::Status mend(base::Tx& tx, const ZoneState& state, const MailFinding& finding);

/// Host names of the domain's mail servers that are not retired.
[[nodiscard]] std::vector<std::string> mail_hosts_of(const ZoneState& state);

}  // namespace ops
