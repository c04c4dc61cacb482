#pragma once

// The records that mail needs of a domain (MX, SPF, DKIM, DMARC, MTA-STS, TLSRPT, SRV of mail
// clients, autoconfig names, TLSA, CAA): what is there, what is missing or wrong, and what makes it
// right. Pure.
//
// What an operator wrote wins while it is sound and nothing else was asked for: an SPF record of
// their own stays. Only records of the same purpose are ever replaced: other TXT records at the
// same name stay.
//
// Thread rule: any thread. Errors: none but what the values say.

#include <optional>
#include <string>
#include <vector>

#include "dns/zone.h"
#include "ops/dkim_roll.h"

namespace ops {

/// What an operator asked for; none: what is offered, or nothing (directory.mail_records).
struct MailWishes {
    std::optional<std::string> spf;
    std::optional<std::string> dmarc;
    std::optional<std::string> tls_reports;   ///< "mailto:..." or "https://..."
    std::optional<std::string> mta_sts_host;  ///< web server that serves the policy
    std::string mta_sts_mode = "testing";
    std::optional<std::string> submission;  ///< host:port, as the next three
    std::optional<std::string> submissions;
    std::optional<std::string> imaps;
    std::optional<std::string> pop3s;
    std::optional<std::string> autoconfig;    ///< host
    std::optional<std::string> autodiscover;  ///< host
    std::optional<std::vector<std::string>> tlsa;
    std::optional<std::vector<std::string>> caa;  ///< empty: nobody may issue
    std::string dkim = "rsa";
    std::optional<std::int64_t> dkim_rotate_days;
};

/// All that is judged.
struct MailRecordInput {
    std::string domain;
    std::uint32_t ttl = 3600;             ///< of records that are added to no set
    std::vector<dns::RecordRow> own;      ///< what operators wrote
    std::vector<dns::RecordRow> steered;  ///< MX and access names
    std::vector<std::string> mail_hosts;  ///< of the domain's mail servers, no final dot
    std::vector<DkimKey> keys;
    MailWishes wishes;
};

/// How it stands with one kind.
enum class MailVerdict : std::uint8_t {
    Good,
    Missing,   ///< `added` mends it, or, if that is empty, what `text` says
    Wrong,     ///< `removed` and `added` mend it, or what `text` says
    NotAsked,  ///< an offer: `text` says how to ask
};

/// What was found of one kind at one name.
struct MailFinding {
    std::string kind;   ///< "SPF"
    std::string owner;  ///< relative
    MailVerdict verdict = MailVerdict::Good;
    std::string text;                  ///< what is there, or what is to be done
    std::vector<std::size_t> removed;  ///< of `own`
    std::vector<dns::RecordRow> added;
};

[[nodiscard]] std::vector<MailFinding> judge_mail_records(const MailRecordInput& input);

/// The policy of RFC 8461 3.2 for the domain's mail servers, lines ended by CRLF.
[[nodiscard]] std::string mta_sts_policy(const MailWishes& wishes,
                                         const std::vector<std::string>& mail_hosts);

/// TXT data: strings of at most 255 octets in quotes (RFC 1035 3.3.14).
[[nodiscard]] std::string txt_data(std::string_view text);

/// "missing", ...
[[nodiscard]] const char* verdict_name(MailVerdict verdict) noexcept;

}  // namespace ops
