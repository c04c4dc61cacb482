#pragma once

// The limits of the name server, in one place. Sizes in octets unless the name says otherwise.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace dns {

// RFC 1035 2.3.4.
inline constexpr std::size_t kNameMax = 255;
inline constexpr std::size_t kLabelMax = 63;
inline constexpr std::size_t kLabelsMax = 127;

inline constexpr std::size_t kHeaderSize = 12;
inline constexpr std::size_t kOptSize = 11;           ///< root, type, class, ttl, rdlength 0
inline constexpr std::size_t kMessageMax = 65535;     ///< RFC 1035 4.2.2
inline constexpr std::size_t kUdpPlainMax = 512;      ///< RFC 1035 4.2.1
inline constexpr std::size_t kUdpResponseMax = 1232;  ///< RFC 9715: never a fragment
inline constexpr std::size_t kUdpQueryMax = 1500;     ///< longer datagrams are cut and refused

/// A query over TCP: a header, a name, and perhaps an OPT with options. Only updates may be longer,
/// up to kMessageMax, within what follows.
inline constexpr std::size_t kTcpQueryMax = 4096;

/// Room that all connections of a server together have for longer ones, and those of one client:
/// 60 and 15 of the longest at once.
inline constexpr std::size_t kLargeQueriesMax = std::size_t{4} * 1024 * 1024;
inline constexpr std::size_t kLargeQueriesPerClientMax = kLargeQueriesMax / 4;

/// Queries that one UDP thread has left to the main loop and that are not taken yet: a power of
/// two. 1.7 KiB each.
inline constexpr std::size_t kDeferredQueries = 256;

/// Queries over UDP that wait for a signature at one time; 1 KiB each at most.
inline constexpr std::size_t kSignatureWaits = 256;

/// Additional records that a query may carry before it is called malformed: OPT and one more.
inline constexpr unsigned kQueryAdditionalMax = 2;

// EDNS options. A cookie is the client's part and ours (RFC 7873 4, RFC 9018 4).
inline constexpr std::size_t kOptionHeaderSize = 4;  ///< code and length
inline constexpr std::size_t kClientCookieSize = 8;
inline constexpr std::size_t kFullCookieSize = 24;
inline constexpr std::size_t kCookieOptionSize = kOptionHeaderSize + kFullCookieSize;
inline constexpr std::size_t kCookieSecretsMax = 3;
inline constexpr std::size_t kNsidMax = 64;

/// The longest time over which response rates are measured.
inline constexpr std::chrono::minutes kRateWindowMax{1};

// What a server may say to one probe; more is a bad banner.
inline constexpr std::size_t kProbeInputMax = 4096;     ///< SMTP, IMAP, POP3: greeting and answer
inline constexpr std::size_t kProbeHttpHeadMax = 8192;  ///< status line and fields
inline constexpr std::size_t kProbeHttpBodyMax = 16384;
inline constexpr std::size_t kProbeAgentMax = 256;  ///< one line
inline constexpr std::size_t kProbePathMax = 1000;  ///< of what we get over HTTP
inline constexpr std::size_t kProbeChecksMax = 4;   ///< of one server

/// CNAME and DNAME steps within one answer. NSD stops at 18, gdnsd at 16.
inline constexpr unsigned kChainMax = 12;

// What a zone may hold. Records of one RRset and types of one name are capped because both are
// walked on every answer (the class of CVE-2024-1737).
inline constexpr std::size_t kRecordsPerSetMax = 100;
inline constexpr std::size_t kTypesPerNameMax = 100;
inline constexpr std::size_t kRecordsPerZoneMax = 4'000'000;
inline constexpr std::size_t kRecordTextMax = 64 * 1024;
/// A master file that an operator imports: the largest zone with short records.
inline constexpr std::size_t kMasterFileMax = 256 * 1024 * 1024;

/// RFC 2181 8: a TTL is 31 bits.
inline constexpr std::uint32_t kTtlMax = 0x7fffffff;

/// A steered RRset with its header, the longest question, OPT and cookie fits in kUdpResponseMax.
inline constexpr std::size_t kSteeredImageMax =
    kUdpResponseMax - kHeaderSize - (kNameMax + 4) - kOptSize - kCookieOptionSize;
/// Records of a steered RRset (L of STEERING 5.2).
inline constexpr std::size_t kSteeredRecordsMax = 40;
/// Ready-made record orders of one variant.
inline constexpr std::size_t kRotationsMax = 16;

}  // namespace dns
