#include "dns/large_queries.h"

#include <algorithm>

namespace dns {

LargeQueries::Verdict LargeQueries::hold(const void* holder,
                                         const base::IpAddress& client,
                                         std::size_t octets) {
    const auto own = std::ranges::find(held_, holder, &Held::holder);
    const std::size_t has = own == held_.end() ? 0 : own->octets;
    std::size_t of_client = 0;
    for (const Held& one : held_) {
        of_client += one.client == client ? one.octets : 0;
    }
    if (of_client - has + octets > client_max_) {
        return Verdict::ClientFull;
    }
    if (octets_ - has + octets > total_max_) {
        return Verdict::Full;
    }
    octets_ += octets - has;
    if (own == held_.end()) {
        held_.push_back({holder, client, octets});
    } else {
        own->octets = octets;
    }
    return Verdict::Granted;
}

void LargeQueries::give_back(const void* holder) {
    const auto own = std::ranges::find(held_, holder, &Held::holder);
    if (own != held_.end()) {
        octets_ -= own->octets;
        held_.erase(own);
    }
}

}  // namespace dns
