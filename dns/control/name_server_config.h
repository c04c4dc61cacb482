#pragma once

// NameServerConfig: the bootstrap settings of roundtable-dnsd, read from its YAML file. Everything
// else comes from the directory.
//
// Thread rule: a value.

#include <optional>
#include <string>
#include <vector>

#include "base/config.h"
#include "base/endpoint.h"
#include "base/result.h"
#include "dns/answer_guard.h"
#include "dns/plugin/plugin_config.h"
#include "dns/stream_replies.h"
#include "dns/tcp_server.h"
#include "dns/transfer/notifier.h"
#include "dns/udp_socket.h"

namespace dns {

/// See the top of this file and read_name_server_config().
struct NameServerConfig {
    std::string name;       ///< of the name server in the directory
    std::string database;   ///< conninfo
    std::string state_dir;  ///< local, its own
    std::vector<base::Endpoint> listen;
    std::vector<base::Endpoint> internal_listen;  ///< empty: no internal view
    std::vector<base::Network> internal_acl;      ///< who may ask the internal view
    std::vector<std::string> internal_keys;       ///< and by which keys from anywhere
    std::optional<base::Endpoint> admin_listen;
    std::vector<base::Endpoint> parent_resolvers;  ///< empty: parents are not asked for DS
    std::string explain_socket;  ///< where `roundtable mx explain` asks; empty: nowhere
    unsigned threads = 1;        ///< that answer over UDP
    unsigned build_threads = 1;  ///< that compile and sign zones
    std::size_t udp_receive_buffer = kUdpReceiveBuffer;
    TcpServer::Options tcp;  ///< of the public port; without endpoints
    StreamLimits transfers;  ///< but for `slow`, which is that of tcp
    double notify_per_second = transfer::kNotifyPerSecond;
    AnswerPolicy answers;             ///< without the cookie secrets of the file
    std::string cookie_secrets_file;  ///< empty: secrets come from the cluster's steering key
    plugin::PluginConfig powerdns;    ///< its own header lists the settings
};

/// Reads every setting; what is wrong is found by Config::finish(), which the caller calls.
///
///     name: ns1
///     database: "host=/run/postgresql dbname=roundtable user=roundtable_dnsd"
///     state_dir: /var/lib/roundtable/ns1
///     listen: ["192.0.2.53:53"]
///     internal_listen: ["10.0.0.53:5353"]                # optional: the internal view
///     internal_acl: ["10.0.0.0/8"]                       # default: loopback; []: by key alone
///     internal_keys: ["checkers.example"]                # optional: TSIG keys of the directory
///                                                        # whose owners may ask from anywhere
///     admin_listen: "127.0.0.1:5380"                     # optional: /metrics, /healthz
///     explain_socket: /run/roundtable/ns1/explain        # default: STATE_DIR/explain; "": none
///     admin_acl: ["127.0.0.0/8"]         # who may dig explanations; default: loopback
///     chaos:                             # what version.bind, hostname.bind, id.server say
///       version: ""                      # by default nothing
///       hostname: ""
///       id: ns1
///     parent_resolvers: ["127.0.0.1:53"] # optional: caching resolvers by which the servers of
///                                        # parents are found that are asked for DS (README)
///     threads: 1
///     build_threads: 4                   # 1 to 64, for many zones at once; default: as many as
///                                        # there are processors, at most 4
///     nsid: ns1                          # told to who asks; default: name; "": not
///     udp_receive_buffer: 4MiB           # 64KiB to 256MiB; the kernel's limit counts, too
///     tcp:
///       connections: 1000                # 1 to 20000; at the cap the longest idle one is closed
///       connections_per_client: 100      # 1 to connections; an IPv4 address or IPv6 /64
///       idle: 10s                        # 1s to 1h; told to who asks (RFC 7828)
///       slow: 5s                         # 100ms to 1m: for a client to read what was answered
///       pending: 32                      # 1 to 1000 answers in the making, for one connection
///     transfers:                         # zones for secondaries
///       total: 20                        # 1 to 1000 at once
///       per_client: 10                   # 1 to total
///       wait: 3s                         # 0s to 1m for a place; then SERVFAIL
///       notify_per_second: 500           # 1 to 100000 NOTIFY to each address
///     cookies:                           # RFC 7873 and 9018
///       enabled: true
///       secrets_file: /etc/roundtable/dns-cookies   # optional; cookie.h says how to roll
///     rate_limit:                        # over UDP, for one network and class of answers
///       enabled: true
///       answers_per_second: 1000         # 1 to 1000000
///       errors_per_second: 200           # REFUSED, FORMERR and their like
///       window: 1s                       # 10ms to 1m: so much at once
///       slip: 1                          # every so many limited answers TC or BADCOOKIE; 0: none
///       ipv4_prefix: 24                  # 8 to 32
///       ipv6_prefix: 56                  # 16 to 64
///       entries: 65536                   # 1024 to 16777216 networks, 8 octets each, per thread
///       exempt: ["127.0.0.0/8", "::1"]   # networks that are never limited; default: these
///     compact_denial:                    # signatures that are made when names are asked for
///       signatures_per_second: 1000      # 1 to 100000 over UDP, and as many over TCP
///       network_signatures_per_second: 100   # 1 to 100000: /24 and /56; nobody is exempt
[[nodiscard]] NameServerConfig read_name_server_config(const base::ConfigSection& root);

/// The secrets of a file that not everybody may read: Refused if others can. NotFound, Io; Invalid,
/// TooLarge: it is none (cookie.h). Blocks.
[[nodiscard]] base::Result<std::vector<SipKey>> load_cookie_secrets(const std::string& path);

}  // namespace dns
