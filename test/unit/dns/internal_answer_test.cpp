#include "dns/internal_answer.h"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/hash.h"
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

struct View {
    View() {
        auto accounts = std::make_shared<dns::DomainAccounts>();
        accounts->name = dns::Name::from_text("mail.test").take_value();
        accounts->entries.emplace_back(dns::account_digest("alice"), 42, dns::AccountState::Active);
        accounts->entries.emplace_back(
            dns::account_digest("bob"), 9223372036854775807U, dns::AccountState::Disabled);
        accounts->finish();
        view.emplace(dns::AccountView::Domains{accounts});
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

    std::optional<dns::AccountView> view;
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

BOOST_AUTO_TEST_SUITE_END()
