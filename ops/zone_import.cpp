#include "ops/zone_import.h"

#include <algorithm>
#include <map>
#include <set>

#include "dns/limits.h"

namespace ops {

namespace {

using dns::RecordRow;

// What signing makes. DNSKEY, CDS and CDNSKEY of another signer would promise signatures that
// nobody makes; ZONEMD is a digest of another zone.
bool is_made_by_signing(const std::string& type) {
    static const std::set<std::string_view> kTypes = {"RRSIG",
                                                      "NSEC",
                                                      "NSEC3",
                                                      "NSEC3PARAM",
                                                      "DNSKEY",
                                                      "CDS",
                                                      "CDNSKEY",
                                                      "ZONEMD",
                                                      "SIG",
                                                      "NXT",
                                                      "TYPE63"};
    return kTypes.contains(type);
}

// Records that follow from servers stand or fall together: the NS set, the addresses of a host.
std::string group_of(const RecordRow& row) {
    if (row.type == "NS" && row.owner == "@") {
        return "NS";
    }
    return row.type == "A" || row.type == "AAAA" ? "host " + row.owner : "";
}

// Steered records: each owner and type.
std::string set_of(const RecordRow& row) {
    return row.owner + " " + row.type;
}

using Groups = std::map<std::string, std::vector<RecordRow>>;

Groups groups_of(const std::vector<RecordRow>& rows, std::string (*name)(const RecordRow&)) {
    Groups groups;
    for (const RecordRow& row : rows) {
        const std::string group = name(row);
        if (!group.empty()) {
            groups[group].push_back(row);
        }
    }
    return groups;
}

// The groups of `made` that the file has just so.
std::set<std::string> same_groups(const Groups& file, const Groups& made, const dns::Name& apex) {
    std::set<std::string> same;
    for (const auto& [name, rows] : made) {
        const auto found = file.find(name);
        if (found != file.end() && dns::record_difference(found->second, rows, apex).empty()) {
            same.insert(name);
        }
    }
    return same;
}

// Which records of the file an operator means.
class Sorter {
  public:
    Sorter(const dns::MasterFile& file, const ZoneState& state)
        : steers_mail_(state.source.steers_mail),
          followed_(same_groups(
              groups_of(file.records, group_of), groups_of(state.made, group_of), file.apex)),
          steered_(same_groups(
              groups_of(file.records, set_of), groups_of(state.steered, set_of), file.apex)),
          stated_(groups_of(state.own, group_of)) {}

    bool takes(const RecordRow& row) {
        if (is_made_by_signing(row.type)) {
            ++signing_;
            return false;
        }
        if (steers_mail_ && row.owner == "@" && row.type == "MX") {
            ++mail_;
            return false;
        }
        if (steered_.contains(set_of(row))) {
            ++access_;
            return false;
        }
        // What an operator has written already stays written.
        const std::string group = group_of(row);
        if (followed_.contains(group) && !stated_.contains(group)) {
            ++servers_;
            return false;
        }
        return true;
    }

    [[nodiscard]] std::vector<std::string> notes(const std::string& domain) const {
        std::vector<std::string> all;
        const auto note = [&all](std::size_t count, const std::string& what) {
            if (count != 0) {
                all.push_back(std::to_string(count) + (count == 1 ? " record" : " records") +
                              " left out: " + what);
            }
        };
        note(mail_,
             "the MX of " + domain + " is steered; its servers are those of `roundtable mx list " +
                 domain + "`");
        note(access_, "the steering makes the same ones");
        note(servers_, "the same ones follow from the cluster's servers");
        note(signing_, "signatures, keys and denials are made by who signs the zone");
        return all;
    }

  private:
    bool steers_mail_;
    std::set<std::string> followed_;
    std::set<std::string> steered_;
    Groups stated_;
    std::size_t mail_ = 0;
    std::size_t access_ = 0;
    std::size_t servers_ = 0;
    std::size_t signing_ = 0;
};

bool same_name(const std::string& left, const std::string& right) {
    const auto a = dns::Name::from_text(left);
    const auto b = dns::Name::from_text(right);
    return a && b && a.value() == b.value();
}

std::string without_dot(std::string name) {
    if (name.size() > 1 && name.ends_with('.')) {
        name.pop_back();
    }
    return name;
}

base::Status plan_soa(const dns::MasterSoa& soa, const ZoneState& state, ZoneImport& plan) {
    const dns::SoaFields& old = state.source.soa;
    const auto line = [&plan](
                          const std::string& what, const std::string& from, const std::string& to) {
        plan.soa_lines.push_back("SOA " + what + " " + from + " -> " + to);
    };
    const auto number = [&](const char* what,
                            std::uint32_t from,
                            std::uint32_t to,
                            std::optional<std::uint32_t>& change) -> base::Status {
        if (to > dns::kTtlMax) {
            return base::Error{base::Errc::Invalid,
                               std::string("the SOA's ") + what + " is above 2^31-1"};
        }
        if (from != to) {
            change = to;
            line(what, std::to_string(from), std::to_string(to));
        }
        return base::Done{};
    };
    TRY(number("refresh", old.refresh, soa.fields.refresh, plan.soa.refresh));
    TRY(number("retry", old.retry, soa.fields.retry, plan.soa.retry));
    TRY(number("expire", old.expire, soa.fields.expire, plan.soa.expire));
    TRY(number("minimum", old.minimum, soa.fields.minimum, plan.soa.minimum));
    if (!same_name(old.primary, soa.fields.primary)) {
        plan.soa.primary = without_dot(soa.fields.primary);
        line("primary", without_dot(old.primary), *plan.soa.primary);
    }
    const std::string contact = TRY(dns::contact_address(soa.fields.contact));
    if (contact != old.contact) {
        plan.soa.contact = contact;
        line("contact", old.contact, contact);
    }
    if (soa.serial != state.domain.serial) {
        plan.notes.push_back("the serial " + std::to_string(soa.serial) +
                             " is not taken: name servers count on from " +
                             std::to_string(state.domain.serial) +
                             "; a secondary that has the zone from elsewhere must drop it once");
    }
    if (soa.fields.ttl != state.domain.ttl) {
        plan.notes.push_back("the TTL " + std::to_string(soa.fields.ttl) +
                             " of the SOA is not taken: it is the domain's, " +
                             std::to_string(state.domain.ttl) + " (`roundtable domain set " +
                             state.domain.name + " --ttl`)");
    }
    return base::Done{};
}

}  // namespace

base::Result<ZoneImport> plan_import(const dns::MasterFile& file, const ZoneState& state) {
    ZoneImport plan;
    Sorter sorter(file, state);
    std::vector<RecordRow> wanted;
    for (const RecordRow& row : file.records) {
        if (sorter.takes(row)) {
            wanted.push_back(row);
        }
    }
    plan.notes = sorter.notes(state.domain.name);
    const auto difference = dns::record_difference(state.own, wanted, file.apex);
    for (const std::size_t place : difference.removed) {
        plan.removed.push_back(state.domain.records[place].copy());
        plan.removed_rows.push_back(state.own[place]);
    }
    for (const std::size_t place : difference.added) {
        plan.added.push_back(wanted[place]);
    }
    if (file.soa) {
        TRY(plan_soa(*file.soa, state, plan));
    }
    return plan;
}

}  // namespace ops
