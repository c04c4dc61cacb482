#include "dns/update/update_message.h"

#include <string_view>

#include <boost/test/unit_test.hpp>

#include "test/unit/dns/update/update_builder.h"

using dns::Rcode;
using dns::update::kRcodeNotZone;
using dns_test::UpdateBuilder;
using namespace std::string_view_literals;

namespace {

constexpr unsigned kA = 1, kSoa = 6, kTxt = 16, kNsec = 47, kAxfr = 252, kAny = 255;
constexpr unsigned kIn = 1, kChaos = 3, kNone = 254, kAnyClass = 255;

UpdateBuilder zone() {
    return UpdateBuilder("example.test");
}

int rcode(const UpdateBuilder& message) {
    return static_cast<int>(message.read().rcode);
}

constexpr int kNoError = 0, kFormErr = 1, kNotAuth = 9, kNotZone = 10;

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_update_message)

BOOST_AUTO_TEST_CASE(reads_zone_prerequisites_and_updates) {
    const auto reading = zone()
                             .prerequisite("www.example.test", kAny, kAnyClass)
                             .prerequisite("www.example.test", kA, kIn, "1234")
                             .update("New.Example.Test", kTxt, kIn, 0x80000001, "\1a")
                             .update("old.example.test", kTxt, kNone, 0, "\1b")
                             .update("old.example.test", kNsec, kIn, 5, "odd")
                             .additional("\0\0\x29\4\xd0\0\0\0\0\0\0"sv)
                             .read();
    BOOST_REQUIRE(static_cast<int>(reading.rcode) == kNoError);
    BOOST_TEST(reading.request.zone.to_text() == "example.test.");
    BOOST_REQUIRE(reading.request.prerequisites.size() == 2U);
    BOOST_TEST(reading.request.prerequisites[1].data == "1234");
    BOOST_REQUIRE(reading.request.updates.size() == 3U);
    const auto& added = reading.request.updates[0];
    BOOST_TEST(added.owner.to_text() == "new.example.test.");
    BOOST_TEST(added.ttl == 0U);  // RFC 2181 8
    BOOST_TEST(added.data == "\1a");
    BOOST_TEST((reading.request.updates[1].rr_class == dns::RrClass::None));
    BOOST_TEST(!reading.request.updates[2].taken);
}

BOOST_AUTO_TEST_CASE(judges_the_zone_section) {
    BOOST_TEST(rcode(zone()) == kNoError);
    BOOST_TEST(rcode(UpdateBuilder("example.test", kA)) == kFormErr);
    BOOST_TEST(rcode(UpdateBuilder("example.test", kSoa, kChaos)) == kNotAuth);
    BOOST_TEST(rcode(UpdateBuilder("example.test", kSoa, kAnyClass)) == kFormErr);
    BOOST_TEST(rcode(UpdateBuilder("example.test", kSoa, kNone)) == kFormErr);
    BOOST_TEST(rcode(zone().count(4)) == kFormErr);
}

BOOST_AUTO_TEST_CASE(judges_prerequisites_by_their_form) {
    const char* const x = "x.example.test";
    BOOST_TEST(rcode(zone().prerequisite(x, kAny, kNone)) == kNoError);
    BOOST_TEST(rcode(zone().prerequisite(x, kAny, kAnyClass, "", 1)) == kFormErr);
    BOOST_TEST(rcode(zone().prerequisite(x, kA, kAnyClass, "1234")) == kFormErr);
    BOOST_TEST(rcode(zone().prerequisite(x, kA, kNone, "1234")) == kFormErr);
    BOOST_TEST(rcode(zone().prerequisite(x, kA, kIn, "1234", 1)) == kFormErr);
    BOOST_TEST(rcode(zone().prerequisite(x, kAny, kIn, "1234")) == kFormErr);
    BOOST_TEST(rcode(zone().prerequisite(x, kA, kChaos)) == kFormErr);
    BOOST_TEST(rcode(zone().prerequisite(x, kA, 77)) == kFormErr);
    BOOST_TEST(rcode(zone().prerequisite(x, kAxfr, kAnyClass)) == kFormErr);
    BOOST_TEST(rcode(zone().prerequisite("x.other.test", kA, kAnyClass)) == kNotZone);
}

BOOST_AUTO_TEST_CASE(judges_updates_by_their_form) {
    const char* const x = "x.example.test";
    BOOST_TEST(rcode(zone().update(x, kAny, kAnyClass, 0)) == kNoError);
    BOOST_TEST(rcode(zone().update(x, kA, kAnyClass, 1)) == kFormErr);
    BOOST_TEST(rcode(zone().update(x, kA, kAnyClass, 0, "1234")) == kFormErr);
    BOOST_TEST(rcode(zone().update(x, kAny, kNone, 0)) == kFormErr);
    BOOST_TEST(rcode(zone().update(x, kA, kNone, 1, "1234")) == kFormErr);
    BOOST_TEST(rcode(zone().update(x, kAny, kIn, 1, "")) == kFormErr);
    BOOST_TEST(rcode(zone().update(x, kAxfr, kIn, 1, "")) == kFormErr);
    BOOST_TEST(rcode(zone().update(x, kAxfr, kAnyClass, 0)) == kFormErr);
    BOOST_TEST(rcode(zone().update(x, 0, kAnyClass, 0)) == kFormErr);
    BOOST_TEST(rcode(zone().update(x, kA, kChaos, 0, "1234")) == kFormErr);
    BOOST_TEST(rcode(zone().update(x, kA, 0, 0, "1234")) == kFormErr);
    BOOST_TEST(rcode(zone().update(x, kA, kIn, 1, "123")) == kFormErr);
    BOOST_TEST(rcode(zone().update("other.test", kA, kIn, 1, "1234")) == kNotZone);
}

BOOST_AUTO_TEST_CASE(refuses_what_is_cut_or_goes_on) {
    const auto whole = zone().update("x.example.test", kA, kIn, 1, "1234").bytes();
    const std::vector<std::byte> octets(whole.begin(), whole.end());
    for (std::size_t size = dns::kHeaderSize; size < octets.size(); ++size) {
        const auto reading = dns::update::read_update(std::span(octets).first(size));
        BOOST_TEST((reading.rcode == Rcode::FormErr));
        BOOST_TEST(reading.request.updates.empty());
    }
    BOOST_TEST(rcode(zone().raw("x")) == kFormErr);
    BOOST_TEST(rcode(zone().additional("x")) == kFormErr);
}

BOOST_AUTO_TEST_CASE(the_answer_has_the_zone_if_there_is_room) {
    std::vector<std::byte> out(dns::kUdpPlainMax);
    const auto message = zone().update("x.example.test", kA, kIn, 1, "1234");
    const std::size_t size =
        dns::update::write_update_answer(message.bytes(), dns::kRcodeNotAuth, 100, out);
    BOOST_TEST(size == dns::kHeaderSize + 14 + 4);
    BOOST_TEST(dns::load_u16(out.data()) == 7U);
    BOOST_TEST(dns::load_u16(out.data() + 2) == 0xa809U);
    BOOST_TEST(dns::load_u16(out.data() + 4) == 1U);
    BOOST_TEST(dns::load_u16(out.data() + 8) == 0U);
    BOOST_TEST(dns::update::write_update_answer(message.bytes(), Rcode::NoError, 490, out) ==
               dns::kHeaderSize);
    BOOST_TEST(dns::load_u16(out.data() + 4) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
