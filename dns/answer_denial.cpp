#include "dns/answer_denial.h"

#include <algorithm>

namespace dns {
namespace {

bool is_hashed(const DeniedName& denied) noexcept {
    return denied.signatures.denial() == dnssec::Denial::Nsec3;
}

}  // namespace

void Denials::add(dnssec::Denier denier) noexcept {
    const auto known = all();
    if (denier != dnssec::kNoDenier && count_ < deniers_.size() &&
        std::find(known.begin(), known.end(), denier) == known.end()) {
        deniers_[count_++] = denier;
    }
}

void Denials::no_name(const DeniedName& denied) noexcept {
    const std::size_t encloser = denied.zone.index_of(*denied.encloser);
    if (is_hashed(denied)) {
        add(denied.signatures.matching(encloser));
    }
    no_closer_name(denied);
    add(denied.signatures.covering_wildcard(encloser));
}

// Whatever covers the next closer name of an NSEC chain covers the name, too; but the name itself
// is what RFC 4035 wants, and what is below it may be there.
void Denials::no_closer_name(const DeniedName& denied) noexcept {
    const std::size_t off = is_hashed(denied) ? denied.labels_off - 1 : 0;
    add(denied.signatures.covering(denied.zone, denied.name, off));
}

void Denials::no_data(const DeniedName& denied, const Node& node) noexcept {
    const bool from_wildcard = denied.labels_off != 0;
    if (from_wildcard && is_hashed(denied)) {
        add(denied.signatures.matching(denied.zone.index_of(*denied.encloser)));
    }
    const dnssec::Denier own = denied.signatures.matching(denied.zone.index_of(node));
    WireName name;
    if (own != dnssec::kNoDenier) {
        add(own);
    } else if (read_name(denied.zone.name(node), name)) {
        add(denied.signatures.covering(denied.zone, name));
    }
    if (from_wildcard) {
        no_closer_name(denied);
    }
}

}  // namespace dns
