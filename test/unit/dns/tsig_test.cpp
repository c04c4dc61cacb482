#include "dns/tsig.h"

#include <boost/test/unit_test.hpp>

#include "base/hash.h"
#include "test/unit/dns/hex.h"
#include "test/unit/dns/query_builder.h"

namespace {

using dns::HmacAlgorithm;
using dns::TsigRecord;
using dns::TsigSigner;
using dns::TsigVerdict;

constexpr std::uint64_t kNow = 1700000000;
using Packet = std::vector<std::byte>;

dns::TsigKey key(HmacAlgorithm algorithm = HmacAlgorithm::Sha256,
                 std::string_view name = "key.test") {
    std::string secret;
    for (char i = 0; i < 32; ++i) {
        secret += i;
    }
    return {dns::Name::from_text(name).take_value(),
            dns::HmacKey(algorithm, base::as_bytes(secret))};
}

dns::TsigKeys keys() {
    return dns::TsigKeys({key(HmacAlgorithm::Sha512, "other.test"), key()});
}

Packet query() {
    return dns_test::QueryBuilder()
        .flags(dns::kFlagRecursionDesired)
        .question("example.test", dns::RrType::Soa)
        .bytes();
}

Packet answer() {
    Packet packet = query();
    dns::store_u16(packet.data() + 2, 0x8500);
    return packet;
}

Packet sign(TsigSigner& signer, Packet packet, std::uint64_t now = kNow) {
    const std::size_t size = packet.size();
    packet.resize(size + dns::tsig_record_size(signer.key()));
    packet.resize(signer.sign(packet, size, now));
    return packet;
}

Packet signed_query(std::uint64_t now = kNow) {
    const dns::TsigKey mine = key();
    TsigSigner signer(mine);
    return sign(signer, query(), now);
}

TsigVerdict judge(const Packet& packet, TsigRecord& record, std::uint64_t now = kNow) {
    static const dns::TsigKeys kKeys = keys();
    return dns::verify_tsig(kKeys, packet, now, record);
}

TsigVerdict judge(const Packet& packet, std::uint64_t now = kNow) {
    TsigRecord record;
    return judge(packet, record, now);
}

Packet refuse(const Packet& packet, std::uint64_t now = kNow) {
    TsigRecord record;
    const TsigVerdict verdict = judge(packet, record, now);
    Packet out(dns::kUdpResponseMax);
    out.resize(dns::answer_tsig_error(packet, verdict, record, now, out));
    return out;
}

// Place of the last octets of a signed packet: original ID, error, other length.
std::size_t tail(const Packet& packet) {
    return packet.size() - 6;
}

BOOST_AUTO_TEST_SUITE(tsig)

// Made by an implementation of its own (Python's hmac over RFC 8945 4.3).
BOOST_AUTO_TEST_CASE(codes_are_taken_over_what_the_standard_says) {
    struct Case {
        HmacAlgorithm algorithm;
        std::string request;
        std::string answer;
        std::string second;
    };

    const Case cases[] = {{HmacAlgorithm::Sha256,
                           "2b82a7509074eded322d0731633be7829f8da9f4286d1a36a764e3cf2b14e368",
                           "3ce9938972eced29c834c31f680ba06ccab674ec4be2f86969222cc608a5fabd",
                           "f32fd5707c2acabd1132474e1f4015b100e1abc192e7ce773f104748ebc4704b"},
                          {HmacAlgorithm::Sha384,
                           "6bb61b103ae7bf09e4e8a318c114f41135187919f00da9abfce81ad623858951"
                           "15950fd50e777ab51cc2a6fae06bb497",
                           "a5103252b0af0c77e351402797fa13ee7700fa754eb373ddfc37593c69f5d706"
                           "51cfd1c56c1ccd4bcef64160924384d0",
                           "372efe8d2445cebc9e01f747bf9d927e27cd1b7acb72710034ef6c5c94eeae29"
                           "d4d0806e9f2c493a677e59823ede4c01"}};
    for (const Case& one : cases) {
        const dns::TsigKey mine = key(one.algorithm);
        TsigSigner signer(mine);
        const Packet request = sign(signer, query());
        BOOST_TEST(dns_test::hex(signer.mac().bytes()) == one.request);
        TsigRecord record;
        const dns::TsigKeys known({mine});
        BOOST_REQUIRE(dns::verify_tsig(known, request, kNow, record) == TsigVerdict::Good);
        TsigSigner answers(record);
        const Packet first = sign(answers, answer());
        BOOST_TEST(dns_test::hex(answers.mac().bytes()) == one.answer);
        BOOST_TEST((dns::verify_tsig_answer(mine, signer.mac().bytes(), first, kNow) ==
                    TsigVerdict::Good));
        (void)sign(answers, answer());
        BOOST_TEST(dns_test::hex(answers.mac().bytes()) == one.second);
    }
}

BOOST_AUTO_TEST_CASE(a_signed_query_is_itself_again_without_the_signature) {
    const Packet packet = signed_query();
    TsigRecord record;
    BOOST_REQUIRE(judge(packet, record) == TsigVerdict::Good);
    Packet out(packet.size());
    const auto plain = dns::strip_tsig(packet, record, out);
    BOOST_TEST(std::ranges::equal(plain, query()));
}

BOOST_AUTO_TEST_CASE(a_forwarder_may_change_the_id) {
    Packet packet = signed_query();
    dns::store_u16(packet.data(), 0x9999);
    BOOST_TEST((judge(packet) == TsigVerdict::Good));
}

BOOST_AUTO_TEST_CASE(any_changed_octet_is_seen) {
    const Packet good = signed_query();
    const std::size_t record_at = query().size();
    for (std::size_t i = 2; i < good.size(); ++i) {
        Packet bad = good;
        bad[i] ^= std::byte{0x01};
        TsigRecord record;
        const TsigVerdict verdict = judge(bad, record);
        BOOST_TEST_CONTEXT("octet " << i << " of " << good.size() << ", record at " << record_at) {
            BOOST_TEST((verdict != TsigVerdict::Good));
        }
    }
}

BOOST_AUTO_TEST_CASE(case_of_the_names_is_no_change) {
    Packet packet = signed_query();
    packet[query().size() + 1] = std::byte{'K'};
    BOOST_TEST((judge(packet) == TsigVerdict::Good));
}

BOOST_AUTO_TEST_CASE(absent_and_malformed_are_told_apart) {
    BOOST_TEST((judge(query()) == TsigVerdict::Absent));
    BOOST_TEST((judge(Packet(5)) == TsigVerdict::Malformed));
    Packet twice = signed_query();
    const Packet once = twice;
    twice.insert(
        twice.end(), once.begin() + static_cast<std::ptrdiff_t>(query().size()), once.end());
    dns::store_u16(twice.data() + 10, 2);
    BOOST_TEST((judge(twice) == TsigVerdict::Malformed));
    Packet in_answer = signed_query();
    dns::store_u16(in_answer.data() + 6, 1);
    dns::store_u16(in_answer.data() + 10, 0);
    BOOST_TEST((judge(in_answer) == TsigVerdict::Malformed));
    for (std::size_t size = query().size(); size < once.size(); ++size) {
        BOOST_TEST((judge(Packet(once.begin(), once.begin() + static_cast<std::ptrdiff_t>(size))) ==
                    TsigVerdict::Malformed));
    }
}

BOOST_AUTO_TEST_CASE(an_unknown_key_or_algorithm_is_answered_unsigned) {
    const dns::TsigKey stranger = key(HmacAlgorithm::Sha256, "stranger.test");
    TsigSigner signer(stranger);
    const Packet packet = sign(signer, query());
    BOOST_TEST((judge(packet) == TsigVerdict::BadKey));
    const dns::TsigKey weaker = key(HmacAlgorithm::Sha384);
    TsigSigner other(weaker);
    BOOST_TEST((judge(sign(other, query())) == TsigVerdict::BadKey));
    const Packet reply = refuse(packet);
    BOOST_TEST((dns::load_u16(reply.data() + 2) & 15U) == 9U);  // NOTAUTH
    BOOST_TEST(dns::load_u16(reply.data() + tail(reply) + 2) == 17U);
    BOOST_TEST(dns::load_u16(reply.data() + tail(reply) - 2) == 0U);  // no code
}

BOOST_AUTO_TEST_CASE(a_wrong_code_is_answered_unsigned) {
    Packet packet = signed_query();
    packet[tail(packet) - 1] ^= std::byte{1};
    BOOST_TEST((judge(packet) == TsigVerdict::BadSig));
    const Packet reply = refuse(packet);
    BOOST_TEST((dns::load_u16(reply.data() + 2) & 15U) == 9U);
    BOOST_TEST(dns::load_u16(reply.data() + tail(reply) + 2) == 16U);
}

// RFC 8945 5.2.3: the client's time, signed, and ours beside it.
BOOST_AUTO_TEST_CASE(a_late_query_is_told_our_time) {
    const Packet packet = signed_query();
    BOOST_TEST((judge(packet, kNow + 300) == TsigVerdict::Good));
    BOOST_TEST((judge(packet, kNow - 300) == TsigVerdict::Good));
    BOOST_TEST((judge(packet, kNow + 301) == TsigVerdict::BadTime));
    BOOST_TEST((judge(packet, kNow - 301) == TsigVerdict::BadTime));
    const Packet reply = refuse(packet, kNow + 1000);
    const std::size_t at = reply.size() - 12;
    BOOST_TEST(dns::load_u16(reply.data() + at + 2) == 18U);
    BOOST_TEST(dns::load_u16(reply.data() + at + 4) == 6U);
    BOOST_TEST(dns_test::hex(std::span(reply).last(6)) == "00006553f4e8");  // kNow + 1000
    TsigRecord request;
    BOOST_REQUIRE(judge(packet, request, kNow + 1000) == TsigVerdict::BadTime);
    BOOST_TEST(
        (dns::verify_tsig_answer(key(), request.mac.bytes(), reply, kNow) == TsigVerdict::BadTime));
}

// RFC 8945 5.2.2.1.
BOOST_AUTO_TEST_CASE(truncated_codes_are_judged_by_their_length) {
    const auto cut_to = [](std::size_t mac) {
        const Packet whole = signed_query();
        const std::size_t mac_at = tail(whole) - 32;
        Packet cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(mac_at + mac));
        cut.insert(cut.end(), whole.end() - 6, whole.end());
        dns::store_u16(cut.data() + mac_at - 2, static_cast<std::uint16_t>(mac));
        const std::size_t length_at = query().size() + key().name.size() + 8;
        const auto length = static_cast<std::uint16_t>(cut.size() - length_at - 2);
        dns::store_u16(cut.data() + length_at, length);
        return cut;
    };
    BOOST_TEST((judge(cut_to(32)) == TsigVerdict::Good));
    BOOST_TEST((judge(cut_to(31)) == TsigVerdict::BadTrunc));
    BOOST_TEST((judge(cut_to(16)) == TsigVerdict::BadTrunc));
    BOOST_TEST((judge(cut_to(15)) == TsigVerdict::Malformed));
    BOOST_TEST((judge(cut_to(0)) == TsigVerdict::Malformed));
    const Packet reply = refuse(cut_to(16));
    BOOST_TEST(dns::load_u16(reply.data() + tail(reply) + 2) == 22U);
    BOOST_TEST(dns::load_u16(reply.data() + tail(reply) - 34) == 32U);       // signed
    BOOST_TEST((dns::load_u16(refuse(cut_to(15)).data() + 2) & 15U) == 1U);  // FORMERR
}

BOOST_AUTO_TEST_CASE(answers_are_bound_to_their_request) {
    const dns::TsigKey mine = key();
    TsigSigner signer(mine);
    const Packet request = sign(signer, query());
    TsigRecord record;
    BOOST_REQUIRE(judge(request, record) == TsigVerdict::Good);
    TsigSigner answers(record);
    const Packet reply = sign(answers, answer());
    BOOST_TEST(
        (dns::verify_tsig_answer(mine, signer.mac().bytes(), reply, kNow) == TsigVerdict::Good));
    dns::Mac other = signer.mac();
    other.octets[0] ^= std::byte{1};
    BOOST_TEST((dns::verify_tsig_answer(mine, other.bytes(), reply, kNow) == TsigVerdict::BadSig));
    BOOST_TEST((dns::verify_tsig_answer(mine, signer.mac().bytes(), answer(), kNow) ==
                TsigVerdict::Absent));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
