#pragma once

// LargeQueries: how much memory the connections of a TcpServer hold for queries that are longer
// than kTcpQueryMax, one entry for each that holds some. A bound for all together and one for each
// client, in octets of room that they have, not of what they announce: a length costs nothing.
//
// Pure bookkeeping: it neither gives nor takes memory. Thread rule: one thread.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/endpoint.h"

namespace dns {

/// See the top of this file.
class LargeQueries {
  public:
    /// One that holds some.
    struct Held {
        const void* holder = nullptr;  ///< names a connection, is not followed
        base::IpAddress client;        ///< tcp_client()
        std::size_t octets = 0;
    };

    enum class Verdict : std::uint8_t {
        Granted,
        ClientFull,  ///< the others of its client hold too much
        Full,        ///< all together hold too much
    };

    LargeQueries(std::size_t total_max, std::size_t client_max)
        : total_max_(total_max), client_max_(client_max) {}

    /// `octets`: what `holder` then has in all. It keeps what it has if it gets no more.
    Verdict hold(const void* holder, const base::IpAddress& client, std::size_t octets);

    /// All that it has, if any.
    void give_back(const void* holder);

    /// From the one that began longest ago to the latest.
    [[nodiscard]] const std::vector<Held>& held() const noexcept { return held_; }

    [[nodiscard]] std::size_t octets() const noexcept { return octets_; }

  private:
    std::size_t total_max_;
    std::size_t client_max_;
    std::size_t octets_ = 0;
    std::vector<Held> held_;
};

}  // namespace dns
