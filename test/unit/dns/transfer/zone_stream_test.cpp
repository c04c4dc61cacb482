#include "dns/transfer/zone_stream.h"

#include <boost/test/unit_test.hpp>

#include "base/hash.h"
#include "dns/limits.h"
#include "dns/transfer/message_packer.h"
#include "dns/wire.h"
#include "test/unit/dns/packet_text.h"
#include "test/unit/dns/query_builder.h"
#include "test/unit/dns/transfer/secondary.h"

namespace {

using dns::ReplyStream;
using dns::transfer::next_version;
using dns::transfer::SerialOrigin;
using dns::transfer::ZoneStream;
using dns_test::fixed;
using dns_test::request_of;
using dns_test::transfer_query;

dns::transfer::SharedZone large_zone(int hosts) {
    std::vector<std::string> rows;
    for (int i = 0; i < hosts; ++i) {
        rows.push_back("host" + std::to_string(i) + " A 192.0.2." + std::to_string(i % 256));
        rows.push_back("alias" + std::to_string(i) + " CNAME host" + std::to_string(i));
    }
    return next_version(nullptr, 1, SerialOrigin::Own, fixed(rows), {});
}

BOOST_AUTO_TEST_SUITE(zone_stream)

BOOST_AUTO_TEST_CASE(a_large_zone_takes_few_messages) {
    const auto packet = transfer_query("example.test");
    ZoneStream stream(request_of(packet), large_zone(2000), std::nullopt, nullptr, nullptr);
    std::size_t messages = 0;
    BOOST_TEST(dns_test::records_of(stream, &messages).size() == 4004U);
    BOOST_TEST(messages > 3U);
    BOOST_TEST(messages < 12U);
}

BOOST_AUTO_TEST_CASE(a_record_of_the_largest_size_goes_alone) {
    std::string text;
    for (int i = 0; i < 250; ++i) {
        text += " \"" + std::string(250, 'x') + "\"";
    }
    const auto zone = next_version(
        nullptr, 1, SerialOrigin::Own, fixed({"big TXT" + text, "after A 192.0.2.1"}), {});
    const auto packet = transfer_query("example.test");
    ZoneStream stream(request_of(packet), zone, std::nullopt, nullptr, nullptr);
    BOOST_TEST(dns_test::records_of(stream).size() == 6U);
}

BOOST_AUTO_TEST_CASE(the_first_message_alone_has_question_and_opt) {
    const auto packet = dns_test::QueryBuilder().question("Example.TEST", 252).opt().bytes();
    ZoneStream stream(request_of(packet), large_zone(500), std::nullopt, nullptr, nullptr);
    std::vector<std::byte> out(dns::kMessageMax);
    const auto first = stream.next(out);
    BOOST_TEST((first.state == ReplyStream::State::More));
    const auto text = dns_test::read_packet(std::span(out).first(first.size));
    BOOST_TEST(text.question == "Example.TEST. AXFR");
    BOOST_TEST(text.has_opt);
    BOOST_TEST(first.size <= dns::transfer::kTransferMessageSize);
    const auto second = stream.next(out);
    const auto rest = dns_test::read_packet(std::span(out).first(second.size));
    BOOST_TEST(rest.question.empty());
    BOOST_TEST(!rest.has_opt);
}

BOOST_AUTO_TEST_CASE(a_refusal_is_one_message_and_says_why) {
    for (const bool has_opt : {false, true}) {
        dns_test::QueryBuilder query;
        query.question("Example.TEST", 252);
        const auto packet = has_opt ? query.opt().bytes() : query.bytes();
        ZoneStream stream(request_of(packet), large_zone(5), std::nullopt, nullptr, nullptr);
        std::vector<std::byte> out(dns::kMessageMax);
        const auto piece = stream.refuse(out);
        BOOST_TEST((piece.state == ReplyStream::State::Last));
        const auto text = dns_test::read_packet(std::span(out).first(piece.size));
        BOOST_TEST(text.question == "Example.TEST. AXFR");
        BOOST_TEST(text.rcode == 2U);
        BOOST_TEST(!text.authoritative);
        BOOST_TEST(text.answer.empty());
        BOOST_TEST(text.has_opt == has_opt);
        if (has_opt) {
            BOOST_TEST(dns::load_u16(out.data() + piece.size - 6) == 15U);  // RFC 8914
            BOOST_TEST(dns::load_u16(out.data() + piece.size - 2) == 14U);
        }
    }
}

BOOST_AUTO_TEST_CASE(every_message_is_signed_and_chained) {
    const dns::TsigKey key{
        dns::Name::from_text("key.test").take_value(),
        dns::HmacKey(dns::HmacAlgorithm::Sha256, base::as_bytes("0123456789abcdef"))};
    auto packet = transfer_query("example.test");
    const std::size_t size = packet.size();
    packet.resize(size + dns::tsig_record_size(key));
    dns::TsigSigner signer(key);
    packet.resize(signer.sign(packet, size, 1000));
    dns::TsigRecord record;
    const dns::TsigKeys keys({key});
    BOOST_REQUIRE(dns::verify_tsig(keys, packet, 1000, record) == dns::TsigVerdict::Good);
    std::vector<std::byte> plain(packet.size());
    const auto stripped = dns::strip_tsig(packet, record, plain);
    plain.resize(stripped.size());
    ZoneStream stream(
        request_of(plain),
        large_zone(1000),
        dns::TsigSigner(record),
        [] { return std::uint64_t{1000}; },
        nullptr);
    // The first by the rule of answers; the others as RFC 8945 5.3.1 chains them.
    std::vector<std::byte> out(dns::kMessageMax);
    auto piece = stream.next(out);
    BOOST_TEST((dns::verify_tsig_answer(
                    key, signer.mac().bytes(), std::span(out).first(piece.size), 1000) ==
                dns::TsigVerdict::Good));
    std::size_t messages = 1;
    while (piece.state == ReplyStream::State::More) {
        const auto mac = std::span(out).subspan(piece.size - 6 - 32, 32);
        dns::Hmac hmac(key.hmac);
        const std::array<std::byte, 2> length{std::byte{0}, std::byte{32}};
        hmac.update(length);
        hmac.update(mac);
        piece = stream.next(out);
        ++messages;
        const std::size_t body = piece.size - (key.name.size() + 10 + 13 + 10 + 32 + 6);
        std::vector<std::byte> message(out.begin(),
                                       out.begin() + static_cast<std::ptrdiff_t>(body));
        dns::store_u16(message.data() + 10, 0);
        hmac.update(message);
        const std::array<std::byte, 8> timers{std::byte{0},
                                              std::byte{0},
                                              std::byte{0},
                                              std::byte{0},
                                              std::byte{3},
                                              std::byte{0xe8},
                                              std::byte{1},
                                              std::byte{0x2c}};
        hmac.update(timers);
        const auto written = std::span(out).subspan(piece.size - 6 - 32, 32);
        BOOST_TEST(dns::same_mac(hmac.finish().bytes(), written));
    }
    BOOST_TEST(messages > 2U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
