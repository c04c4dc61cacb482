#include "dns/directory/zone_sources.h"

#include <algorithm>

namespace dns {
namespace {

// Owner of a host relative to its domain.
std::string relative(const std::string& host, const std::string& domain) {
    return host == domain ? "@" : host.substr(0, host.size() - domain.size() - 1);
}

// The innermost domain of ours that a host lies in; empty if none.
std::string domain_of(const std::string& host, const Directory& directory) {
    std::string_view rest = host;
    for (;;) {
        if (std::ranges::binary_search(directory.domains, rest, {}, &DirectoryDomain::name)) {
            return std::string(rest);
        }
        const std::size_t dot = rest.find('.');
        if (dot == std::string_view::npos) {
            return {};
        }
        rest.remove_prefix(dot + 1);
    }
}

// An alias there is no address: it stands beside the server's, and the zone is refused, since
// targets of MX, SRV and NS are no aliases (RFC 2181 10.3).
bool has_address(const DirectoryDomain& domain, const std::string& owner) {
    return std::ranges::any_of(domain.records, [&owner](const DirectoryRecordView& record) {
        return record.owner == owner && (record.type == "A" || record.type == "AAAA");
    });
}

std::string primary_of(const Directory& directory, const DirectoryDomain& domain) {
    if (domain.primary_name_server) {
        return *domain.primary_name_server;
    }
    if (!directory.name_servers.empty()) {
        return directory.name_servers.front().host_name;
    }
    for (const DirectoryRecordView& record : domain.records) {
        if (record.owner == "@" && record.type == "NS") {
            return std::string(record.data);
        }
    }
    return domain.name;
}

void add_name_servers(const Directory& directory,
                      const DirectoryDomain& domain,
                      ZoneSource& source) {
    const bool stated = std::ranges::any_of(domain.records, [](const DirectoryRecordView& record) {
        return record.owner == "@" && record.type == "NS";
    });
    if (stated) {
        return;
    }
    for (const HostAddresses& host : directory.name_servers) {
        source.records.push_back({"@", "NS", domain.ttl, host.host_name + "."});
    }
}

void add_hosts(const std::vector<HostAddresses>& hosts,
               const DirectoryDomain& domain,
               ZoneSource& source) {
    for (const HostAddresses& host : hosts) {
        const std::string owner = relative(host.host_name, domain.name);
        if (has_address(domain, owner)) {
            continue;
        }
        if (host.address4) {
            source.records.push_back({owner, "A", domain.ttl, host.address4->to_text()});
        }
        if (host.address6) {
            source.records.push_back({owner, "AAAA", domain.ttl, host.address6->to_text()});
        }
    }
}

}  // namespace

HostsByDomain hosts_by_domain(const Directory& directory) {
    HostsByDomain hosts;
    const auto add = [&](const HostAddresses& host) {
        const std::string domain = domain_of(host.host_name, directory);
        if (!domain.empty()) {
            hosts[domain].push_back(host);
        }
    };
    for (const DirectoryServer& server : directory.mail_servers) {
        add(server.host);
    }
    for (const DirectoryServer& server : directory.access_servers) {
        add(server.host);
    }
    std::ranges::for_each(directory.name_servers, add);
    return hosts;
}

ZoneSource zone_source(const Directory& directory,
                       const HostsByDomain& hosts,
                       const DirectoryDomain& domain) {
    ZoneSource source;
    source.name = domain.name;
    source.soa.primary = primary_of(directory, domain);
    source.soa.contact = domain.contact.value_or("hostmaster@" + domain.name);
    source.soa.refresh = domain.refresh;
    source.soa.retry = domain.retry;
    source.soa.expire = domain.expire;
    source.soa.minimum = domain.minimum;
    source.soa.ttl = domain.ttl;
    source.steers_mail = !domain.mail.empty();
    source.steers_access = !domain.access.empty();
    source.records.reserve(domain.records.size() + 1);
    for (const DirectoryRecordView& record : domain.records) {
        source.records.push_back({std::string(record.owner),
                                  std::string(record.type),
                                  record.ttl.value_or(domain.ttl),
                                  std::string(record.data)});
    }
    add_name_servers(directory, domain, source);
    const auto own = hosts.find(domain.name);
    if (own != hosts.end()) {
        add_hosts(own->second, domain, source);
    }
    return source;
}

}  // namespace dns
