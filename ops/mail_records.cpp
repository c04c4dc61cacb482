#include "ops/mail_records.h"

#include <algorithm>
#include <functional>

#include "base/hash.h"
#include "dns/ldns_door.h"
#include "dns/wire.h"
#include "dns/zone_text.h"

namespace ops {

namespace {

using dns::RecordRow;

constexpr std::size_t kTxtStringMax = 255;
constexpr std::size_t kPolicyIdSize = 20;  // RFC 8461 3.1: 1 to 32 letters and digits
constexpr int kPolicyMaxAgeS = 604'800;
constexpr std::uint16_t kTxt = 16;

// The strings of a TXT record, joined (RFC 7208 3.3, RFC 6376 3.6.2.2). Empty if it is none.
std::string txt_value(const RecordRow& row) {
    const auto data = row.type == "TXT" ? dns::record_data(kTxt, row.data, dns::Name())
                                        : base::Result<std::string>(base::Error{});
    std::string text;
    if (!data) {
        return text;
    }
    const std::string& wire = data.value();
    for (std::size_t at = 0; at < wire.size();) {
        const auto size = static_cast<unsigned char>(wire[at]);
        text += wire.substr(at + 1, size);
        at += size + std::size_t{1};
    }
    return text;
}

// "v=spf1 ..." but not "v=spf10".
bool has_version(const std::string& text, std::string_view version) {
    return text.starts_with(version) &&
           (text.size() == version.size() || text[version.size()] == ' ' ||
            text[version.size()] == ';');
}

bool is_caa_issue(const RecordRow& row) {
    return row.type == "CAA" && row.data.find(" issue ") != std::string::npos;
}

// What is to be at one owner for one purpose.
struct Want {
    std::string kind;
    std::string owner;
    std::string type;
    std::function<bool(const RecordRow&)> is_mine;  // of the records at owner, of this purpose
    std::vector<std::string> data;
    bool explicit_wish = true;  // false: one sound record of an operator's own will do
};

class Judge {
  public:
    explicit Judge(const MailRecordInput& input)
        : input_(input), apex_(dns::Name::from_text(input.domain).take_value()) {}

    std::vector<MailFinding> run() {
        judge_exchanges();
        judge_spf();
        judge_dkim();
        judge_dmarc();
        judge_mta_sts();
        judge_tls_reports();
        judge_access();
        judge_service("submission", input_.wishes.submission);
        judge_service("submissions", input_.wishes.submissions);
        judge_service("imaps", input_.wishes.imaps);
        judge_service("pop3s", input_.wishes.pop3s);
        judge_web_names();
        judge_tlsa();
        judge_caa();
        return std::move(findings_);
    }

  private:
    void say(std::string kind, std::string owner, MailVerdict verdict, std::string text) {
        findings_.push_back({std::move(kind), std::move(owner), verdict, std::move(text), {}, {}});
    }

    [[nodiscard]] std::vector<std::size_t> rows_at(const std::string& owner) const {
        std::vector<std::size_t> places;
        for (std::size_t i = 0; i < input_.own.size(); ++i) {
            if (input_.own[i].owner == owner) {
                places.push_back(i);
            }
        }
        return places;
    }

    // RFC 2181 5.2: a record is added with the TTL of its set.
    [[nodiscard]] std::uint32_t ttl_for(const std::string& owner, const std::string& type) const {
        for (const RecordRow& row : input_.own) {
            if (row.owner == owner && row.type == type) {
                return row.ttl;
            }
        }
        return input_.ttl;
    }

    // True, and said, if the operator has made the owner an alias: what is there is said elsewhere.
    bool is_alias(const Want& want) {
        for (const std::size_t place : rows_at(want.owner)) {
            const RecordRow& row = input_.own[place];
            if (row.type == "CNAME" && want.type != "CNAME") {
                say(want.kind, want.owner, MailVerdict::Good, "an alias of " + row.data);
                return true;
            }
            if (want.type == "CNAME" && row.type != "CNAME") {
                say(want.kind, want.owner, MailVerdict::Good, "has records of its own");
                return true;
            }
        }
        return false;
    }

    void require(const Want& want) {
        if (is_alias(want)) {
            return;
        }
        std::vector<RecordRow> wanted;
        for (const std::string& data : want.data) {
            wanted.push_back({want.owner, want.type, ttl_for(want.owner, want.type), data});
        }
        std::vector<std::size_t> places;
        std::vector<RecordRow> present;
        for (const std::size_t place : rows_at(want.owner)) {
            if (input_.own[place].type == want.type && want.is_mine(input_.own[place])) {
                places.push_back(place);
                present.push_back(input_.own[place]);
            }
        }
        if (!want.explicit_wish && present.size() == 1) {
            say(want.kind, want.owner, MailVerdict::Good, present.front().data);
            return;
        }
        if (!want.explicit_wish && present.size() > 1) {
            say(want.kind,
                want.owner,
                MailVerdict::Wrong,
                "there are " + std::to_string(present.size()) +
                    ", and receivers then obey none: remove all but one, or state it by option");
            return;
        }
        const auto difference = dns::record_difference(present, wanted, apex_);
        MailFinding finding{want.kind, want.owner, MailVerdict::Good, {}, {}, {}};
        for (const std::size_t place : difference.removed) {
            finding.removed.push_back(places[place]);
        }
        for (const std::size_t place : difference.added) {
            finding.added.push_back(wanted[place]);
        }
        if (!difference.empty()) {
            finding.verdict = present.empty() ? MailVerdict::Missing : MailVerdict::Wrong;
        }
        const std::vector<RecordRow>& shown =
            finding.verdict == MailVerdict::Wrong ? present : wanted;
        for (const RecordRow& row : shown) {
            finding.text += (finding.text.empty() ? "" : ", ") + row.type + " " + row.data;
        }
        findings_.push_back(std::move(finding));
    }

    void judge_exchanges() {
        std::string hosts;
        const auto gather = [&hosts](const std::vector<RecordRow>& rows) {
            for (const RecordRow& row : rows) {
                if (row.owner == "@" && row.type == "MX") {
                    hosts += (hosts.empty() ? "" : ", ") + row.data;
                }
            }
        };
        gather(input_.steered);
        if (!hosts.empty()) {
            say("MX", "@", MailVerdict::Good, "steered: " + hosts);
            return;
        }
        gather(input_.own);
        say("MX",
            "@",
            hosts.empty() ? MailVerdict::Missing : MailVerdict::Good,
            hosts.empty()
                ? "no server takes its mail: `roundtable mx add " + input_.domain + " SERVER`"
                : hosts);
    }

    void judge_spf() {
        require({"SPF",
                 "@",
                 "TXT",
                 [](const RecordRow& row) { return has_version(txt_value(row), "v=spf1"); },
                 {txt_data(input_.wishes.spf.value_or("v=spf1 mx ~all"))},
                 input_.wishes.spf.has_value()});
    }

    void judge_dkim() {
        bool any = false;
        for (const DkimKey& key : input_.keys) {
            const bool gone = key.state == DkimState::Removed;
            const std::string owner = key.selector + "._domainkey";
            const std::string record =
                txt_data("v=DKIM1; k=" + key.algorithm + "; p=" + key.public_key);
            any |= !gone;
            if (gone && rows_at(owner).empty()) {
                continue;
            }
            require({"DKIM",
                     owner,
                     "TXT",
                     [](const RecordRow&) { return true; },
                     gone ? std::vector<std::string>{} : std::vector<std::string>{record}});
        }
        if (!any) {
            const bool off = input_.wishes.dkim == "off";
            say("DKIM",
                "_domainkey",
                off ? MailVerdict::NotAsked : MailVerdict::Missing,
                off ? "--dkim rsa or ed25519" : "no key: --apply makes one");
        }
    }

    void judge_dmarc() {
        require({"DMARC",
                 "_dmarc",
                 "TXT",
                 [](const RecordRow& row) { return has_version(txt_value(row), "v=DMARC1"); },
                 {txt_data(input_.wishes.dmarc.value_or("v=DMARC1; p=none"))},
                 input_.wishes.dmarc.has_value()});
    }

    // RFC 8461 3.1. The id follows from the policy, so that it changes when that does.
    void judge_mta_sts() {
        const MailWishes& wishes = input_.wishes;
        if (!wishes.mta_sts_host) {
            say("MTA-STS", "_mta-sts", MailVerdict::NotAsked, "--mta-sts HOST of a web server");
            return;
        }
        const std::string id =
            base::to_hex(base::sha256(base::as_bytes(mta_sts_policy(wishes, input_.mail_hosts))))
                .substr(0, kPolicyIdSize);
        require({"MTA-STS",
                 "_mta-sts",
                 "TXT",
                 [](const RecordRow& row) { return has_version(txt_value(row), "v=STSv1"); },
                 {txt_data("v=STSv1; id=" + id)}});
        require_alias("MTA-STS", "mta-sts", *wishes.mta_sts_host);
    }

    void judge_tls_reports() {
        if (!input_.wishes.tls_reports) {
            say("TLSRPT", "_smtp._tls", MailVerdict::NotAsked, "--tls-reports ADDRESS");
            return;
        }
        require({"TLSRPT",
                 "_smtp._tls",
                 "TXT",
                 [](const RecordRow& row) { return has_version(txt_value(row), "v=TLSRPTv1"); },
                 {txt_data("v=TLSRPTv1; rua=" + *input_.wishes.tls_reports)}});
    }

    // Unless the name is that host's own.
    void require_alias(const std::string& kind, const std::string& owner, const std::string& host) {
        if (host == owner + "." + input_.domain) {
            return;
        }
        require({kind, owner, "CNAME", [](const RecordRow&) { return true; }, {host + "."}});
    }

    void judge_access() {
        for (const char* owner : {"_imap._tcp", "_pop3._tcp"}) {
            const auto at = [owner](const RecordRow& row) {
                return row.owner == owner && row.type == "SRV";
            };
            const bool steered = std::ranges::any_of(input_.steered, at);
            const bool own = std::ranges::any_of(input_.own, at);
            say("SRV",
                owner,
                steered || own ? MailVerdict::Good : MailVerdict::NotAsked,
                steered ? "steered"
                : own   ? "an operator's own"
                        : "no access server serves the domain");
        }
    }

    // RFC 6186 3.1, RFC 8314 5.1.
    void judge_service(const std::string& service, const std::optional<std::string>& where) {
        const std::string owner = "_" + service + "._tcp";
        if (!where) {
            say("SRV", owner, MailVerdict::NotAsked, "--" + service + " HOST:PORT");
            return;
        }
        const std::size_t colon = where->rfind(':');
        require({"SRV",
                 owner,
                 "SRV",
                 [](const RecordRow&) { return true; },
                 {"0 1 " + where->substr(colon + 1) + " " + where->substr(0, colon) + "."}});
    }

    void judge_web_names() {
        const MailWishes& wishes = input_.wishes;
        if (wishes.autoconfig) {
            require_alias("autoconfig", "autoconfig", *wishes.autoconfig);
        } else {
            say("autoconfig", "autoconfig", MailVerdict::NotAsked, "--autoconfig HOST");
        }
        if (!wishes.autodiscover) {
            say("autodiscover", "autodiscover", MailVerdict::NotAsked, "--autodiscover HOST");
            return;
        }
        require_alias("autodiscover", "autodiscover", *wishes.autodiscover);
        require({"autodiscover",
                 "_autodiscover._tcp",
                 "SRV",
                 [](const RecordRow&) { return true; },
                 {"0 1 443 " + *wishes.autodiscover + "."}});
    }

    // RFC 7672 2.2: at the host's own name, so only for hosts of this zone.
    void judge_tlsa() {
        if (!input_.wishes.tlsa) {
            say("TLSA",
                "_25._tcp",
                MailVerdict::NotAsked,
                "--tlsa CERTIFICATE-FILE; sign the zone");
            return;
        }
        for (const std::string& host : input_.mail_hosts) {
            const auto name = dns::Name::from_text(host);
            if (!name || !name.value().is_within(apex_)) {
                say("TLSA",
                    "_25._tcp." + host + ".",
                    MailVerdict::NotAsked,
                    "belongs into the zone of that host");
                continue;
            }
            const std::string owner = dns::relative_owner(name.value(), apex_);
            require({"TLSA",
                     owner == "@" ? "_25._tcp" : "_25._tcp." + owner,
                     "TLSA",
                     [](const RecordRow&) { return true; },
                     *input_.wishes.tlsa});
        }
    }

    // RFC 8659 4.2.
    void judge_caa() {
        if (!input_.wishes.caa) {
            say("CAA", "@", MailVerdict::NotAsked, "--caa ISSUER");
            return;
        }
        std::vector<std::string> data;
        for (const std::string& issuer : *input_.wishes.caa) {
            data.push_back("0 issue \"" + issuer + "\"");
        }
        if (data.empty()) {
            data.emplace_back("0 issue \";\"");
        }
        require({"CAA", "@", "CAA", is_caa_issue, std::move(data)});
    }

    const MailRecordInput& input_;
    dns::Name apex_;
    std::vector<MailFinding> findings_;
};

}  // namespace

std::vector<MailFinding> judge_mail_records(const MailRecordInput& input) {
    return Judge(input).run();
}

std::string mta_sts_policy(const MailWishes& wishes, const std::vector<std::string>& mail_hosts) {
    std::vector<std::string> hosts = mail_hosts;
    std::ranges::sort(hosts);
    std::string text = "version: STSv1\r\nmode: " + wishes.mta_sts_mode + "\r\n";
    for (const std::string& host : hosts) {
        text += "mx: " + host + "\r\n";
    }
    return text + "max_age: " + std::to_string(kPolicyMaxAgeS) + "\r\n";
}

std::string txt_data(std::string_view text) {
    std::string data;
    while (!text.empty() || data.empty()) {
        data += data.empty() ? "\"" : " \"";
        for (const char c : text.substr(0, kTxtStringMax)) {
            if (c == '"' || c == '\\') {
                data.push_back('\\');
            }
            data.push_back(c);
        }
        data.push_back('"');
        text.remove_prefix(std::min(text.size(), kTxtStringMax));
    }
    return data;
}

const char* verdict_name(MailVerdict verdict) noexcept {
    switch (verdict) {
        case MailVerdict::Good:
            return "good";
        case MailVerdict::Missing:
            return "missing";
        case MailVerdict::Wrong:
            return "wrong";
        case MailVerdict::NotAsked:
            break;
    }
    return "not asked for";
}

}  // namespace ops
