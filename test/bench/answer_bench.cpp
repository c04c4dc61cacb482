// answer_bench: what answer() costs when it is warm, without sockets.
//
//   answer_bench COUNT     asks each query of warm_world.h so many times
//
// A line for each: kind, octets of the answer, nanoseconds. test/bench/dns-instructions runs it
// under callgrind, which counts what happens in answer() between one return of ask_many() and the
// next.

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string_view>

#include <fmt/format.h>

#include "base/clock.h"
#include "test/unit/dns/packet_text.h"
#include "test/unit/dns/warm_world.h"

// By this name callgrind knows it.
[[gnu::noinline]] std::size_t ask_many(const dns::Snapshot& snapshot,
                                       const std::vector<std::byte>& packet,
                                       dns::ThreadState& state,
                                       std::size_t count,
                                       std::span<std::byte> out) {
    dns::Client client;
    client.address = {std::byte{192}, std::byte{0}, std::byte{2}, std::byte{7}};
    std::size_t size = 0;
    const dns::Moment start = state.guard.time();
    for (std::size_t i = 0; i < count; ++i) {
        state.guard.set_time({start.wall_s, start.monotonic_us + i * 10});
        size = dns::answer(snapshot, packet, client, state, out);
    }
    return size;
}

namespace {

int run(std::size_t count) {
    const std::int64_t now_s = base::wall_us() / 1'000'000;
    dns_test::WarmWorld world(now_s);
    dns::Client client;
    client.address = {std::byte{192}, std::byte{0}, std::byte{2}, std::byte{7}};
    world.warm_up(client);
    {  // What callgrind counted up to the end of this is the warming up.
        dns::ThreadState state(0);
        std::vector<std::byte> out(dns::kUdpResponseMax);
        (void)ask_many(world.snapshot(), world.queries().front().packet, state, 1, out);
    }
    for (const auto& query : world.queries()) {
        dns::ThreadState state(0, dns_test::warm_policy());
        state.guard.set_time({static_cast<std::uint32_t>(now_s), 0});
        std::vector<std::byte> out(dns::kUdpResponseMax);
        const auto start = base::monotonic_now();
        const std::size_t size = ask_many(world.snapshot(), query.packet, state, count, out);
        const auto took = base::monotonic_now() - start;
        out.resize(size);
        const auto reply = dns_test::read_packet(out);
        if (!reply.parsed || reply.rcode != query.rcode || reply.answer.size() != query.answers) {
            fmt::print(stderr, "answer_bench: {}: not what was wanted\n", query.name);
            return 1;
        }
        fmt::print(
            "{} {} {:.1f}\n",
            query.name,
            size,
            std::chrono::duration<double, std::nano>(took).count() / static_cast<double>(count));
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    std::size_t count = 0;
    const std::string_view given(argc == 2 ? argv[1] : "");
    if (std::from_chars(given.data(), given.data() + given.size(), count).ec != std::errc() ||
        count == 0) {
        fmt::print(stderr, "usage: answer_bench COUNT\n");
        return 2;
    }
    return run(count);
}
