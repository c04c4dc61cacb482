#include "mta/scan/scan_policies.h"

#include <utility>

#include "base/clock.h"
#include "base/file.h"

namespace mta {

namespace {

constexpr base::Statement kVersion = {"mta_scan_directory_version",
                                      "SELECT version FROM directory.version"};
// The cluster's own has no name. One more than the limit, so that a list that is too long is seen.
constexpr base::Statement kPolicies = {
    "mta_scan_policies",
    "SELECT '' AS name, c.virus_policy, c.no_scanner_policy FROM directory.cluster c"
    " UNION ALL "
    "SELECT lower(d.name), coalesce(d.virus_policy, c.virus_policy),"
    "       coalesce(d.no_scanner_policy, c.no_scanner_policy)"
    "  FROM directory.domain d CROSS JOIN directory.cluster c"
    " LIMIT 1000002"};

}  // namespace

ScanPolicies::ScanPolicies(std::string path)
    : path_(std::move(path)),
      list_(std::make_shared<const PolicyList>()),
      polling_("scan policies not refreshed",
               [this](base::Connection& connection) { return refresh(connection); }) {
}

base::Status ScanPolicies::load() {
    const base::Result<std::string> file = base::read_file(path_, kPolicyListFileMax);
    if (!file) {
        return file.error().code == base::Errc::NotFound ? base::Status(base::Done{})
                                                         : base::Status(file.error());
    }
    adopt(TRY(decode_policy_list(file.value())));
    return base::Done{};
}

void ScanPolicies::poll(base::DbPool& pool) {
    polling_.poll(pool);
}

base::Status ScanPolicies::refresh(base::Connection& connection) {
    const base::Rows versions = TRY(connection.query(kVersion));
    if (versions.empty() || versions[0].int64(0) == version_) {
        return base::Done{};
    }
    const base::Rows rows = TRY(connection.query(kPolicies));
    if (rows.size() > PolicyList::kDomainsMax + 1) {
        return base::Error{base::Errc::TooLarge, "more domains than can be held"};
    }
    ScanPolicy cluster;
    PolicyList::Domains domains;
    for (const base::Row row : rows) {
        const ScanPolicy policy{TRY(parse_virus_policy(row.text(1))),
                                TRY(parse_no_scanner_policy(row.text(2)))};
        std::string name = row.string(0);
        if (name.empty()) {
            cluster = policy;
        } else {
            domains[std::move(name)] = policy;
        }
    }
    PolicyList fresh(cluster, std::move(domains));
    const std::string file = encode_policy_list(fresh);
    adopt(std::move(fresh));
    // The version was read before the policies: a change in between is read once more.
    version_ = versions[0].int64(0);
    return base::write_file_atomic(path_, file, 0600);
}

void ScanPolicies::adopt(PolicyList fresh) {
    auto shared = std::make_shared<const PolicyList>(std::move(fresh));
    list_.with([&](std::shared_ptr<const PolicyList>& current) { current.swap(shared); });
    // `shared` has the old list now: it is freed here, outside of the lock.
}

std::shared_ptr<const PolicyList> ScanPolicies::list() const {
    return list_.with([](const std::shared_ptr<const PolicyList>& current) { return current; });
}

}  // namespace mta
