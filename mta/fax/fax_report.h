#pragma once

// What became of a fax that was sent, as a delivery status notification (RFC 3464; the report's
// container RFC 6522). It answers the sender's message by In-Reply-To and References (RFC 5322
// 3.6.4), so that mail programs show both together, and repeats what is known of its header. The
// recipient is a telephone number: "x-fax; +4930901820" is its type as RFC 3464 2.1.2 lets an
// implementation name one.
//
// The same job gives the same octets, whoever reports it. Thread rule: functions of their
// arguments.

#include <cstdint>
#include <string>
#include <string_view>

#include "mail/date.h"

namespace mta {

enum class FaxEnd : std::uint8_t { Delivered, Failed };

/// A job that is over.
struct FaxReport {
    std::string key;         ///< of the job; names the report
    std::string number;      ///< that was called
    std::string sender;      ///< address of who sent it and is told
    std::string host;        ///< the fax machine; a domain name or a word
    std::string domain;      ///< of the fax numbers
    std::string message_id;  ///< of what the sender sent, "<...>"; empty: it is not known
    std::string subject;     ///< likewise, clean UTF-8
    FaxEnd end = FaxEnd::Failed;
    std::string why;  ///< HylaFAX's word: done, failed, rejected, timedout, ...; "unknown": it may
                      ///< have been sent
    std::string detail;       ///< HylaFAX's own text, cleaned here
    mail::ZonedTime arrived;  ///< when the job was accepted
    mail::ZonedTime ended;
};

/// "fax-dsn/..." for a job's key: there is one report for a job, for ever.
[[nodiscard]] std::string report_key(std::string_view job_key);

/// The status code of RFC 3463 for HylaFAX's word and end.
[[nodiscard]] std::string fax_status_code(FaxEnd end, std::string_view why);

/// RFC 5322, lines end in CRLF. To be sent with the null path as sender.
[[nodiscard]] std::string compose_report(const FaxReport& report);

}  // namespace mta
