#include "dns/internal_server.h"

#include <boost/test/unit_test.hpp>

#include "base/fiber.h"
#include "base/hash.h"
#include "base/resolver.h"
#include "test/support/loop_runner.h"
#include "test/unit/dns/accounts.h"

namespace {

using base::Deadline;

base::Network network(const char* text) {
    return base::Network::parse(text).take_value();
}

std::unique_ptr<dns::InternalServer> server(base::Loop& loop, const char* acl) {
    return dns::InternalServer::create(
               loop, {{base::Endpoint::parse("127.0.0.1:0").take_value()}, {network(acl)}})
        .take_value();
}

std::shared_ptr<const dns::AccountView> view() {
    return std::make_shared<const dns::AccountView>(dns_test::account_view({{"alice", 42}}));
}

base::Result<base::DnsReply> ask(const dns::InternalServer& server, std::string_view local_part) {
    const std::string name = base::to_hex(dns::account_digest(local_part)) + "._account.mail.test";
    const auto servers = server.bound();
    return base::dns_query(
        servers, name, base::DnsType::Txt, Deadline::after(std::chrono::seconds(10)));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_internal_server)

BOOST_AUTO_TEST_CASE(our_own_resolver_understands_its_answers) {
    test_support::run_in_fiber([](base::Loop& loop) {
        const auto internal = server(loop, "127.0.0.0/8");
        internal->set_view(view());
        const auto alice = ask(*internal, "alice");
        BOOST_REQUIRE(alice);
        BOOST_REQUIRE(alice.value().texts.size() == 1U);
        BOOST_TEST(alice.value().texts[0] == "v=1 account=42 state=active");
        BOOST_TEST((ask(*internal, "bob").value().rcode == base::DnsRcode::ServFail));
        internal->set_certainty(dns::Certainty::Sure);
        BOOST_TEST((ask(*internal, "bob").value().rcode == base::DnsRcode::NxDomain));
    });
}

BOOST_AUTO_TEST_CASE(takes_another_acl) {
    test_support::run_in_fiber([](base::Loop& loop) {
        const auto internal = server(loop, "127.0.0.0/8");
        internal->set_view(view());
        BOOST_TEST((ask(*internal, "alice").value().rcode == base::DnsRcode::NoError));
        internal->set_acl({network("10.0.0.0/8")});
        BOOST_TEST((ask(*internal, "alice").value().rcode == base::DnsRcode::Refused));
    });
}

BOOST_AUTO_TEST_CASE(refuses_networks_outside_the_acl) {
    test_support::run_in_fiber([](base::Loop& loop) {
        const auto internal = server(loop, "10.0.0.0/8");
        internal->set_view(view());
        BOOST_TEST((ask(*internal, "alice").value().rcode == base::DnsRcode::Refused));
        BOOST_TEST(internal->counters().refused_acl.value() > 0U);
    });
}

BOOST_AUTO_TEST_SUITE_END()
