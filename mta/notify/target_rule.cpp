#include "mta/notify/target_rule.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"

namespace mta {

namespace {

constexpr std::array kNotPublicV4 = {"0.0.0.0/8",
                                     "10.0.0.0/8",
                                     "100.64.0.0/10",
                                     "127.0.0.0/8",
                                     "169.254.0.0/16",
                                     "172.16.0.0/12",
                                     "192.0.0.0/24",
                                     "192.0.2.0/24",
                                     "192.88.99.0/24",
                                     "192.168.0.0/16",
                                     "198.18.0.0/15",
                                     "198.51.100.0/24",
                                     "203.0.113.0/24",
                                     "224.0.0.0/4",
                                     "240.0.0.0/4"};
// Of IPv6 only global unicast is public; within it Teredo and 6to4 embed IPv4 addresses.
constexpr const char* kPublicV6 = "2000::/3";
constexpr std::array kNotPublicV6 = {"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"};

base::Network network(const char* text) {
    base::Result<base::Network> parsed = base::Network::parse(text);
    CHECK(bool(parsed));
    return std::move(parsed).take_value();
}

template <std::size_t N>
std::vector<base::Network> networks(const std::array<const char*, N>& texts) {
    std::vector<base::Network> parsed;
    std::transform(texts.begin(), texts.end(), std::back_inserter(parsed), network);
    return parsed;
}

bool contained(const std::vector<base::Network>& networks, const base::IpAddress& address) {
    return std::any_of(networks.begin(), networks.end(), [&](const base::Network& each) {
        return each.contains(address);
    });
}

}  // namespace

bool is_public(const base::IpAddress& address) noexcept {
    static const std::vector<base::Network> not_v4 = networks(kNotPublicV4);
    static const std::vector<base::Network> not_v6 = networks(kNotPublicV6);
    static const base::Network v6 = network(kPublicV6);
    if (address.family() == base::IpFamily::V4) {
        return !contained(not_v4, address);
    }
    return v6.contains(address) && !contained(not_v6, address);
}

TargetRule::TargetRule(std::vector<base::Network> allowed) noexcept : allowed_(std::move(allowed)) {
}

TargetRule TargetRule::trusted() noexcept {
    TargetRule rule;
    rule.trusted_ = true;
    return rule;
}

bool TargetRule::permits(const base::IpAddress& address, Wire wire) const noexcept {
    return trusted_ || contained(allowed_, address) || (wire == Wire::Tls && is_public(address));
}

}  // namespace mta
