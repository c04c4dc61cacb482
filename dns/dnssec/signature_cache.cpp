#include "dns/dnssec/signature_cache.h"

#include <algorithm>
#include <utility>

#include "base/hash.h"

namespace dns::dnssec {

SignatureCache::Mark SignatureCache::mark_of(const PublicKey& key, std::string_view records) {
    std::string octets;
    octets.reserve(1 + key.octets.size() + records.size());
    octets.push_back(static_cast<char>(key.algorithm));
    octets += key.octets;
    octets += records;
    const base::Digest256 digest = base::sha256(base::as_bytes(octets));
    Mark mark{};
    std::copy_n(digest.begin(), mark.size(), mark.begin());
    return mark;
}

const KeptSignature* SignatureCache::find(const Mark& mark) const {
    const auto found = signatures_.find(mark);
    return found == signatures_.end() ? nullptr : &found->second;
}

void SignatureCache::keep(const Mark& mark, KeptSignature signature) {
    signatures_.insert_or_assign(mark, std::move(signature));
}

}  // namespace dns::dnssec
