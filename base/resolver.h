#pragma once

// A stub resolver for fibers: one question to one of the configured servers, a bounded parser for
// the reply. No cache, no search list, no /etc: who asks gives the servers (the internal DNS view,
// or a caching resolver for outgoing mail).
//
// RFC 1035 4 (messages), RFC 5452 9 (random id and port; a reply counts only from the server asked,
// with id and question equal), RFC 7766 (TCP when truncated), RFC 6891 (EDNS, 1232 bytes).
// Limits: replies up to 64 KiB, kDnsRecordsMax records are kept, CNAME chains up to 16.
// Thread rule: from a fiber. Nothing is kept between queries.
// Errors of query(): Errc::Timeout no server answered in time, Errc::Unavailable all refused,
// failed or answered garbage, Errc::Invalid the name is none, Errc::Cancelled. An rcode other than
// NOERROR and NXDOMAIN makes it ask the next server; if all do so, the last reply is returned.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/result.h"

namespace base {

constexpr std::size_t kDnsRecordsMax = 256;

/// Types that are read.
enum class DnsType : std::uint16_t {
    A = 1,
    Ns = 2,
    Cname = 5,
    Ptr = 12,
    Mx = 15,
    Txt = 16,
    Aaaa = 28,
    Ds = 43,
};

/// What a response says of the whole query: RFC 1035 4.1.1.
enum class DnsRcode : std::uint8_t {
    NoError = 0,
    FormErr = 1,
    ServFail = 2,
    NxDomain = 3,
    NotImp = 4,
    Refused = 5,
};

/// One MX record.
struct DnsMx {
    std::uint16_t preference = 0;
    std::string host;  ///< as below; "." is "" (null MX, RFC 7505)
};

/// One DS record: RFC 4034 5.1.
struct DnsDs {
    std::uint16_t key_tag = 0;
    std::uint8_t algorithm = 0;
    std::uint8_t digest_type = 0;
    std::string digest;  ///< as on the wire

    bool operator==(const DnsDs&) const = default;
};

/// The answer section's records of the type asked for, at the name asked for or the end of its
/// CNAME chain. Names are lower case without the final dot; other bytes than letters, digits, '-',
/// '_' are escaped as \DDD (RFC 1035 5.1).
struct DnsReply {
    DnsRcode rcode = DnsRcode::NoError;
    bool authoritative = false;        ///< AA
    bool authenticated = false;        ///< AD: only meaningful from a trusted resolver
    std::uint32_t ttl = 0;             ///< smallest TTL of the records used, seconds
    std::vector<std::string> texts;    ///< TXT: the strings of each record joined, RFC 7208 3.3
    std::vector<IpAddress> addresses;  ///< A, AAAA
    std::vector<DnsMx> exchanges;      ///< MX, in the order received
    std::vector<std::string> names;    ///< PTR, NS; CNAME when asked for
    std::vector<DnsDs> delegations;    ///< DS
};

/// UdpFirst: over TCP what is truncated. TcpOnly: where a forged reply would do more harm than a
/// handshake costs (RFC 5452 9.3 counts on the port and the id alone).
enum class DnsTransport : std::uint8_t { UdpFirst, TcpOnly };

/// How patient a query is; its deadline bounds all of it.
struct DnsQueryOptions {
    Duration try_timeout = std::chrono::milliseconds(1500);  ///< per server, then the next is asked
    int rounds = 2;                                          ///< how often the list is gone through
    bool recursion_desired = true;
    DnsTransport transport = DnsTransport::UdpFirst;
};

[[nodiscard]] Result<DnsReply> dns_query(std::span<const Endpoint> servers,
                                         std::string_view name,
                                         DnsType type,
                                         Deadline deadline,
                                         const DnsQueryOptions& options = {});

/// The pure parts, for tests and fuzzing.
/// A query message. Errc::Invalid: not a name (labels of 1 to 63 bytes, 255 in all).
[[nodiscard]] Result<std::string> encode_dns_query(std::uint16_t id,
                                                   std::string_view name,
                                                   DnsType type,
                                                   bool recursion_desired);

/// A reply as parsed from one message.
struct DnsMessage {
    DnsReply reply;
    bool truncated = false;  ///< TC
};

/// Errc::Invalid: not a reply to that query, or malformed.
[[nodiscard]] Result<DnsMessage> parse_dns_reply(std::string_view message,
                                                 std::uint16_t id,
                                                 std::string_view name,
                                                 DnsType type);

/// "1.2.0.192.in-addr.arpa", for PTR.
[[nodiscard]] std::string reverse_name(const IpAddress& address);

}  // namespace base
