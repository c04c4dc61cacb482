#include "mta/scan/policy_list.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/hash.h"
#include "mta/little_endian.h"

namespace mta {

namespace {

constexpr std::string_view kMagic = "RTSCANP1";

bool is_tempfail(const ScanPolicy& policy) {
    return policy.no_scanner == NoScannerPolicy::TempFail;
}

void put_policy(std::string& out, const ScanPolicy& policy) {
    put_number(out, static_cast<std::uint64_t>(policy.virus), 1);
    put_number(out, static_cast<std::uint64_t>(policy.no_scanner), 1);
}

base::Error corrupt(std::string_view what) {
    return {base::Errc::Corrupt, "scan policies: " + std::string(what)};
}

base::Result<ScanPolicy> take_policy(std::string_view& in) {
    if (in.size() < 2) {
        return corrupt("cut off");
    }
    const std::uint64_t virus = take_number(in, 1);
    const std::uint64_t no_scanner = take_number(in, 1);
    if (virus > 2 || no_scanner > 1) {
        return corrupt("unknown policy");
    }
    return ScanPolicy{static_cast<VirusPolicy>(virus), static_cast<NoScannerPolicy>(no_scanner)};
}

}  // namespace

PolicyList::PolicyList(ScanPolicy cluster, Domains domains)
    : cluster_(cluster), domains_(std::move(domains)) {
    CHECK(domains_.size() <= kDomainsMax);
    // The cluster's own counts only where a domain is not known.
    any_tempfail_ =
        domains_.empty()
            ? is_tempfail(cluster_)
            : std::any_of(domains_.begin(), domains_.end(), [](const Domains::value_type& entry) {
                  return is_tempfail(entry.second);
              });
}

ScanPolicy PolicyList::find(std::string_view domain) const {
    const auto found = domains_.find(std::string(domain));
    return found == domains_.end() ? cluster_ : found->second;
}

std::string encode_policy_list(const PolicyList& list) {
    std::string out(kMagic);
    put_number(out, list.domains().size(), 8);
    put_policy(out, list.cluster());
    for (const auto& [name, policy] : list.domains()) {
        CHECK(name.size() <= PolicyList::kNameMax);
        put_number(out, name.size(), 1);
        out += name;
        put_policy(out, policy);
    }
    put_number(out, base::crc32c(base::as_bytes(out)), 4);
    return out;
}

base::Result<PolicyList> decode_policy_list(std::string_view bytes) {
    if (bytes.size() < kMagic.size() + 8 + 2 + 4 || !bytes.starts_with(kMagic)) {
        return corrupt("not any");
    }
    std::string_view tail = bytes.substr(bytes.size() - 4);
    bytes.remove_suffix(4);
    if (take_number(tail, 4) != base::crc32c(base::as_bytes(bytes))) {
        return corrupt("wrong checksum");
    }
    bytes.remove_prefix(kMagic.size());
    const std::uint64_t count = take_number(bytes, 8);
    if (count > PolicyList::kDomainsMax) {
        return base::Error{base::Errc::TooLarge, "scan policies: too many domains"};
    }
    const ScanPolicy cluster = TRY(take_policy(bytes));
    PolicyList::Domains domains;
    for (std::uint64_t i = 0; i < count; ++i) {
        if (bytes.empty()) {
            return corrupt("cut off");
        }
        const std::size_t length = take_number(bytes, 1);
        if (length > PolicyList::kNameMax || length > bytes.size()) {
            return corrupt("wrong length of a name");
        }
        std::string name(bytes.substr(0, length));
        bytes.remove_prefix(length);
        domains[std::move(name)] = TRY(take_policy(bytes));
    }
    if (!bytes.empty()) {
        return corrupt("more than its entries");
    }
    return PolicyList(cluster, std::move(domains));
}

base::Result<VirusPolicy> parse_virus_policy(std::string_view name) {
    if (name == "reject") {
        return VirusPolicy::Reject;
    }
    if (name == "quarantine") {
        return VirusPolicy::Quarantine;
    }
    if (name == "tag") {
        return VirusPolicy::Tag;
    }
    return base::Error{base::Errc::Invalid, "unknown policy for viruses: " + std::string(name)};
}

base::Result<NoScannerPolicy> parse_no_scanner_policy(std::string_view name) {
    if (name == "tempfail") {
        return NoScannerPolicy::TempFail;
    }
    if (name == "accept") {
        return NoScannerPolicy::Accept;
    }
    return base::Error{base::Errc::Invalid, "unknown policy without scanner: " + std::string(name)};
}

}  // namespace mta
