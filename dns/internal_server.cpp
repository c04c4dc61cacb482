#include "dns/internal_server.h"

#include <algorithm>

#include "base/clock.h"

namespace dns {
namespace {

// Batches from one socket before the loop's other work has its turn.
constexpr int kBatches = 4;

}  // namespace

InternalServer::InternalServer(base::Loop& loop, Options options)
    : loop_(loop), options_(std::move(options)) {
}

InternalServer::~InternalServer() = default;

base::Result<std::unique_ptr<InternalServer>> InternalServer::create(base::Loop& loop,
                                                                     Options options) {
    std::unique_ptr<InternalServer> server(new InternalServer(loop, std::move(options)));
    TRY(server->listen());
    return server;
}

base::Status InternalServer::listen() {
    TcpServer::Options tcp;
    tcp.endpoints = options_.endpoints;
    tcp_ = TRY(TcpServer::create(loop_,
                                 std::move(tcp),
                                 [this](std::span<const std::byte> packet,
                                        const base::Endpoint& peer,
                                        std::span<std::byte> out) {
                                     return respond(packet, peer.address(), Transport::Tcp, out);
                                 }));
    // TCP first: a port that it was given is then taken for UDP too.
    for (const base::Endpoint& endpoint : tcp_->bound()) {
        sockets_.push_back(TRY(bind_udp(endpoint, base::PortUse::Exclusive)));
        watches_.push_back(
            base::FdWatch::create(loop_,
                                  sockets_.back().fd.get(),
                                  base::Interest::Read,
                                  [this, fd = sockets_.back().fd.get()] { on_readable(fd); }));
    }
    return base::Done{};
}

void InternalServer::set_view(std::shared_ptr<const AccountView> view) {
    view_ = std::move(view);
}

void InternalServer::set_keys(TsigKeys keys) {
    keys_ = std::move(keys);
}

void InternalServer::set_certainty(Certainty certainty) {
    certainty_ = certainty;
}

std::vector<base::Endpoint> InternalServer::bound() const {
    return tcp_->bound();
}

void InternalServer::set_acl(std::vector<base::Network> acl) {
    options_.acl = std::move(acl);
}

void InternalServer::on_readable(int fd) {
    for (int i = 0; i < kBatches; ++i) {
        const auto counts = batch_.exchange(
            fd,
            [this](std::span<const std::byte> packet,
                   const sockaddr_storage& source,
                   std::span<std::byte> out) {
                const auto peer =
                    base::Endpoint::from_sockaddr(reinterpret_cast<const sockaddr&>(source));
                return respond(packet, peer.address(), Transport::Udp, out);
            });
        if (counts.received < DatagramBatch::kDatagrams) {
            return;
        }
    }
}

std::size_t InternalServer::respond(std::span<const std::byte> packet,
                                    const base::IpAddress& client,
                                    Transport transport,
                                    std::span<std::byte> out) noexcept {
    const bool allowed = std::ranges::any_of(
        options_.acl, [&client](const base::Network& network) { return network.contains(client); });
    const InternalQuery asked{
        packet, transport, allowed ? Admission::Allowed : Admission::Refused, certainty_};
    const auto now_s = static_cast<std::uint64_t>(base::wall_us() / 1'000'000);
    return answer_internal(view_.get(), asked, keys_, now_s, counters_, out);
}

}  // namespace dns
