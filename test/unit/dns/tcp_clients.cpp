#include "test/unit/dns/tcp_clients.h"

#include "base/hash.h"
#include "dns/wire.h"

namespace dns_test {

using base::Deadline;

std::size_t echo(std::span<const std::byte> packet, std::span<std::byte> out, std::size_t size) {
    if (packet.empty()) {
        return 0;
    }
    for (std::size_t i = 0; i < size; ++i) {
        out[i] = packet[i % packet.size()];
    }
    return size;
}

dns::RespondFunction echo_of(std::size_t size) {
    return
        [size](std::span<const std::byte> packet, const base::Endpoint&, std::span<std::byte> out) {
            return echo(packet, out, size);
        };
}

dns::TcpServer::Options tcp_options() {
    dns::TcpServer::Options made;
    made.endpoints = {base::Endpoint::parse("127.0.0.1:0").take_value()};
    return made;
}

std::string framed(std::string_view packet) {
    std::string text;
    text.push_back(static_cast<char>(packet.size() >> 8));
    text.push_back(static_cast<char>(packet.size() & 0xff));
    return text.append(packet);
}

std::unique_ptr<base::SocketStream> connect(base::Loop& loop, const dns::TcpServer& server) {
    return base::SocketStream::connect(
               loop, server.bound()[0], Deadline::after(std::chrono::seconds(5)))
        .take_value();
}

std::string read_message(base::Stream& stream) {
    const auto deadline = Deadline::after(std::chrono::seconds(10));
    const auto wanted = [&stream] {
        const bool known = stream.buffered().size() >= 2;
        return known ? 2U + dns::load_u16(base::as_bytes(stream.buffered()).data()) : 2U;
    };
    while (stream.buffered().size() < 2 || stream.buffered().size() < wanted()) {
        if (!stream.fill(deadline)) {
            return {};
        }
    }
    const std::size_t size = wanted();
    std::string message(stream.buffered().substr(2, size - 2));
    stream.consume(size);
    return message;
}

std::unique_ptr<base::SocketStream> connect_from(base::Loop& loop,
                                                 const dns::TcpServer& server,
                                                 const std::string& source) {
    const auto address = base::IpAddress::parse(source).take_value();
    return base::SocketStream::connect(
               loop, server.bound()[0], Deadline::after(std::chrono::seconds(5)), {}, &address)
        .take_value();
}

bool flushed(base::Stream& stream, std::string_view text) {
    return stream.write(text) && stream.flush(Deadline::after(std::chrono::seconds(5)));
}

}  // namespace dns_test
