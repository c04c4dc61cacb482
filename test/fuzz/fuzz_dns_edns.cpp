// Fuzzes what goes around an answer: options, cookies, rate limiting. Octet 0 chooses transport,
// family and the question, octet 1 how much time passes; the rest is the content of the OPT. One
// snapshot, one thread that gives cookies and limits rates. Every reply is well-formed and fits;
// whoever sends the cookie of a reply back is believed and answered.

#include <cstdint>
#include <cstring>

#include "test/fuzz/dns_fuzz.h"
#include "test/unit/dns/directory/world.h"

namespace {

constexpr std::size_t kOptSize = dns::kOptSize;

dns::AnswerPolicy policy() {
    dns::AnswerPolicy made;
    made.nsid = "fuzzed";
    made.cookies = true;
    made.tcp_idle = 100;
    made.rate_limits.answers_per_second = 100;
    made.rate_limits.errors_per_second = 10;
    made.rate_limits.entries = 64;
    made.slip = 2;
    return made;
}

void append(std::vector<std::byte>& packet, std::span<const std::byte> octets) {
    packet.insert(packet.end(), octets.begin(), octets.end());
}

// A query for www.mail.test or for a cookie alone, whose OPT holds `options`.
std::vector<std::byte> query(bool question, std::span<const std::byte> options) {
    static constexpr char kQuestion[] = "\3www\4mail\4test\0\0\1\0\1";
    std::vector<std::byte> packet(dns::kHeaderSize);
    packet[11] = std::byte{1};
    if (question) {
        packet[5] = std::byte{1};
        append(packet, std::as_bytes(std::span(kQuestion)).first(sizeof kQuestion - 1));
    }
    std::byte opt[kOptSize] = {};
    dns::store_u16(opt + 1, 41);
    dns::store_u16(opt + 3, 1232);
    dns::store_u16(opt + 9, static_cast<std::uint16_t>(options.size()));
    append(packet, opt);
    append(packet, options);
    return packet;
}

// The cookie that a reply holds; empty: none. Its OPT is the last record.
std::vector<std::byte> cookie_in(std::span<const std::byte> reply) {
    const std::byte start[] = {
        std::byte{0}, std::byte{10}, std::byte{0}, std::byte{dns::kFullCookieSize}};
    for (std::size_t at = 0; at + dns::kCookieOptionSize <= reply.size(); ++at) {
        if (std::memcmp(reply.data() + at, start, sizeof start) == 0) {
            const auto found = reply.subspan(at, dns::kCookieOptionSize);
            return {found.begin(), found.end()};
        }
    }
    return {};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto kSnapshot = dns_fuzz::build(dns_test::directory());
    static dns::ThreadState state(0, policy());
    static dns::Moment now{1795660000, 1};
    if (size < 2 || size > 1400) {
        return 0;
    }
    now.wall_s += data[1];
    now.monotonic_us += std::uint64_t{data[1]} * 1000;
    state.guard.set_time(now);
    dns::Client client;
    client.transport = (data[0] & 1) != 0 ? dns::Transport::Tcp : dns::Transport::Udp;
    client.family = (data[0] & 2) != 0 ? dns::Family::V6 : dns::Family::V4;
    client.address.fill(std::byte{data[0]});
    const bool question = (data[0] & 4) == 0;
    const auto packet = query(question, std::as_bytes(std::span(data, size)).subspan(2));
    std::vector<std::byte> out(dns::kUdpResponseMax);
    std::size_t replied = dns::answer(*kSnapshot, packet, client, state, out);
    dns_fuzz::check_reply(packet, std::span<const std::byte>(out).first(replied));

    const auto cookie = cookie_in(std::span<const std::byte>(out).first(replied));
    if (!cookie.empty()) {
        const auto again = query(true, cookie);
        replied = dns::answer(*kSnapshot, again, client, state, out);
        dns_fuzz::check_reply(again, std::span<const std::byte>(out).first(replied));
        dns_fuzz::require(replied != 0 && (dns::load_u16(out.data() + 2) & 0x000fU) != 7);
        dns_fuzz::require((dns::load_u16(out.data() + 2) & dns::kFlagTruncated) == 0);
    }
    return 0;
}
