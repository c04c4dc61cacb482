#pragma once

// PolicyList: what is done, for each mail domain, with a message that has a virus, and with one
// that no scanner could look at, as it stands in memory (directory.domain, directory.cluster).
//
// File form (scan_policy.bin in the state directory), numbers little-endian: magic "RTSCANP1", u64
// number of domains, the cluster's own two octets (virus, no scanner), then per domain u8 length,
// the name in lower case, the two octets; CRC32C of all before it.
//
// Thread rule: immutable once built; shared by shared_ptr<const PolicyList>.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"

namespace mta {

/// What is done with infected mail.
enum class VirusPolicy : std::uint8_t {
    Reject = 0,      ///< 550
    Quarantine = 1,  ///< kept in the quarantine mailbox of the domain
    Tag = 2,         ///< delivered, with a header field that says so
};

/// What is done with mail that no scanner could look at.
enum class NoScannerPolicy : std::uint8_t {
    TempFail = 0,  ///< 451
    Accept = 1,    ///< delivered, with a header field that says so
};

/// What one domain wants. The defaults are those of a server that knows nothing.
struct ScanPolicy {
    VirusPolicy virus = VirusPolicy::Reject;
    NoScannerPolicy no_scanner = NoScannerPolicy::TempFail;

    friend bool operator==(const ScanPolicy&, const ScanPolicy&) = default;
};

/// See the top of this file.
class PolicyList {
  public:
    static constexpr std::size_t kDomainsMax = 1'000'000;
    static constexpr std::size_t kNameMax = 253;

    using Domains = std::unordered_map<std::string, ScanPolicy>;

    PolicyList() = default;

    /// `domains` by name in lower case, at most kDomainsMax.
    PolicyList(ScanPolicy cluster, Domains domains);

    /// `domain` in lower case. One that is not known: the cluster's.
    [[nodiscard]] ScanPolicy find(std::string_view domain) const;

    /// True if a message may be refused because no scanner looked at it.
    [[nodiscard]] bool any_tempfail() const { return any_tempfail_; }

    [[nodiscard]] const ScanPolicy& cluster() const { return cluster_; }

    [[nodiscard]] const Domains& domains() const { return domains_; }

  private:
    ScanPolicy cluster_;
    Domains domains_;
    bool any_tempfail_ = true;
};

[[nodiscard]] std::string encode_policy_list(const PolicyList& list);

/// Corrupt: not that form, or damaged. TooLarge: more than kDomainsMax domains.
[[nodiscard]] base::Result<PolicyList> decode_policy_list(std::string_view bytes);

inline constexpr std::size_t kPolicyListFileMax =
    8 + 8 + 2 + PolicyList::kDomainsMax * (1 + PolicyList::kNameMax + 2) + 4;

/// By their names in the directory. Errors: Invalid.
[[nodiscard]] base::Result<VirusPolicy> parse_virus_policy(std::string_view name);
[[nodiscard]] base::Result<NoScannerPolicy> parse_no_scanner_policy(std::string_view name);

}  // namespace mta
