#pragma once

// UpdateRights: which records of a zone a key may change by updates. What was granted is needed for
// every change, and some things no grant gives, because something else keeps them:
//
//   SOA, and NS at the apex     the domain's columns and the list of name servers
//   DNSSEC's records            the signer
//   steered RRsets              the steering
//   _account and below          the internal view
//   NS and addresses that follow from our servers
//   what `roundtable domain mail-records` keeps, once it has been applied to the domain
//
// Pure. Immutable once made; any thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dns/name.h"
#include "dns/zone.h"

namespace dns::update {

enum class GrantMatch : std::uint8_t {
    Exact,    ///< this name
    Subtree,  ///< this name and all below it
    Acme,     ///< _acme-challenge directly below this name or any name below it (RFC 8555 8.4)
};

/// "exact", "subtree" or "acme". Invalid for anything else.
[[nodiscard]] base::Result<GrantMatch> parse_grant_match(std::string_view text);

/// What a key was granted in one zone.
struct Grant {
    GrantMatch match = GrantMatch::Exact;
    Name name;
    std::vector<std::uint16_t> types;  ///< empty: all that updates may write
};

/// Whatever the type.
[[nodiscard]] bool covers_name(const Grant& grant, const Name& owner);

[[nodiscard]] bool covers(const Grant& grant, const Name& owner, std::uint16_t type);

/// What mail-records keeps of a domain, as asked for (directory.mail_records).
struct MailKeeping {
    bool applied = false;                ///< else nothing is kept
    std::vector<std::string> selectors;  ///< of DKIM keys that were not removed
    bool mta_sts = false;
    bool tls_reports = false;
    bool autoconfig = false;
    bool autodiscover = false;
    bool tlsa = false;
    bool caa = false;
    std::vector<std::string> services;  ///< "submission", ...: SRV records
};

/// See the top of this file.
class UpdateRights {
  public:
    /// `made`: records of the source that follow from servers. Errors: Invalid, a name among them.
    static base::Result<UpdateRights> create(const ZoneSource& source,
                                             std::vector<Grant> grants,
                                             const MailKeeping& mail,
                                             const std::vector<RecordRow>& made);

    /// Why a record may not be added or removed; empty: it may. `data` in wire form.
    [[nodiscard]] std::string_view refusal(const Name& owner,
                                           std::uint16_t type,
                                           std::string_view data) const;

    /// Some type may be written at this name, as far as grants tell.
    [[nodiscard]] bool grants_name(const Name& owner) const;

    /// The zone answers this type at this name by the steering.
    [[nodiscard]] bool is_steered(const Name& owner, std::uint16_t type) const;

  private:
    struct Kept {
        Name owner;
        std::uint16_t type = 0;  // 0: any
        std::string text;        // how a TXT record begins; empty: any data
        bool below = false;      // and all names below
    };

    base::Status keep(std::string_view owner, std::uint16_t type, std::string text = {});
    base::Status keep_mail(const MailKeeping& mail);
    [[nodiscard]] bool is_kept(const Name& owner, std::uint16_t type, std::string_view data) const;

    Name apex_;
    Name accounts_;
    AccessNames access_;
    bool steers_mail_ = false;
    bool steers_access_ = false;
    std::vector<Grant> grants_;
    std::vector<Kept> kept_;
};

}  // namespace dns::update
