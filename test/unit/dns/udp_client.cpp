#include "test/unit/dns/udp_client.h"

#include <stdexcept>

#include <poll.h>
#include <sys/socket.h>

namespace dns_test {

UdpClient::UdpClient(const base::Endpoint& server) {
    sockaddr_storage address{};
    const unsigned length = server.to_sockaddr(address);
    socket_ = base::Fd(socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket_ ||
        connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), length) != 0) {
        throw std::runtime_error("udp client");
    }
}

void UdpClient::send(std::span<const std::byte> packet) {
    if (::send(socket_.get(), packet.data(), packet.size(), 0) < 0) {
        throw std::runtime_error("udp send");
    }
}

std::optional<std::vector<std::byte>> UdpClient::receive(int timeout_ms) {
    pollfd wait{socket_.get(), POLLIN, 0};
    if (poll(&wait, 1, timeout_ms) != 1) {
        return std::nullopt;
    }
    std::vector<std::byte> packet(65536);
    const auto size = recv(socket_.get(), packet.data(), packet.size(), 0);
    if (size < 0) {
        return std::nullopt;
    }
    packet.resize(static_cast<std::size_t>(size));
    return packet;
}

}  // namespace dns_test
