#include "dns/compact_denial.h"

#include <array>
#include <memory>

#include <boost/test/unit_test.hpp>

#include "base/hash.h"
#include "dns/control/denial_signer.h"
#include "dns/dnssec/denial.h"
#include "test/unit/dns/dnssec/text.h"

namespace {

using dnssec_test::name;

dns::WireName wire_of(const dns::Name& text) {
    dns::WireName wire;
    BOOST_REQUIRE(dns::read_name(text.wire(), wire));
    return wire;
}

std::string next_of(const dns::Name& text, const dns::Name& apex) {
    std::array<std::byte, dns::kNameMax> out{};
    const std::size_t size = dns::write_next_name(wire_of(text), apex.label_count(), out);
    return std::string(base::as_text(std::span(out).first(size)));
}

std::string repeated(const std::string& label, std::size_t count) {
    std::string text;
    for (std::size_t i = 0; i < count; ++i) {
        text += label + ".";
    }
    return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_compact_denial)

BOOST_AUTO_TEST_CASE(the_next_name_is_the_one_that_is_signed) {
    const dns::Name apex = name("z.test");
    const std::string l63(63, 'a');
    std::string most;
    for (int i = 0; i < 60; ++i) {
        most += "\\255";
    }
    const std::string names[] = {
        "none.z.test",
        "*.none.z.test",
        "z.test",
        // 254 and 255 octets: no label before it, and none longer.
        repeated(l63, 3) + std::string(52, 'b') + ".z.test",
        repeated(l63, 3) + std::string(53, 'b') + ".z.test",
        repeated(l63, 3) + std::string(54, 'b') + ".z.test",
        l63 + "." + std::string(52, '@') + "." + repeated(l63, 2) + "z.test",
        repeated(l63, 2) + std::string(52, 'b') + "." + l63 + ".z.test",
        std::string(53, '@') + "." + repeated(l63, 3) + "z.test"};
    for (const std::string& text : names) {
        const dns::Name asked = name(text);
        BOOST_TEST(next_of(asked, apex) ==
                       std::string(base::as_text(dns::dnssec::next_name(asked, apex).wire())),
                   text);
    }
}

// What is signed on a worker is what an answer says.
BOOST_AUTO_TEST_CASE(the_record_that_is_written_is_the_one_that_is_signed) {
    namespace dnssec = dns::dnssec;
    const dns::Name apex = name("z.test");
    auto plan = std::make_shared<dnssec::ZoneSigning>();
    plan->zone_keys = {dnssec::zone_key(dnssec_test::p256_key()),
                       dnssec::zone_key(dnssec_test::ed25519_key())};
    dnssec::ZoneVariants::Source zone;
    zone.apex = apex;
    zone.plan = plan;
    zone.negative_ttl = 300;
    for (const char* text : {"none.z.test", "*.none.z.test", "a.b.c.d.z.test"}) {
        const dns::Name asked = name(text);
        const auto signatures =
            dns::sign_denial(zone, asked, {1'800'000'000, 1'800'100'000}).value();
        BOOST_TEST(signatures.count == 2U);
        // A query for the name, as the message begins with it.
        std::string packet("\0\1\0\0\0\1\0\0\0\0\0\1", 12);
        packet += base::as_text(asked.wire());
        packet += std::string("\0\1\0\1", 4);
        packet += std::string("\0\0\x29\4\xd0\0\0\x80\0\0\0", 11);
        dns::Query query;
        BOOST_REQUIRE((dns::parse_query(base::as_bytes(packet), query) == dns::QueryOutcome::Ok));
        std::array<std::byte, dns::kUdpResponseMax> out{};
        dns::Message message(query, base::as_bytes(packet), dns::Transport::Udp, out);
        const dns::WireName wire = wire_of(asked);
        const std::size_t before = message.size();
        BOOST_REQUIRE(dns::write_compact_denial(
            {wire, dns::kQuestionPointer, apex.wire(), zone.negative_ttl, signatures},
            dns::Section::Authority,
            message));
        std::string_view written =
            base::as_text(std::span(out)).substr(before, message.size() - before);
        const auto record = [&written](std::uint16_t type) {
            const auto* const at = reinterpret_cast<const std::byte*>(written.data());
            BOOST_TEST(dns::load_u16(at) == dns::kQuestionPointer);
            BOOST_TEST(dns::load_u16(at + 2) == type);
            const std::size_t size = dns::load_u16(at + 10);
            const std::string data(written.substr(12, size));
            written.remove_prefix(12 + size);
            return data;
        };
        const std::string nsec = record(dnssec::kTypeNsec);
        BOOST_TEST(nsec == dnssec::compact_no_name(asked, apex));
        for (const dnssec::ZoneKey& key : plan->zone_keys) {
            BOOST_TEST(dnssec::verify_set(key.half,
                                          asked,
                                          {zone.negative_ttl, {nsec}},
                                          record(dnssec::kTypeRrsig),
                                          1'800'050'000));
        }
        BOOST_TEST(written.empty());
    }
}

BOOST_AUTO_TEST_SUITE_END()
