#pragma once

// Directory: what operators configured, as the name server needs it: servers, domains with their
// records and exchanges, overrides, the steering key. Read from PostgreSQL (directory_reader.h) or
// from the file kept for when that is away (directory_file.h); never edited here.
//
// Thread rule: values; a loaded Directory is shared as std::shared_ptr<const Directory>. Names of
// hosts and domains are lower case without a final dot.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/endpoint.h"
#include "base/shared_list.h"
#include "base/shared_vector.h"
#include "dns/directory/directory_records.h"
#include "dns/directory/probe_config.h"
#include "dns/dnssec/key_store.h"
#include "dns/steering/override.h"
#include "dns/steering/table.h"
#include "dns/transfer/transfer_config.h"

namespace dns {

/// A host that answers may name, with the addresses it has.
struct HostAddresses {
    std::string host_name;
    std::optional<base::IpAddress> address4;
    std::optional<base::IpAddress> address6;

    bool operator==(const HostAddresses&) const = default;
};

enum class ServerState : std::uint8_t { InService, Retired };

/// A mail server or an access server.
struct DirectoryServer {
    steering::ServerId id;
    std::string name;  ///< in the cluster: one label
    HostAddresses host;
    std::uint16_t port = 0;       ///< SMTP or IMAP
    std::uint16_t pop_port = 0;   ///< access servers
    std::uint16_t load_port = 0;  ///< 0: answers no load probes
    double capacity = 1;
    ServerState state = ServerState::InService;

    bool operator==(const DirectoryServer&) const = default;
};

/// A mail server of a domain.
struct MailExchange {
    steering::ServerId server;
    std::uint16_t preference = 10;

    auto operator<=>(const MailExchange&) const = default;
};

/// A mail domain: its zone, its servers and how they are steered. Times in seconds.
struct DirectoryDomain {
    std::int64_t id = 0;
    std::string name;
    std::optional<std::string> primary_name_server;
    std::optional<std::string> contact;
    std::uint32_t refresh = 7200;
    std::uint32_t retry = 900;
    std::uint32_t expire = 1209600;
    std::uint32_t minimum = 60;
    std::uint32_t ttl = 3600;
    std::uint32_t mx_ttl = 60;
    std::optional<steering::Policy> policy;    ///< none: the pool's
    std::optional<steering::PolicyForm> form;  ///< none: the pool's
    std::uint32_t serial = 1;
    DirectoryRecords records;
    base::SharedVector<MailExchange> mail;          ///< ascending server id
    base::SharedVector<steering::ServerId> access;  ///< ascending

    bool operator==(const DirectoryDomain&) const = default;
};

/// Brings equal lists of servers together: most domains of a cluster have the same.
class SharedExchanges {
  public:
    void share(DirectoryDomain& domain) {
        domain.mail = mail_.share(std::move(domain.mail));
        domain.access = access_.share(std::move(domain.access));
    }

  private:
    base::SharedVectors<MailExchange> mail_;
    base::SharedVectors<steering::ServerId> access_;
};

/// An override in force or to come; the scope's pool is its `pool`.
struct DirectoryOverride {
    PoolName pool = PoolName::Mail;
    steering::Override entry;
    std::string pattern;  ///< of the names of its servers, instead of the scope's; empty: none

    bool operator==(const DirectoryOverride&) const = default;
};

/// How the servers of a pool are steered in domains that do not say it.
struct PoolSteering {
    steering::Policy policy = steering::Policy::Load;
    steering::PolicyForm form = steering::PolicyForm::Paired;

    bool operator==(const PoolSteering&) const = default;
};

/// Where the feed of zones stood (schema: directory.zone_feed); number -1: not known.
struct ZoneFeedPosition {
    std::int64_t number = -1;
    std::string mark = "00000000-0000-0000-0000-000000000000";

    bool operator==(const ZoneFeedPosition&) const = default;
};

/// All of it, as of one version. Every server that a domain names is in the lists.
struct Directory {
    std::int64_t version = 0;    ///< read_directory_version() that it was read at
    ZoneFeedPosition zone_feed;  ///< that it was read at; in no file
    std::array<std::byte, 16> steering_key{};
    std::vector<DirectoryServer> mail_servers;    ///< ascending id
    std::vector<DirectoryServer> access_servers;  ///< ascending id
    std::vector<HostAddresses> name_servers;      ///< the first is the primary unless stated
    base::SharedList<DirectoryDomain> domains;    ///< ascending name
    std::vector<DirectoryOverride> overrides;
    std::array<PoolSteering, 2> pools;  ///< by PoolName
    transfer::TransferConfig transfer;
    std::vector<ProbeConfig> probes;          ///< the pools' own before those of servers
    std::vector<dnssec::StoredKeys> signing;  ///< of domains that are signed, ascending name
    /// Of the keys in `signing`; in no file. Null: not at hand.
    std::shared_ptr<const dnssec::Secrets> secrets;

    bool operator==(const Directory&) const = default;
};

}  // namespace dns
