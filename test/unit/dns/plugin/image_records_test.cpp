#include "dns/plugin/image_records.h"

#include <boost/test/unit_test.hpp>

#include "dns/ldns_door.h"

namespace {

dns::Name name(std::string_view text) {
    return dns::Name::from_text(text).take_value();
}

std::string data(std::uint16_t type, std::string_view text) {
    return dns::record_data(type, text, dns::Name()).take_value();
}

std::string line(const dns::plugin::ImageRecord& record) {
    return record.owner.to_text() + " " + std::to_string(record.ttl) + " " +
           dns::record_type_name(record.type) + " " +
           dns::record_data_text(record.type, record.data).take_value();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_plugin_image_records)

BOOST_AUTO_TEST_CASE(takes_apart_what_was_compressed) {
    dns::Arena arena(2);
    dns::ImageBuilder address{dns::Name()};
    address.record(1, 60, data(1, "192.0.2.1"));
    const auto address_at = address.finish(arena).take_value();
    const std::vector<std::byte> octets = [&] {
        const auto view = dns::ImageView(arena.data(), address_at).octets();
        return std::vector<std::byte>(view.begin(), view.end());
    }();
    dns::ImageBuilder builder(name("mail.test"));
    builder.record(15, 300, data(15, "10 mx1.mail.test."));
    builder.record(15, 300, data(15, "20 mx1.mail.test."));
    builder.record(6, 3600, data(6, "ns1.mail.test. a.b.mail.test. 1 2 3 4 5"));
    builder.record(16, 5, data(16, "\"text\""));
    builder.extra(name("mx1.mail.test"), octets, 1);
    const auto at = builder.finish(arena).take_value();
    const auto records =
        dns::plugin::read_image(dns::ImageView(arena.data(), at), name("www.mail.test"));
    BOOST_REQUIRE(records.own.size() == 4U);
    BOOST_TEST(line(records.own[0]) == "www.mail.test. 300 MX 10 mx1.mail.test.");
    BOOST_TEST(line(records.own[1]) == "www.mail.test. 300 MX 20 mx1.mail.test.");
    BOOST_TEST(line(records.own[2]) ==
               "www.mail.test. 3600 SOA ns1.mail.test. a.b.mail.test. 1 2 3 4 5");
    BOOST_TEST(line(records.own[3]) == "www.mail.test. 5 TXT \"text\"");
    BOOST_REQUIRE(records.extras.size() == 1U);
    BOOST_TEST(line(records.extras[0]) == "mx1.mail.test. 60 A 192.0.2.1");
}

BOOST_AUTO_TEST_SUITE_END()
