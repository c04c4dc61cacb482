#include "dns/control/parent_lookup.h"

#include <algorithm>
#include <chrono>

#include "base/resolver.h"

namespace dns {
namespace {

constexpr base::Duration kTry = std::chrono::seconds(3);
constexpr std::uint32_t kKeepMinS = 10;
constexpr std::uint32_t kKeepMaxS = 3600;

// The DS set of a zone at one address of a server of its parent.
base::Result<dnssec::ParentAnswer> ask_address(const base::Endpoint& server,
                                               const std::string& zone,
                                               base::Deadline deadline) {
    base::DnsQueryOptions options;
    options.try_timeout = kTry;
    options.rounds = 1;
    options.recursion_desired = false;
    options.transport = base::DnsTransport::TcpOnly;
    base::DnsReply reply =
        TRY(base::dns_query({&server, 1}, zone, base::DnsType::Ds, deadline, options));
    if (reply.rcode != base::DnsRcode::NoError || !reply.authoritative) {
        return base::Error{
            base::Errc::Unavailable,
            server.to_text() + " does not know " + zone + " or is not authoritative"};
    }
    return dnssec::ParentAnswer{std::move(reply.delegations), reply.ttl};
}

}  // namespace

base::Result<std::vector<dnssec::ParentAnswer>> ParentLookup::ask(const Name& zone,
                                                                  base::Deadline deadline) {
    const Hosts hosts = TRY(parent_of(zone, deadline));
    std::vector<dnssec::ParentAnswer> answers;
    for (const Host& host : hosts) {
        base::Error last{base::Errc::Unavailable, "it has no address"};
        bool heard = false;
        for (const base::Endpoint& address : host.addresses) {
            auto answer = ask_address(address, zone.to_text(), deadline);
            if (answer) {
                answers.push_back(std::move(answer).take_value());
                heard = true;
                break;
            }
            last = std::move(answer).take_error();
            if (last.code == base::Errc::Cancelled || deadline.passed()) {
                break;
            }
        }
        if (!heard) {
            parents_.erase(zone.parent().to_text());  // it may have moved
            last.detail = "server " + host.name + " of the parent: " + last.detail;
            return last;
        }
    }
    return answers;
}

// The nearest name above that has servers. A name that is none, as below an unknown top level, has
// none either.
base::Result<ParentLookup::Hosts> ParentLookup::parent_of(const Name& zone,
                                                          base::Deadline deadline) {
    const std::string above = zone.parent().to_text();
    const auto known = parents_.find(above);
    if (known != parents_.end() && !known->second.until.passed()) {
        return known->second.hosts;
    }
    Name parent = zone.parent();
    base::DnsReply servers;
    for (;;) {
        servers = TRY(base::dns_query(resolvers_, parent.to_text(), base::DnsType::Ns, deadline));
        if (servers.rcode != base::DnsRcode::NoError && servers.rcode != base::DnsRcode::NxDomain) {
            return base::Error{base::Errc::Unavailable,
                               "the resolvers do not find the servers of " + parent.to_text()};
        }
        if (!servers.names.empty() || parent.is_root()) {
            break;
        }
        parent = parent.parent();
    }
    if (servers.names.empty() || servers.names.size() > kParentHostsMax) {
        return base::Error{
            base::Errc::Unavailable,
            parent.to_text() + " has " + std::to_string(servers.names.size()) + " servers"};
    }
    Hosts hosts;
    std::uint32_t ttl_s = servers.ttl;
    for (std::string& name : servers.names) {
        auto addresses = TRY(addresses_of(name, ttl_s, deadline));
        hosts.push_back({std::move(name), std::move(addresses)});
    }
    keep(above, hosts, ttl_s);
    return hosts;
}

base::Result<std::vector<base::Endpoint>> ParentLookup::addresses_of(const std::string& host,
                                                                     std::uint32_t& ttl_s,
                                                                     base::Deadline deadline) {
    std::vector<base::Endpoint> addresses;
    for (const base::DnsType type : {base::DnsType::A, base::DnsType::Aaaa}) {
        const base::DnsReply reply = TRY(base::dns_query(resolvers_, host, type, deadline));
        if (!reply.addresses.empty()) {
            ttl_s = std::min(ttl_s, reply.ttl);
        }
        const std::size_t count = std::min(reply.addresses.size(), kParentAddressesMax);
        for (std::size_t i = 0; i < count; ++i) {
            addresses.emplace_back(reply.addresses[i], port_);
        }
    }
    return addresses;
}

void ParentLookup::keep(const std::string& above, const Hosts& hosts, std::uint32_t ttl_s) {
    if (parents_.size() >= kParentsKept) {
        std::erase_if(parents_, [](const auto& parent) { return parent.second.until.passed(); });
    }
    if (parents_.size() >= kParentsKept) {
        parents_.clear();
    }
    const auto until =
        base::Deadline::after(std::chrono::seconds(std::clamp(ttl_s, kKeepMinS, kKeepMaxS)));
    parents_.insert_or_assign(above, Parent{hosts, until});
}

}  // namespace dns
