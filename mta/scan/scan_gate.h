#pragma once

// ScanGate: what SMTP and ingest ask about viruses: a scan while a message arrives, or of one that
// is whole, and what the domains of its recipients want done with the outcome.
//
// One reply stands for all recipients of a message. So it is refused if one of their domains
// refuses infected mail, and put off if one of them does not want what was not scanned. Else each
// recipient gets what its own domain says: quarantine, or the message with a header field. What
// comes in is kept as it is: the field is put into our trace fields, and fields of that name
// further down are the sender's word.
//
// The verdict goes along in the envelope's attributes `verdict`, `signature` and `scanner`, a
// quarantine in the recipient's mailbox (kQuarantineMailbox): all of it is in the frame.
//
// Owner: the mail agent. Borrows scanner and policies. Thread rule: from fibers of any loop.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/loop.h"
#include "mail/envelope.h"
#include "mta/scan/policy_list.h"
#include "mta/scan/scan.h"
#include "mta/scan/scan_policies.h"
#include "mta/scan/scanner.h"

namespace mta {

/// The mailbox of a quarantined recipient: the catalog takes it for the quarantine of its domain.
/// No client can make a mailbox of that name: its first level is empty.
inline constexpr std::string_view kQuarantineMailbox = "/quarantine";

/// What is to be done with a message.
struct ScanJudgement {
    enum class Kind : std::uint8_t {
        Take,    ///< store it, with the envelope as it is now
        Refuse,  ///< it has a virus, and somebody does not want it: for good
        PutOff,  ///< no scanner answered, and somebody wants none of that: try again later
    };

    Kind kind = Kind::Take;
    std::string signature;  ///< of an infected message, sanitised
    std::string field;      ///< a header field to be put in front; may be empty
};

/// The rules at the top. `envelope` gets its attributes, and quarantined recipients their mailbox.
[[nodiscard]] ScanJudgement judge_scan(const ScanVerdict& verdict,
                                       const PolicyList& policies,
                                       mail::Envelope& envelope);

/// Puts a field, which ends in CRLF, into the trace fields at the front of a message: behind its
/// Return-Path, if it begins with one (RFC 5321 4.4: that is the first line).
void add_trace_field(std::string& message, std::string_view field);

/// See the top of this file.
class ScanGate {
  public:
    ScanGate(Scanner& scanner, ScanPolicies& policies) : scanner_(scanner), policies_(policies) {}

    /// A message that arrives. From a fiber of `loop`, which owns the scan.
    [[nodiscard]] std::unique_ptr<Scan> begin(base::Loop& loop, Scan::Source source);

    /// What is to be done with it after that. `message` gets the header field. `about` names it in
    /// the log.
    [[nodiscard]] ScanJudgement judge(const ScanVerdict& verdict,
                                      mail::Envelope& envelope,
                                      std::string& message,
                                      std::string_view about);

    /// Both, of a message that is whole already. Waits, at most ScanSettings::timeout.
    [[nodiscard]] ScanJudgement check(base::Loop& loop,
                                      mail::Envelope& envelope,
                                      std::string& message,
                                      std::string_view about);

    /// Empty, or when no clamd is up and mail is put off for it Scanner::unfit_reason(). For the
    /// load report; never waits.
    [[nodiscard]] std::string_view unfit_reason() const;

  private:
    Scanner& scanner_;
    ScanPolicies& policies_;
};

}  // namespace mta
