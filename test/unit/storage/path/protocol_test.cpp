#include "storage/path/protocol.h"

#include <boost/test/unit_test.hpp>

#include "storage/path/relative_path.h"

using namespace storage;
using namespace storage::helper;

namespace {

Request full_request() {
    Request request;
    request.id = 0x0102030405060708U;
    request.type = RequestType::List;
    request.flag = Flag::Detail;
    request.slot = 7;
    request.length = kSlotSize;
    request.offset = 1U << 30U;
    request.handle = 99;
    request.path = "segments/20261122";
    request.after = "a.seg";
    return request;
}

Reply full_reply() {
    Reply reply;
    reply.id = 5;
    reply.ok = false;
    reply.code = base::Errc::Refused;
    reply.length = 17;
    reply.value = 1ULL << 40U;
    reply.second = 3;
    reply.is_folder = true;
    reply.detail = "no identity file";
    return reply;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(storage_path_protocol)

BOOST_AUTO_TEST_CASE(requests_and_replies_come_back) {
    const auto request = decode_request(encode(full_request()));
    BOOST_REQUIRE(request);
    BOOST_CHECK(request.value() == full_request());
    const auto reply = decode_reply(encode(full_reply()));
    BOOST_REQUIRE(reply);
    BOOST_CHECK(reply.value() == full_reply());
}

BOOST_AUTO_TEST_CASE(packets_of_the_longest_names_fit) {
    Request request = full_request();
    request.path.assign(kRelativePathMax, 'p');
    request.after.assign(kRelativePathMax, 'a');
    BOOST_TEST(encode(request).size() <= kPacketMax);
    Reply reply = full_reply();
    reply.detail.assign(5'000, 'd');  // cut
    const auto packet = encode(reply);
    BOOST_TEST(packet.size() <= kPacketMax);
    BOOST_TEST(decode_reply(packet).value().detail.size() == kDetailMax);
}

BOOST_AUTO_TEST_CASE(another_version_is_told_apart) {
    auto packet = encode(full_request());
    packet[0] = std::byte{9};
    BOOST_CHECK(decode_request(packet).error().code == base::Errc::Unsupported);
}

BOOST_AUTO_TEST_CASE(no_cut_or_lengthened_packet_is_taken) {
    const auto request = encode(full_request());
    const auto reply = encode(full_reply());
    for (std::size_t size = 0; size < request.size(); ++size) {
        BOOST_TEST(!decode_request(std::span(request).first(size)));
    }
    for (std::size_t size = 0; size < reply.size(); ++size) {
        BOOST_TEST(!decode_reply(std::span(reply).first(size)));
    }
    auto longer = request;
    longer.push_back(std::byte{0});
    BOOST_TEST(!decode_request(longer));
    auto longer_reply = reply;
    longer_reply.push_back(std::byte{0});
    BOOST_TEST(!decode_reply(longer_reply));
}

BOOST_AUTO_TEST_CASE(values_out_of_bounds_are_refused) {
    const auto spoilt = [](std::size_t at, std::uint8_t value) {
        auto packet = encode(full_request());
        packet[at] = static_cast<std::byte>(value);
        return !decode_request(packet);
    };
    BOOST_TEST(spoilt(1, 0));
    BOOST_TEST(spoilt(1, 10));
    BOOST_TEST(spoilt(2, 3));
    BOOST_TEST(spoilt(3, 8));    // a slot that is not there
    BOOST_TEST(spoilt(7, 255));  // more than a slot holds
    auto reply = encode(full_reply());
    reply[2] = std::byte{200};
    BOOST_TEST(!decode_reply(reply));
}

BOOST_AUTO_TEST_CASE(a_slot_holds_the_largest_listing) {
    std::vector<Entry> entries(kListMax, Entry{std::string(kRelativePathMax, 'n'), 1, -2, true});
    std::vector<std::byte> slot(kSlotSize);
    const std::size_t used = put_entries(entries, slot);
    const auto back = get_entries(std::span(slot).first(used));
    BOOST_REQUIRE(back);
    BOOST_CHECK(back.value() == entries);
    BOOST_TEST(!get_entries(std::span(slot).first(used - 1)));
}

BOOST_AUTO_TEST_SUITE_END()
