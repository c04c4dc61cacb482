#include "dns/plugin/zone_list.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/world.h"

namespace {

std::size_t count(std::string_view text, std::string_view part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != std::string_view::npos;
         at = text.find(part, at + 1)) {
        ++found;
    }
    return found;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_plugin_zone_list)

BOOST_AUTO_TEST_CASE(a_large_zone_comes_in_pieces_that_are_one_line) {
    std::vector<std::string> lines;
    for (int i = 0; i < 500; ++i) {
        lines.push_back("n" + std::to_string(i) + " A 192.0.2.1");
    }
    lines.emplace_back("n1 TYPE65402 \\# 1 00");  // PowerDNS would run it
    const auto snapshot = dns_test::snapshot({dns_test::zone_source("mail.test", lines)});
    const auto pieces = dns::plugin::list_zone(*snapshot, 0, 7);
    std::string all;
    std::size_t most = 0;
    std::size_t number = 0;
    for (bool more = true; more; ++number) {
        std::string piece;
        more = pieces->next(piece);
        most = std::max(most, piece.size());
        all += piece;
    }
    BOOST_TEST(number > 5U);
    BOOST_TEST(most < 10'000U);
    BOOST_TEST(count(all, R"("qtype":"A")") == 500U);
    BOOST_TEST(count(all, "TYPE65402") == 0U);
    BOOST_TEST(count(all, "\n") == 1U);
    BOOST_TEST(count(all, "[,") + count(all, ",]") + count(all, ",,") == 0U);
    BOOST_TEST(all.ends_with("}]}\n"));
}

BOOST_AUTO_TEST_CASE(what_is_steered_has_its_type_and_the_canonical_answer) {
    const auto mail = dns_test::pool(dns::PoolKind::Mail, {1, 1, 1});
    const auto access = dns_test::pool(dns::PoolKind::Access, {1, 1});
    auto source = dns_test::zone_source("mail.test", {});
    source.steers_mail = true;
    source.steers_access = true;
    const auto snapshot = dns_test::snapshot({source}, &mail, &access);
    const auto pieces = dns::plugin::list_zone(*snapshot, 0, 7);
    std::string all;
    while (pieces->next(all)) {
    }
    BOOST_TEST(count(all, R"("qtype":"MX","qname":"mail.test.","content":")") == 3U, all);
    BOOST_TEST(count(all, R"("qtype":"A","qname":"imap.mail.test.","content":"192.0.2.)") == 2U);
    BOOST_TEST(count(all, R"("qtype":"AAAA","qname":"pop.mail.test.","content":"2001:db8::)") ==
               2U);
    BOOST_TEST(count(all, R"("qtype":"SRV")") == 4U);
}

BOOST_AUTO_TEST_CASE(lists_of_zones_come_in_pieces_too) {
    std::string none;
    BOOST_TEST(!dns::plugin::list_zones({})->next(none));
    BOOST_TEST(none == "{\"result\":[]}\n");
    std::vector<dns::plugin::ZoneInfo> zones(1000);
    const auto pieces = dns::plugin::list_zones(zones);
    std::string all;
    std::size_t number = 1;
    while (pieces->next(all)) {
        ++number;
    }
    BOOST_TEST(number == 4U);
    BOOST_TEST(count(all, R"("kind":"master")") == 1000U);
    BOOST_TEST(count(all, "}{") + count(all, ",,") + count(all, "[,") == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
