#pragma once

// A UDP socket for name service, and batches of datagrams through it. Plain system calls.
//
// Thread rule: one thread. Errors of bind_udp(): Exists, Refused, Io.

#include <array>
#include <cstddef>
#include <functional>
#include <span>

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/endpoint.h"
#include "base/fd.h"
#include "base/listener.h"
#include "base/result.h"
#include "dns/answer.h"
#include "dns/limits.h"

namespace dns {

struct UdpSocket {
    base::Fd fd;
    base::Endpoint bound;
};

/// Whether receiving waits for a datagram: on a loop never, on a thread of its own for one (at most
/// kUdpWaitMax, so that the thread can look whether it is wanted any more).
enum class UdpWait : std::uint8_t { Never, ForOne };
inline constexpr base::Duration kUdpWaitMax = std::chrono::seconds(1);

/// Octets of datagrams that the kernel keeps while a thread is busy.
inline constexpr std::size_t kUdpReceiveBuffer = std::size_t{4} * 1024 * 1024;

/// A bound socket. On a wildcard address it also tells where each datagram went.
[[nodiscard]] base::Result<UdpSocket> bind_udp(const base::Endpoint& endpoint,
                                               base::PortUse port_use,
                                               UdpWait wait = UdpWait::Never,
                                               std::size_t receive_buffer = kUdpReceiveBuffer);

/// Room for IP_PKTINFO or IPV6_PKTINFO: where a datagram went.
inline constexpr std::size_t kUdpControlSize = CMSG_SPACE(sizeof(in6_pktinfo));

/// Makes of a query's control data that of its answer: the address that was asked is the one that
/// answers, the interface is left to routing.
void leave_interface_to_routing(msghdr& header) noexcept;

/// The client of a datagram.
[[nodiscard]] Client udp_client(const sockaddr_storage& source) noexcept;

/// Buffers for a batch, about 100 KiB; made once per thread.
class DatagramBatch {
  public:
    static constexpr std::size_t kDatagrams = 32;

    DatagramBatch();

    /// What came of one exchange.
    struct Counts {
        std::size_t received = 0;
        std::size_t sent = 0;
        std::size_t dropped_send = 0;
        std::size_t dropped_source = 0;
    };

    /// Takes what is there; how many datagrams that were.
    std::size_t receive(int fd, UdpWait wait) noexcept;

    /// Answers each of the `received` last datagrams by `respond(packet, source, out)` (a size, 0
    /// for silence), and sends. Does not wait.
    template <typename Respond>
    Counts reply(int fd, std::size_t received, Respond&& respond) noexcept {
        Counts counts;
        counts.received = received;
        std::size_t replies = 0;
        for (std::size_t i = 0; i < received; ++i) {
            if (has_no_port(i)) {
                ++counts.dropped_source;
                continue;
            }
            current_ = i;
            const std::size_t size =
                respond(packet(i), sources_[i], std::span<std::byte>(out_[replies]));
            if (size != 0) {
                prepare_reply(replies++, i, size);
            }
        }
        counts.sent = send(fd, replies);
        counts.dropped_send = replies - counts.sent;
        return counts;
    }

    /// The header of the datagram that `respond` is asked about; only during that call.
    [[nodiscard]] const msghdr& current() const noexcept { return in_headers_[current_].msg_hdr; }

    /// Both, without waiting.
    template <typename Respond>
    Counts exchange(int fd, Respond&& respond) noexcept {
        return reply(fd, receive(fd, UdpWait::Never), std::forward<Respond>(respond));
    }

  private:
    void prepare_receive(std::size_t index) noexcept;
    std::size_t send(int fd, std::size_t count) noexcept;
    void prepare_reply(std::size_t reply, std::size_t query, std::size_t size) noexcept;
    [[nodiscard]] bool has_no_port(std::size_t index) const noexcept;

    [[nodiscard]] std::span<const std::byte> packet(std::size_t index) const noexcept {
        return std::span<const std::byte>(in_[index]).first(in_headers_[index].msg_len);
    }

    std::size_t current_ = 0;
    std::size_t used_ = 0;  // headers that the last receive() wrote
    std::array<std::array<std::byte, kUdpQueryMax>, kDatagrams> in_;
    std::array<std::array<std::byte, kUdpResponseMax>, kDatagrams> out_;
    std::array<sockaddr_storage, kDatagrams> sources_;
    alignas(cmsghdr) std::array<std::array<std::byte, kUdpControlSize>, kDatagrams> control_;
    std::array<iovec, kDatagrams> in_vectors_;
    std::array<iovec, kDatagrams> out_vectors_;
    std::array<mmsghdr, kDatagrams> in_headers_;
    std::array<mmsghdr, kDatagrams> out_headers_;
};

}  // namespace dns
