#include "dns/udp_socket.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/time.h>

namespace dns {
namespace {

base::Error bind_error(const base::Endpoint& endpoint, const char* call) {
    const int number = errno;
    base::Error error = base::errno_error(call + (" " + endpoint.to_text()), number);
    if (number == EADDRINUSE) {
        error.code = base::Errc::Exists;
    }
    return error;
}

bool set_option(int fd, int level, int name, int value) {
    return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

bool set_options(int fd,
                 const base::Endpoint& endpoint,
                 base::PortUse port_use,
                 std::size_t receive_buffer) {
    const bool v6 = endpoint.address().family() == base::IpFamily::V6;
    // Best effort: the kernel's limit may be lower.
    (void)set_option(fd, SOL_SOCKET, SO_RCVBUF, static_cast<int>(receive_buffer));
    if (port_use == base::PortUse::Shared && !set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1)) {
        return false;
    }
    if (v6 && !set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) {
        return false;
    }
    if (endpoint.address().is_any() && !(v6 ? set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
                                            : set_option(fd, IPPROTO_IP, IP_PKTINFO, 1))) {
        return false;
    }
    // Forged "packet too big" messages must not make us send fragments.
    return v6 ? set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT)
              : set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
}

bool set_wait(int fd, UdpWait wait) {
    if (wait == UdpWait::Never) {
        return fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
    }
    const timeval longest{std::chrono::duration_cast<std::chrono::seconds>(kUdpWaitMax).count(), 0};
    return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof longest) == 0;
}

}  // namespace

base::Result<UdpSocket> bind_udp(const base::Endpoint& endpoint,
                                 base::PortUse port_use,
                                 UdpWait wait,
                                 std::size_t receive_buffer) {
    sockaddr_storage address{};
    const unsigned length = endpoint.to_sockaddr(address);
    UdpSocket made;
    made.fd = base::Fd(socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!made.fd || !set_options(made.fd.get(), endpoint, port_use, receive_buffer) ||
        !set_wait(made.fd.get(), wait)) {
        return bind_error(endpoint, "udp socket");
    }
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(made.fd.get(), generic, length) != 0) {
        return bind_error(endpoint, "bind udp");
    }
    socklen_t size = sizeof address;
    if (getsockname(made.fd.get(), generic, &size) != 0) {
        return bind_error(endpoint, "getsockname udp");
    }
    made.bound = base::Endpoint::from_sockaddr(*generic);
    return made;
}

Client udp_client(const sockaddr_storage& source) noexcept {
    Client client;
    client.transport = Transport::Udp;
    if (source.ss_family == AF_INET6) {
        client.family = Family::V6;
        std::memcpy(
            client.address.data(), &reinterpret_cast<const sockaddr_in6&>(source).sin6_addr, 16);
    } else {
        std::memcpy(
            client.address.data(), &reinterpret_cast<const sockaddr_in&>(source).sin_addr, 4);
    }
    return client;
}

DatagramBatch::DatagramBatch() {
    for (std::size_t i = 0; i < kDatagrams; ++i) {
        in_vectors_[i] = {in_[i].data(), in_[i].size()};
        out_vectors_[i] = {out_[i].data(), 0};
        prepare_receive(i);
    }
}

void DatagramBatch::prepare_receive(std::size_t index) noexcept {
    in_headers_[index] = {};
    msghdr& header = in_headers_[index].msg_hdr;
    header.msg_name = &sources_[index];
    header.msg_namelen = sizeof sources_[index];
    header.msg_iov = &in_vectors_[index];
    header.msg_iovlen = 1;
    header.msg_control = control_[index].data();
    header.msg_controllen = kUdpControlSize;
}

std::size_t DatagramBatch::receive(int fd, UdpWait wait) noexcept {
    for (std::size_t i = 0; i < used_; ++i) {
        prepare_receive(i);
    }
    const int flags = wait == UdpWait::Never ? MSG_DONTWAIT : MSG_WAITFORONE;
    const int received = recvmmsg(fd, in_headers_.data(), kDatagrams, flags, nullptr);
    used_ = received > 0 ? static_cast<std::size_t>(received) : 0;
    return used_;
}

void DatagramBatch::prepare_reply(std::size_t reply, std::size_t query, std::size_t size) noexcept {
    msghdr& from = in_headers_[query].msg_hdr;
    out_vectors_[reply].iov_len = size;
    out_headers_[reply] = {};
    msghdr& to = out_headers_[reply].msg_hdr;
    to.msg_name = from.msg_name;
    to.msg_namelen = from.msg_namelen;
    to.msg_iov = &out_vectors_[reply];
    to.msg_iovlen = 1;
    if (from.msg_controllen == 0) {
        return;
    }
    to.msg_control = from.msg_control;
    to.msg_controllen = from.msg_controllen;
    leave_interface_to_routing(to);
}

void leave_interface_to_routing(msghdr& header) noexcept {
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            reinterpret_cast<in_pktinfo*>(CMSG_DATA(c))->ipi_ifindex = 0;
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            auto* info = reinterpret_cast<in6_pktinfo*>(CMSG_DATA(c));
            if (!IN6_IS_ADDR_LINKLOCAL(&info->ipi6_addr)) {
                info->ipi6_ifindex = 0;
            }
        }
    }
}

std::size_t DatagramBatch::send(int fd, std::size_t count) noexcept {
    std::size_t done = 0;
    std::size_t sent = 0;
    while (done < count) {
        const int result = sendmmsg(
            fd, out_headers_.data() + done, static_cast<unsigned>(count - done), MSG_DONTWAIT);
        if (result > 0) {
            done += static_cast<std::size_t>(result);
            sent += static_cast<std::size_t>(result);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return sent;
        } else if (errno != EINTR) {
            ++done;  // this one cannot be sent (its route is gone, say); the others may
        }
    }
    return sent;
}

bool DatagramBatch::has_no_port(std::size_t index) const noexcept {
    // sin_port and sin6_port are at the same place.
    return reinterpret_cast<const sockaddr_in&>(sources_[index]).sin_port == 0;
}

}  // namespace dns
