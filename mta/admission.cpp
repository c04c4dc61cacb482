#include "mta/admission.h"

#include <algorithm>
#include <utility>

namespace mta {

namespace {

constexpr std::uint8_t kV4Source = 32;
constexpr std::uint8_t kV6Source = 64;

base::Network source_of(const base::IpAddress& peer) {
    return {peer, peer.family() == base::IpFamily::V4 ? kV4Source : kV6Source};
}

}  // namespace

Admission::Admission(AdmissionLimits limits) : limits_(std::move(limits)) {
}

std::variant<Admission::Ticket, Admission::Denied> Admission::enter(const base::IpAddress& peer) {
    std::size_t sessions = sessions_.load();
    do {
        if (sessions >= limits_.sessions_max) {
            return Denied::Overload;
        }
    } while (!sessions_.compare_exchange_weak(sessions, sessions + 1));
    const base::Network source = source_of(peer);
    const bool counted = !is_unlimited(peer);
    if (counted && !enter_source(source)) {
        sessions_.fetch_sub(1);
        return Denied::SourceLimit;
    }
    return Ticket(*this, source, counted);
}

bool Admission::is_unlimited(const base::IpAddress& peer) const {
    return std::any_of(limits_.unlimited_sources.begin(),
                       limits_.unlimited_sources.end(),
                       [&](const base::Network& network) { return network.contains(peer); });
}

bool Admission::enter_source(const base::Network& source) {
    return sources_.with([&](Sources& sources) {
        std::size_t& count = sources[source];
        if (count >= limits_.sessions_per_source_max) {
            if (count == 0) {
                sources.erase(source);
            }
            return false;
        }
        ++count;
        return true;
    });
}

void Admission::leave(const base::Network& source, bool counted) noexcept {
    sessions_.fetch_sub(1);
    if (!counted) {
        return;
    }
    sources_.with([&](Sources& sources) {
        const auto found = sources.find(source);
        if (found != sources.end() && --found->second == 0) {
            sources.erase(found);
        }
    });
}

void Admission::Ticket::release() noexcept {
    if (admission_ != nullptr) {
        std::exchange(admission_, nullptr)->leave(source_, counted_);
    }
}

}  // namespace mta
