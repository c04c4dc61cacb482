// Fuzzes what asks for explanations of the steering, and what reads them. Octet 0 chooses: a line
// at the explain socket; a packet to the public answer, which knows class CHAOS and takes everybody
// for an admin; a reply as the command line reads it, to a query of its own making.

#include <cstdint>
#include <string>

#include "dns/explain/chaos_answer.h"
#include "dns/explain/chaos_reply.h"
#include "dns/explain/explain_request.h"
#include "dns/name.h"
#include "test/fuzz/dns_fuzz.h"
#include "test/unit/dns/directory/world.h"

namespace {

using namespace std::string_view_literals;
using dns::explain::Format;

constexpr std::string_view kQuery =
    "\x12\x34\0\0\0\1\0\0\0\0\0\0\7explain\4mail\4test\0\0\x10\0\3"sv;

dns::AnswerPolicy everybody() {
    dns::AnswerPolicy policy;
    policy.chaos = {"1", "ns1.test", "ns1", {}};
    policy.chaos.admins = {base::Network::parse("0.0.0.0/0").take_value(),
                           base::Network::parse("::/0").take_value()};
    return policy;
}

// What was read is written as a name and read back.
void read_line(std::string_view line) {
    const auto request = dns::explain::parse_request(line);
    if (!request) {
        return;
    }
    const auto text = dns::explain::name_of(request.value());
    if (!text) {
        return;
    }
    const auto name = dns::Name::from_text(text.value());
    dns::WireName wire;
    dns_fuzz::require(name && dns::read_name(name.value().wire(), wire));
    dns_fuzz::require(dns::explain::is_explain_name(wire));
    const auto back = dns::explain::request_of(wire);
    dns_fuzz::require(back && back->format == request.value().format &&
                      back->source == request.value().source);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto kSnapshot = dns_fuzz::build(dns_test::directory());
    dns_fuzz::require(kSnapshot != nullptr);
    if (size == 0) {
        return 0;
    }
    const auto bytes = std::as_bytes(std::span(data, size)).subspan(1);
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    static dns::ThreadState state(0, everybody());
    dns::Client client;
    client.transport = (data[0] & 4) != 0 ? dns::Transport::Tcp : dns::Transport::Udp;
    client.family = (data[0] & 8) != 0 ? dns::Family::V6 : dns::Family::V4;
    switch (data[0] & 3) {
        case 0:
            read_line(text);
            break;
        case 1:
            dns_fuzz::ask(*kSnapshot, bytes, client, state);
            break;
        default:
            (void)dns::explain::read_chaos_reply(
                kQuery, text, (data[0] & 3) == 2 ? Format::Text : Format::Json);
            break;
    }
    return 0;
}
