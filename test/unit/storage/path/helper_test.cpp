#include "storage/path/helper.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/path/loop_fixture.h"

// serve() runs in every test that has a helper process; what it answers is here.

using namespace storage_test;
using namespace storage::helper;
using base::Errc;

namespace {

struct Answering {
    TempDir dir;
    RootFiles files{dir.path(), store_id(1).text()};
    std::vector<std::byte> shared = std::vector<std::byte>(kSharedSize);

    Answering() { write_identity(dir.path(), store_id(1)); }

    Reply ask(const Request& request) { return answer(files, request, shared); }

    void fill(std::size_t slot, std::string_view text) {
        std::ranges::copy(base::as_bytes(text),
                          shared.begin() + static_cast<std::ptrdiff_t>(slot * kSlotSize));
    }

    [[nodiscard]] std::string text(std::size_t slot, std::size_t size) const {
        return std::string(base::as_text(std::span(shared).subspan(slot * kSlotSize, size)));
    }
};

Request make(RequestType type,
             const std::string& path = {},
             std::uint8_t slot = kNoSlot,
             std::uint32_t length = 0) {
    Request request;
    request.id = 5;
    request.type = type;
    request.path = path;
    request.handle = 1;
    request.slot = slot;
    request.length = length;
    return request;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(storage_helper)

BOOST_AUTO_TEST_CASE(each_request_has_its_reply) {
    Answering it;
    it.fill(2, "head");
    BOOST_TEST(it.ask(make(RequestType::Create, "a", 2, 4)).ok);
    it.fill(7, "body");
    Request write = make(RequestType::Write, "", 7, 4);
    write.offset = 4;
    write.flag = Flag::Sync;
    BOOST_TEST(it.ask(write).ok);
    BOOST_TEST(it.ask(make(RequestType::Sync)).ok);
    const Reply read = it.ask(make(RequestType::Read, "a", 0, 100));
    BOOST_TEST(read.ok);
    BOOST_TEST(read.id == 5U);
    BOOST_TEST(read.length == 8U);
    BOOST_TEST(it.text(0, 8) == "headbody");
    const Reply stat = it.ask(make(RequestType::Stat, "a"));
    BOOST_TEST(stat.value == 8U);
    BOOST_TEST(!stat.is_folder);
    const Reply list = it.ask(make(RequestType::List, "", 1));
    BOOST_TEST(list.ok);
    BOOST_TEST(list.value == 1U);
    const auto entries = get_entries(std::span(it.shared).subspan(kSlotSize, list.length));
    BOOST_REQUIRE(entries);
    BOOST_TEST(entries.value().size() >= 1U);
    BOOST_TEST(it.ask(make(RequestType::Close)).ok);
    BOOST_CHECK(it.ask(make(RequestType::Sync)).code == Errc::Unavailable);
    BOOST_TEST(it.ask(make(RequestType::Remove, "a")).ok);
    BOOST_CHECK(it.ask(make(RequestType::Stat, "a")).code == Errc::NotFound);
}

BOOST_AUTO_TEST_CASE(a_probe_tells_the_space_even_if_nothing_can_be_written) {
    Answering it;
    const Reply plain = it.ask(make(RequestType::Probe));
    BOOST_TEST(plain.ok);
    BOOST_TEST(plain.second > 0U);
    Request with_write = make(RequestType::Probe, "probe/x");
    with_write.flag = Flag::Sync;
    BOOST_TEST(it.ask(with_write).ok);
    std::ofstream(it.dir / "file") << "no folder";
    with_write.path = "file/x";
    const Reply failed = it.ask(with_write);
    BOOST_TEST(!failed.ok);
    BOOST_TEST(failed.second > 0U);
    std::filesystem::remove(it.dir / "roundtable-store");
    const Reply foreign = it.ask(make(RequestType::Probe));
    BOOST_CHECK(foreign.code == Errc::Refused);
    BOOST_TEST(foreign.second == 0U);
}

BOOST_AUTO_TEST_CASE(data_without_a_slot_is_refused) {
    Answering it;
    BOOST_CHECK(it.ask(make(RequestType::Create, "a", kNoSlot, 4)).code == Errc::Invalid);
    BOOST_CHECK(it.ask(make(RequestType::Read, "a", kSlots, 4)).code == Errc::Invalid);
    BOOST_CHECK(it.ask(make(RequestType::List, "")).code == Errc::Invalid);
    BOOST_TEST(!std::filesystem::exists(it.dir / "a"));
}

BOOST_AUTO_TEST_SUITE_END()
