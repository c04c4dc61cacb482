#include "dns/update/update_gate.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/update/signed_update.h"

using dns::update::GateVerdict;
using dns_test::signed_update;
using dns_test::update_key;

namespace {

std::vector<std::byte> unsigned_update() {
    const dns_test::UpdateBuilder message("example.test");
    return {message.bytes().begin(), message.bytes().end()};
}

unsigned rcode(std::span<const std::byte> reply) {
    return dns_test::read_packet(reply).rcode;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_update_gate)

BOOST_AUTO_TEST_CASE(lets_in_what_is_signed_well_and_answers_the_rest) {
    const dns::TsigKeys keys({update_key()});
    std::vector<std::byte> out(dns::kUdpResponseMax);
    const auto judge = [&](const std::vector<std::byte>& packet) {
        return dns::update::judge_signature(keys, packet, 1000, out);
    };
    BOOST_TEST((judge(signed_update(update_key(), 1000)).verdict == GateVerdict::Authentic));
    BOOST_TEST((judge(unsigned_update()).verdict == GateVerdict::NotSigned));
    for (const auto& packet : {signed_update(update_key("other.test"), 1000),
                               signed_update(update_key("key.test", 'x'), 1000),
                               signed_update(update_key(), 2000)}) {
        const auto gate = judge(packet);
        BOOST_TEST((gate.verdict == GateVerdict::Answered));
        BOOST_TEST(rcode(std::span(out).first(gate.size)) == 9U);  // NOTAUTH
    }
}

BOOST_AUTO_TEST_CASE(a_thread_leaves_good_ones_to_the_loop_and_refuses_unsigned_ones) {
    const auto snapshot = dns_test::snapshot_with_key();
    dns_test::Asker asker(*snapshot);
    BOOST_TEST(rcode(asker.raw(unsigned_update())) == 5U);
    // Nobody takes it: the client is told to ask again.
    BOOST_TEST(rcode(asker.raw(signed_update())) == 2U);
    asker.state().defers[static_cast<std::size_t>(dns::DeferReason::Update)] = true;
    BOOST_TEST(asker.raw(signed_update()).empty());
    BOOST_TEST((asker.state().deferred == dns::DeferReason::Update));
    asker.state().deferred = dns::DeferReason::None;
    BOOST_TEST(rcode(asker.raw(signed_update(update_key("key.test", 'x')))) == 9U);
    BOOST_TEST((asker.state().deferred == dns::DeferReason::None));
}

BOOST_AUTO_TEST_CASE(without_keys_it_is_an_unknown_opcode) {
    const auto snapshot = dns_test::snapshot({dns_test::zone_source("example.test", {})});
    dns_test::Asker asker(*snapshot);
    BOOST_TEST(rcode(asker.raw(unsigned_update())) == 4U);
    BOOST_TEST(rcode(asker.raw(signed_update())) == 4U);
}

BOOST_AUTO_TEST_CASE(tells_updates_from_queries_and_answers) {
    auto packet = unsigned_update();
    BOOST_TEST(dns::update::is_update(packet));
    BOOST_TEST(!dns::update::is_update(std::span(packet).first(11)));
    packet[2] |= std::byte{0x80};
    BOOST_TEST(!dns::update::is_update(packet));
    BOOST_TEST(!dns::update::is_update(
        dns_test::QueryBuilder().question("example.test", dns::RrType::Soa).bytes()));
}

BOOST_AUTO_TEST_SUITE_END()
