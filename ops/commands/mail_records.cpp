// `roundtable domain mail-records` and `roundtable dkim`: the records that mail needs of a domain,
// found, made, and kept right; the keys of DKIM.

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "base/file.h"
#include "ops/commands/commands.h"
#include "ops/json.h"
#include "ops/mail_domain.h"
#include "ops/mail_keys.h"
#include "ops/output.h"
#include "ops/zone_state.h"

namespace ops {

namespace {

constexpr std::size_t kCertificateMax = std::size_t{1} << 20;
constexpr std::int64_t kPortMax = 65'535;
constexpr unsigned kKeyMode = 0600;
constexpr std::string_view kUnset = "default";

using Wish = std::optional<std::string> MailWishes::*;

base::Error invalid(const std::string& what) {
    return {base::Errc::Invalid, what};
}

// --spf TEXT and --dmarc TEXT: as in the record.
base::Result<std::string> checked_text(const std::string& option,
                                       const std::string& version,
                                       const std::string& text) {
    const bool printable = std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
    const std::size_t size = version.size();
    if (!text.starts_with(version) || !printable || text.size() > 2000 ||
        (text.size() > size && text[size] != ' ' && text[size] != ';')) {
        return invalid(option + " takes the whole text of the record, which begins with \"" +
                       version + "\"");
    }
    return text;
}

base::Result<std::string> checked_service(const std::string& option, const std::string& text) {
    const std::size_t colon = text.rfind(':');
    std::int64_t port = 0;
    for (std::size_t i = colon == std::string::npos ? text.size() : colon + 1;
         i < text.size() && port <= kPortMax;
         ++i) {
        port = text[i] >= '0' && text[i] <= '9' ? port * 10 + (text[i] - '0') : kPortMax + 1;
    }
    if (port < 1 || port > kPortMax) {
        return invalid(option + " takes HOST:PORT, not '" + text + "'");
    }
    const std::string host = TRY(checked_name(text.substr(0, colon)));
    return host + ":" + std::to_string(port);
}

base::Result<std::string> checked_reports(const std::string& text) {
    const std::string uri = text.find(':') == std::string::npos && text.find('@') != text.npos
                                ? "mailto:" + text
                                : text;
    const bool sound = std::ranges::all_of(
        uri, [](char c) { return c > ' ' && c <= '~' && c != ',' && c != ';'; });
    if (!sound || (!uri.starts_with("mailto:") && !uri.starts_with("https:"))) {
        return invalid("--tls-reports takes a mail address or an https address, not '" + text +
                       "'");
    }
    return uri;
}

template <typename Check>
base::Status take(const Arguments& arguments,
                  const char* option,
                  std::optional<std::string>& wish,
                  const Check& check) {
    const auto given = arguments.optional(option);
    if (given && *given == kUnset) {
        wish.reset();
    } else if (given) {
        wish = TRY(check(*given));
    }
    return base::Done{};
}

base::Status take_texts(const Arguments& arguments, MailWishes& wishes) {
    const auto spf = [](const std::string& text) { return checked_text("--spf", "v=spf1", text); };
    const auto dmarc = [](const std::string& text) {
        return checked_text("--dmarc", "v=DMARC1", text);
    };
    TRY(take(arguments, "--spf", wishes.spf, spf));
    TRY(take(arguments, "--dmarc", wishes.dmarc, dmarc));
    TRY(take(arguments, "--tls-reports", wishes.tls_reports, checked_reports));
    return base::Done{};
}

base::Status take_hosts(const Arguments& arguments, MailWishes& wishes) {
    const std::pair<const char*, Wish> hosts[] = {
        {"--mta-sts", &MailWishes::mta_sts_host},
        {"--autoconfig", &MailWishes::autoconfig},
        {"--autodiscover", &MailWishes::autodiscover},
    };
    for (const auto& [option, wish] : hosts) {
        TRY(take(arguments, option, wishes.*wish, checked_name));
    }
    const std::pair<const char*, Wish> services[] = {
        {"--submission", &MailWishes::submission},
        {"--submissions", &MailWishes::submissions},
        {"--imaps", &MailWishes::imaps},
        {"--pop3s", &MailWishes::pop3s},
    };
    for (const auto& [option, wish] : services) {
        TRY(take(arguments, option, wishes.*wish, [name = option](const std::string& text) {
            return checked_service(name, text);
        }));
    }
    return base::Done{};
}

base::Status take_words(const Arguments& arguments, MailWishes& wishes) {
    if (const auto mode = arguments.optional("--mta-sts-mode")) {
        if (*mode != "testing" && *mode != "enforce" && *mode != "none") {
            return invalid("--mta-sts-mode takes testing, enforce or none, not '" + *mode + "'");
        }
        wishes.mta_sts_mode = *mode;
    }
    if (const auto dkim = arguments.optional("--dkim")) {
        if (*dkim != "rsa" && *dkim != "ed25519" && *dkim != "off") {
            return invalid("--dkim takes rsa, ed25519 or off, not '" + *dkim + "'");
        }
        wishes.dkim = *dkim;
    }
    const std::int64_t days = TRY(arguments.integer("--dkim-rotate", 0, 3650, -1));
    if (days > 0 && days < 14) {
        return invalid("--dkim-rotate takes 14 days or more (0: by command only)");
    }
    if (days >= 0) {
        wishes.dkim_rotate_days = days == 0 ? std::nullopt : std::optional(days);
    }
    return base::Done{};
}

base::Status take_lists(const Arguments& arguments, MailWishes& wishes) {
    if (arguments.has("--caa")) {
        std::vector<std::string> issuers = arguments.list("--caa");
        for (const std::string& issuer : issuers) {
            const bool sound = !issuer.empty() && std::ranges::all_of(issuer, [](char c) {
                return c >= ' ' && c <= '~' && c != '"' && c != '\\';
            });
            if (!sound) {
                return invalid("--caa takes the domain of an issuer, or none, not '" + issuer +
                               "'");
            }
        }
        wishes.caa = issuers;
        if (issuers.size() == 1 && issuers.front() == "none") {
            wishes.caa = std::vector<std::string>();
        } else if (issuers.size() == 1 && issuers.front() == kUnset) {
            wishes.caa.reset();
        }
    }
    if (arguments.has("--tlsa")) {
        std::vector<std::string> data;
        for (const std::string& file : arguments.list("--tlsa")) {
            if (file != kUnset) {
                const std::string pem = TRY(base::read_file(file, kCertificateMax));
                auto tlsa = tlsa_of_certificate(pem);
                if (!tlsa) {
                    return base::Error{tlsa.error().code, file + ": " + tlsa.error().detail};
                }
                data.push_back(std::move(tlsa).take_value());
            }
        }
        wishes.tlsa = data.empty() ? std::nullopt : std::optional(std::move(data));
    }
    return base::Done{};
}

base::Status take_wishes(const Arguments& arguments, MailWishes& wishes) {
    TRY(take_texts(arguments, wishes));
    TRY(take_hosts(arguments, wishes));
    TRY(take_words(arguments, wishes));
    return take_lists(arguments, wishes);
}

bool is_to_do(const MailFinding& finding) {
    return finding.verdict == MailVerdict::Missing || finding.verdict == MailVerdict::Wrong;
}

bool is_mendable(const MailFinding& finding) {
    return !finding.added.empty() || !finding.removed.empty();
}

void show(const CommandContext& context,
          const std::string& domain,
          const std::vector<MailFinding>& findings) {
    if (context.output == Output::Json) {
        Json all = Json::array();
        for (const MailFinding& finding : findings) {
            all.push_back({{"domain", domain},
                           {"kind", finding.kind},
                           {"owner", finding.owner},
                           {"state", verdict_name(finding.verdict)},
                           {"text", finding.text}});
        }
        std::printf("%s\n", all.dump(2).c_str());
        return;
    }
    std::printf("%s\n", domain.c_str());
    for (const MailFinding& finding : findings) {
        std::printf("  %-12s  %-13s  %s  %s\n",
                    finding.kind.c_str(),
                    verdict_name(finding.verdict),
                    finding.owner.c_str(),
                    finding.text.c_str());
        for (const dns::RecordRow& row : finding.added) {
            if (finding.verdict == MailVerdict::Wrong) {
                std::printf("  %-12s  %-13s  %s  %s %s\n",
                            "",
                            "should be",
                            row.owner.c_str(),
                            row.type.c_str(),
                            row.data.c_str());
            }
        }
    }
}

base::Status check_domain(CommandContext& context,
                          const Arguments& arguments,
                          const std::string& domain) {
    base::Connection* connection = TRY(context.db());
    base::Tx tx = TRY(connection->begin());
    const ZoneState state = TRY(read_zone_state(tx, domain));
    MailWishes wishes = TRY(load_wishes(tx, state.domain.id));
    TRY(take_wishes(arguments, wishes));
    const auto findings = TRY(find_mail_records(tx, state, wishes));
    show(context, domain, findings);
    const auto open = std::ranges::count_if(findings, is_to_do);
    if (open != 0) {
        return base::Error{base::Errc::Refused,
                           std::to_string(open) +
                               " missing or wrong; --apply makes right what it can, and keeps "
                               "what you ask for"};
    }
    return base::Done{};
}

base::Status apply_to_domain(CommandContext& context,
                             const Arguments& arguments,
                             const std::string& domain) {
    std::vector<MailFinding> left;
    std::size_t mended = 0;
    const auto edit = [&](base::Tx& tx) -> base::Status {
        const ZoneState before = TRY(read_zone_state(tx, domain));
        const std::int64_t id = before.domain.id;
        MailWishes wishes = TRY(load_wishes(tx, id));
        TRY(take_wishes(arguments, wishes));
        TRY(save_wishes(tx, id, wishes));
        TRY(step_keys(tx, id, wishes, Roll::WhenDue));
        const auto found = TRY(find_mail_records(tx, before, wishes));
        for (const MailFinding& finding : found) {
            TRY(mend(tx, before, finding));
            mended += static_cast<std::size_t>(is_mendable(finding));
        }
        const ZoneState after = TRY(read_zone_state(tx, domain));
        left = TRY(find_mail_records(tx, after, wishes));
        return base::Done{};
    };
    TRY(edit_zone(context, domain, edit));
    show(context, domain, left);
    const auto open = std::ranges::count_if(left, is_to_do);
    if (open != 0) {
        return base::Error{base::Errc::Refused,
                           std::to_string(mended) + " made right, " + std::to_string(open) +
                               " that only you can make right"};
    }
    say(context, domain + ": " + std::to_string(mended) + " made right");
    return base::Done{};
}

// Those for which --apply was said once: that is what keeps them right.
base::Status apply_to_all(CommandContext& context, const Arguments& arguments) {
    base::Connection* connection = TRY(context.db());
    const base::Rows rows =
        TRY(connection->query("SELECT d.name FROM directory.mail_records m "
                              "JOIN directory.domain d ON d.id = m.domain_id ORDER BY d.name"));
    base::Status outcome = base::Done{};
    for (const base::Row row : rows) {
        const std::string domain = row.string(0);
        base::Status done = arguments.has("--apply") ? apply_to_domain(context, arguments, domain)
                                                     : check_domain(context, arguments, domain);
        if (!done) {
            std::fprintf(
                stderr, "roundtable: %s: %s\n", domain.c_str(), done.error().detail.c_str());
            if (base::is_temporary(done.error().code)) {
                return done;
            }
            outcome = base::Error{base::Errc::Refused, "not all domains are as they should be"};
        }
    }
    return outcome;
}

base::Status mail_records(CommandContext& context, const Arguments& arguments) {
    if (arguments.has("--all") == arguments.has("domain")) {
        return invalid("name one domain, or say --all for those that were applied before");
    }
    if (arguments.has("--all")) {
        return apply_to_all(context, arguments);
    }
    const std::string domain = normal_name(arguments.text("domain"));
    return arguments.has("--apply") ? apply_to_domain(context, arguments, domain)
                                    : check_domain(context, arguments, domain);
}

base::Status show_policy(CommandContext& context, const Arguments& arguments) {
    const std::string domain = normal_name(arguments.text("domain"));
    base::Connection* connection = TRY(context.db());
    base::Tx tx = TRY(connection->begin());
    const ZoneState state = TRY(read_zone_state(tx, domain));
    const MailWishes wishes = TRY(load_wishes(tx, state.domain.id));
    if (!wishes.mta_sts_host) {
        return base::Error{base::Errc::NotFound,
                           domain + " has no MTA-STS: `roundtable domain mail-records " + domain +
                               " --apply --mta-sts HOST`"};
    }
    std::printf("%s", mta_sts_policy(wishes, mail_hosts_of(state)).c_str());
    return base::Done{};
}

// Steps of keys, and their records; nothing else of the domain is touched.
base::Status keep_keys(CommandContext& context, const std::string& domain, Roll roll) {
    const auto edit = [&](base::Tx& tx) -> base::Status {
        const ZoneState state = TRY(read_zone_state(tx, domain));
        const MailWishes wishes = TRY(load_wishes(tx, state.domain.id));
        if (wishes.dkim == "off" && roll == Roll::Now) {
            return base::Error{base::Errc::Refused, "DKIM is off for " + domain};
        }
        TRY(save_wishes(tx, state.domain.id, wishes));
        TRY(step_keys(tx, state.domain.id, wishes, roll));
        const auto found = TRY(find_mail_records(tx, state, wishes));
        for (const MailFinding& finding : found) {
            if (finding.kind == "DKIM") {
                TRY(mend(tx, state, finding));
            }
        }
        return base::Done{};
    };
    return edit_zone(context, domain, edit);
}

constexpr const char* kKeyColumns =
    "SELECT d.name AS domain, k.selector, k.algorithm, k.state, "
    "k.changed_at::timestamptz(0) AS since FROM directory.dkim_key k "
    "JOIN directory.domain d ON d.id = k.domain_id ";

base::Status list_keys(CommandContext& context, const Arguments& arguments) {
    const auto domain = arguments.optional("domain");
    return print_rows(
        context,
        std::string(kKeyColumns) + "WHERE $1::text IS NULL OR d.name = $1 ORDER BY d.name, k.id",
        {domain ? base::Param(normal_name(*domain)) : base::Param(nullptr)},
        "no keys");
}

base::Status roll_key(CommandContext& context, const Arguments& arguments) {
    const std::string domain = normal_name(arguments.text("domain"));
    TRY(keep_keys(context, domain, Roll::Now));
    say(context,
        "the next key of " + domain +
            " is published; sign with it from an hour from now, see "
            "`roundtable dkim export " +
            domain + "`");
    return base::Done{};
}

base::Status export_key(CommandContext& context, const Arguments& arguments) {
    const std::string domain = normal_name(arguments.text("domain"));
    TRY(keep_keys(context, domain, Roll::WhenDue));
    base::Connection* connection = TRY(context.db());
    const base::Rows active =
        TRY(connection->query("SELECT k.selector, directory.dkim_private_key(d.name, k.selector) "
                              "FROM directory.dkim_key k JOIN directory.domain d "
                              "ON d.id = k.domain_id WHERE d.name = $1 AND k.state = 'active' "
                              "ORDER BY k.id DESC LIMIT 1",
                              {domain}));
    if (active.empty() || active[0].is_null(1)) {
        return base::Error{base::Errc::Busy,
                           domain +
                               " has no key that all can see yet: one is ready an hour after "
                               "it was published (`roundtable dkim list " +
                               domain + "`)"};
    }
    TRY(base::write_file_atomic(arguments.text("--file"), active[0].text(1), kKeyMode));
    if (context.output == Output::Json) {
        std::printf("{\"selector\": %s}\n", json_text(active[0].text(0)).c_str());
    } else {
        std::printf("%s\n", active[0].string(0).c_str());
    }
    return base::Done{};
}

std::vector<OptionSpec> wish_options() {
    return {
        {"domain", OptionKind::OptionalPositional, "a mail domain"},
        {"--all", OptionKind::Flag, "all domains that --apply was said for before"},
        {"--apply", OptionKind::Flag, "make it right, and remember what was asked for"},
        {"--spf", OptionKind::Value, "the record; else v=spf1 mx ~all if there is none"},
        {"--dmarc", OptionKind::Value, "the record; else v=DMARC1; p=none if there is none"},
        {"--dkim", OptionKind::Value, "keys: rsa (default), ed25519 or off"},
        {"--dkim-rotate", OptionKind::Value, "days after which a key is replaced; 0: by command"},
        {"--tls-reports", OptionKind::Value, "who gets reports of RFC 8460"},
        {"--mta-sts", OptionKind::Value, "host that serves the policy of RFC 8461"},
        {"--mta-sts-mode", OptionKind::Value, "testing (default), enforce or none"},
        {"--submission", OptionKind::Value, "HOST:PORT for clients that send, STARTTLS"},
        {"--submissions", OptionKind::Value, "HOST:PORT for clients that send, TLS"},
        {"--imaps", OptionKind::Value, "HOST:PORT of IMAP with TLS"},
        {"--pop3s", OptionKind::Value, "HOST:PORT of POP3 with TLS"},
        {"--autoconfig", OptionKind::Value, "host that answers Thunderbird's autoconfig"},
        {"--autodiscover", OptionKind::Value, "host that answers Outlook's autodiscover"},
        {"--tlsa", OptionKind::Values, "certificate (PEM file) of the mail servers"},
        {"--caa", OptionKind::Values, "domain of who may issue certificates; none: nobody"},
    };
}

}  // namespace

std::vector<Command> mail_record_commands() {
    const OptionSpec domain{"domain", OptionKind::Positional, "a mail domain"};
    return {
        {"domain",
         "mail-records",
         "the records that mail needs: what is there, missing, wrong; option 'default' unsets",
         wish_options(),
         mail_records},
        {"domain",
         "mta-sts-policy",
         "what the web server of MTA-STS is to serve",
         {domain},
         show_policy},
        {"dkim",
         "list",
         "keys of DKIM and their states",
         {{"domain", OptionKind::OptionalPositional, "only this one's"}},
         list_keys},
        {"dkim", "roll", "publish the next key", {domain}, roll_key},
        {"dkim",
         "export",
         "write the private key to sign with into a file, and say its selector",
         {domain, {"--file", OptionKind::Value, "PEM, mode 0600", Required::Yes}},
         export_key},
    };
}

}  // namespace ops
