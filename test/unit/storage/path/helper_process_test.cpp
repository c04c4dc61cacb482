#include "storage/path/helper_process.h"

#include <boost/test/unit_test.hpp>
#include <poll.h>

#include "test/unit/storage/path/loop_fixture.h"

using namespace storage;
using namespace storage_test;
using helper::Reply;
using helper::Request;
using helper::RequestType;

namespace {

HelperProcess start(const TempDir& dir) {
    write_identity(dir.path(), store_id(1));
    return HelperProcess::start(helper_program(), dir.path(), store_id(1).text()).take_value();
}

// Waits for the next reply, or the end.
base::Result<std::optional<Reply>> next_reply(HelperProcess& helper) {
    pollfd wait{helper.socket(), POLLIN, 0};
    BOOST_REQUIRE(::poll(&wait, 1, 10'000) == 1);
    return helper.receive();
}

Request request_of(RequestType type) {
    Request request;
    request.type = type;
    request.id = 7;
    return request;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(storage_helper_process)

BOOST_AUTO_TEST_CASE(answers_through_socket_and_shared_memory) {
    TempDir dir;
    HelperProcess helper = start(dir);
    BOOST_TEST(helper.pid() > 0);
    const auto nothing = helper.receive();
    BOOST_REQUIRE(nothing);
    BOOST_TEST(!nothing.value().has_value());
    Request create = request_of(RequestType::Create);
    create.path = "a";
    create.handle = 1;
    create.slot = 3;
    create.length = 4;
    std::ranges::copy(base::as_bytes("text"), helper.slot(3).begin());
    BOOST_REQUIRE(helper.send(create));
    const auto created = next_reply(helper);
    BOOST_REQUIRE((created && created.value()));
    BOOST_TEST(created.value()->id == 7U);
    BOOST_TEST(created.value()->ok);
    BOOST_TEST(file_text(dir / "a") == "text");
}

BOOST_AUTO_TEST_CASE(a_killed_helper_is_closed_and_reaped) {
    TempDir dir;
    HelperProcess helper = start(dir);
    BOOST_TEST(!helper.has_ended());
    BOOST_REQUIRE(::kill(helper.pid(), SIGKILL) == 0);
    BOOST_CHECK(code_of(next_reply(helper)) == base::Errc::Closed);
    BOOST_CHECK(code_of(helper.send(request_of(RequestType::Probe))) == base::Errc::Closed);
    run_in_fiber([&](base::Loop&) { BOOST_TEST(eventually([&] { return helper.has_ended(); })); });
}

BOOST_AUTO_TEST_CASE(a_full_socket_is_busy_and_never_waits) {
    TempDir dir;
    HelperProcess helper = start(dir);
    run_in_fiber([&](base::Loop&) { stop_process(helper.pid()); });
    base::Status sent = base::Done{};
    for (int n = 0; n < 100'000 && sent; ++n) {
        sent = helper.send(request_of(RequestType::Probe));
    }
    BOOST_CHECK(code_of(sent) == base::Errc::Busy);
}

BOOST_AUTO_TEST_CASE(given_up_it_is_killed_and_only_the_child_is_left) {
    TempDir dir;
    HelperProcess helper = start(dir);
    run_in_fiber([&](base::Loop&) { stop_process(helper.pid()); });
    HelperProcess moved = std::move(helper);
    moved.give_up();
    BOOST_TEST(moved.socket() == -1);
    moved.give_up();  // twice is once
    run_in_fiber([&](base::Loop&) { BOOST_TEST(eventually([&] { return moved.has_ended(); })); });
}

BOOST_AUTO_TEST_CASE(a_program_that_is_not_there_is_an_error) {
    BOOST_TEST(!HelperProcess::start("/nonexistent/helper", "/", store_id(1).text()));
}

BOOST_AUTO_TEST_SUITE_END()
