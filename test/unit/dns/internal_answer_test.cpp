#include "dns/internal_answer.h"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/hash.h"
#include "test/unit/dns/accounts.h"
#include "test/unit/dns/packet_text.h"
#include "test/unit/dns/query_builder.h"

using dns::Admission;
using dns::Certainty;
using dns::RrType;
using dns_test::PacketText;
using dns_test::QueryBuilder;

namespace {

constexpr unsigned kNoError = 0;
constexpr unsigned kServFail = 2;
constexpr unsigned kNxDomain = 3;
constexpr unsigned kRefused = 5;

std::string name_of(std::string_view local_part, const std::string& domain) {
    return base::to_hex(dns::account_digest(local_part)) + "._account." + domain;
}

constexpr std::uint64_t kNow = 1700000000;

dns::TsigKey key_named(std::string_view name, std::string_view secret = "0123456789abcdef") {
    return {dns::Name::from_text(name).take_value(),
            dns::HmacKey(dns::HmacAlgorithm::Sha256, base::as_bytes(secret))};
}

struct View {
    // Signed by our key, answered as a view with that key answers; the answer is not verified.
    std::vector<std::byte> ask_signed(const std::string& name, const dns::TsigKey& key) {
        std::vector<std::byte> packet = QueryBuilder().question(name, RrType::Txt).bytes();
        const std::size_t size = packet.size();
        packet.resize(size + dns::tsig_record_size(key));
        dns::TsigSigner signer(key);
        packet.resize(signer.sign(packet, size, kNow));
        request_mac = signer.mac();
        return ask_raw(packet);
    }

    std::vector<std::byte> ask_raw(const std::vector<std::byte>& packet) {
        std::vector<std::byte> out(dns::kUdpResponseMax);
        asked.packet = packet;
        out.resize(dns::answer_internal(&*view, asked, keys, kNow, counters, out));
        return out;
    }

    PacketText ask(const QueryBuilder& query) {
        std::vector<std::byte> out(dns::kUdpResponseMax);
        asked.packet = query.bytes();
        out.resize(dns::answer_internal(loaded ? &*view : nullptr, asked, counters, out));
        return dns_test::read_packet(out);
    }

    PacketText ask(const std::string& name, RrType type = RrType::Txt) {
        return ask(QueryBuilder().question(name, type).opt());
    }

    std::optional<dns::AccountView> view = dns_test::account_view(
        {{"alice", 42}, {"bob", 9223372036854775807U, dns::AccountState::Disabled}});
    dns::TsigKeys keys = dns::TsigKeys({key_named("checker.test")});
    dns::Mac request_mac;
    bool loaded = true;
    dns::InternalQuery asked{{}, dns::Transport::Udp, Admission::Allowed, Certainty::Sure};
    dns::InternalCounters counters;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(dns_internal_answer, View)

BOOST_AUTO_TEST_CASE(an_existing_address_has_a_status) {
    const PacketText alice = ask(name_of("alice", "mail.test"));
    BOOST_TEST(alice.rcode == kNoError);
    BOOST_TEST(alice.authoritative);
    BOOST_REQUIRE(alice.answer.size() == 1U);
    BOOST_TEST(alice.answer[0] ==
               name_of("alice", "mail.test") + ". 0 TXT \"v=1 account=42 state=active\"");
    const PacketText bob = ask(name_of("bob", "mail.test"));
    BOOST_TEST(bob.answer.at(0).find("account=9223372036854775807 state=disabled") !=
               std::string::npos);
    BOOST_TEST(counters.found.value() == 2U);
}

BOOST_AUTO_TEST_CASE(the_case_of_the_name_does_not_matter) {
    std::string name = name_of("alice", "MAIL.test");
    for (char& c : name) {
        c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    BOOST_TEST(ask(name).answer.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_missing_address_is_denied_without_a_soa) {
    const PacketText packet = ask(name_of("carol", "mail.test"));
    BOOST_TEST(packet.rcode == kNxDomain);
    BOOST_TEST(packet.authoritative);
    BOOST_TEST(packet.authority.empty());
    BOOST_TEST(counters.unknown.value() == 1U);
}

BOOST_AUTO_TEST_CASE(an_unsure_view_denies_nobody) {
    asked.certainty = Certainty::Unsure;
    BOOST_TEST(ask(name_of("carol", "mail.test")).rcode == kServFail);
    BOOST_TEST(ask(name_of("alice", "mail.test")).rcode == kNoError);
    loaded = false;
    asked.certainty = Certainty::Sure;
    BOOST_TEST(ask(name_of("alice", "mail.test")).rcode == kServFail);
    loaded = true;
    asked.certainty = Certainty::Unsure;
    BOOST_TEST(ask(name_of("alice", "new.test")).rcode == kServFail);
    BOOST_TEST(ask("www.mail.test").rcode == kRefused);
    BOOST_TEST(counters.unsure.value() == 3U);
}

BOOST_AUTO_TEST_CASE(refuses_other_domains_and_other_names) {
    for (const std::string& name : {name_of("alice", "other.test"),
                                    name_of("alice", "sub.mail.test"),
                                    std::string("mail.test"),
                                    std::string("www.mail.test"),
                                    std::string("."),
                                    std::string("_account"),
                                    base::to_hex(dns::account_digest("alice")) + ".mail.test"}) {
        BOOST_TEST(ask(name).rcode == kRefused, name);
    }
    BOOST_TEST(counters.refused_name.value() == 7U);
}

BOOST_AUTO_TEST_CASE(refuses_clients_outside_the_acl) {
    asked.admission = Admission::Refused;
    BOOST_TEST(ask(name_of("alice", "mail.test")).rcode == kRefused);
    BOOST_TEST(ask(name_of("carol", "mail.test")).rcode == kRefused);
    BOOST_TEST(counters.refused_acl.value() == 2U);
}

BOOST_AUTO_TEST_CASE(names_of_another_shape_do_not_exist) {
    const std::string digest = base::to_hex(dns::account_digest("alice"));
    for (const std::string& name : {"x." + digest + "._account.mail.test",
                                    digest.substr(0, 54) + "._account.mail.test",
                                    "g" + digest.substr(1) + "._account.mail.test",
                                    std::string("a._account.mail.test")}) {
        BOOST_TEST(ask(name).rcode == kNxDomain, name);
    }
    const PacketText parent = ask("_account.mail.test");
    BOOST_TEST(parent.rcode == kNoError);
    BOOST_TEST(parent.answer.empty());
}

BOOST_AUTO_TEST_CASE(other_types_have_no_data) {
    const PacketText packet = ask(name_of("alice", "mail.test"), RrType::A);
    BOOST_TEST(packet.rcode == kNoError);
    BOOST_TEST(packet.answer.empty());
    BOOST_TEST(ask(name_of("alice", "mail.test"), RrType::Any).answer.size() == 1U);
}

BOOST_AUTO_TEST_CASE(bad_packets_get_their_rcode) {
    BOOST_TEST(ask(QueryBuilder().question("a", RrType::A).flags(0x2000)).rcode == 4U);
    std::vector<std::byte> out(dns::kUdpResponseMax);
    asked.packet = {};
    BOOST_TEST(dns::answer_internal(&*view, asked, counters, out) == 0U);
}

BOOST_AUTO_TEST_CASE(who_signs_with_a_key_of_the_view_may_ask_from_anywhere) {
    asked.admission = Admission::Refused;
    const dns::TsigKey mine = key_named("checker.test");
    const auto found = ask_signed(name_of("alice", "mail.test"), mine);
    BOOST_TEST(dns_test::read_packet(found).answer.size() == 1U);
    BOOST_TEST((dns::verify_tsig_answer(mine, request_mac.bytes(), found, kNow) ==
                dns::TsigVerdict::Good));
    const auto missing = ask_signed(name_of("carol", "mail.test"), mine);
    BOOST_TEST(dns_test::read_packet(missing).rcode == kNxDomain);
    BOOST_TEST((dns::verify_tsig_answer(mine, request_mac.bytes(), missing, kNow) ==
                dns::TsigVerdict::Good));
    // The same without its signature.
    const auto plain = QueryBuilder().question(name_of("alice", "mail.test"), RrType::Txt).bytes();
    BOOST_TEST(dns_test::read_packet(ask_raw(plain)).rcode == kRefused);
}

BOOST_AUTO_TEST_CASE(what_is_signed_badly_learns_nothing) {
    constexpr unsigned kNotAuth = 9;
    for (const dns::TsigKey& key :
         {key_named("other.test"), key_named("checker.test", "fedcba9876543210")}) {
        const auto refused = ask_signed(name_of("alice", "mail.test"), key);
        BOOST_TEST(dns_test::read_packet(refused).rcode == kNotAuth);
        BOOST_TEST(dns_test::read_packet(refused).answer.empty());
    }
    BOOST_TEST(counters.refused_acl.value() == 2U);
    BOOST_TEST(counters.found.value() == 0U);
    // A view without keys knows no signatures.
    keys = {};
    const auto unknown = ask_signed(name_of("alice", "mail.test"), key_named("checker.test"));
    BOOST_TEST(dns_test::read_packet(unknown).rcode == kRefused);
}

BOOST_AUTO_TEST_CASE(a_signed_answer_keeps_to_the_size_of_a_client_without_edns) {
    const std::string long_domain =
        std::string(60, 'a') + "." + std::string(60, 'b') + "." + std::string(60, 'c') + ".test";
    view = dns::AccountView(
        {dns_test::domain_accounts(
            1, long_domain, {{"alice", 9223372036854775807U, dns::AccountState::Disabled}})},
        {});
    // As long as a key may be.
    const dns::TsigKey mine = {
        dns::Name::from_text(std::string(49, 'k') + "." + std::string(48, 'k')).take_value(),
        dns::HmacKey(dns::HmacAlgorithm::Sha512,
                     base::as_bytes(std::string_view("0123456789abcdef")))};
    keys = dns::TsigKeys({mine});
    const auto answer = ask_signed(name_of("alice", long_domain), mine);
    BOOST_TEST(answer.size() <= dns::kUdpPlainMax);
    BOOST_TEST(dns_test::read_packet(answer).truncated);
    BOOST_TEST((dns::verify_tsig_answer(mine, request_mac.bytes(), answer, kNow) ==
                dns::TsigVerdict::Good));
}

BOOST_AUTO_TEST_SUITE_END()
