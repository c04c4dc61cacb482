#include <string>

#include <boost/test/unit_test.hpp>

#include "access/imap/session.h"
#include "base/fiber.h"
#include "test/support/loop_runner.h"
#include "test/unit/access/session_rig.h"

using access_test::Filled;
using access_test::has;

BOOST_AUTO_TEST_SUITE(imap_cmd_idle)

BOOST_AUTO_TEST_CASE(idle_tells_news_at_once) {
    Filled rig(1);
    std::string out;
    test_support::run_in_fiber([&](base::Loop& loop) {
        const base::Endpoint here(base::IpAddress::loopback_v4(), 143);
        base::MemoryStream stream("", here, here);
        stream.set_blocking(base::MemoryStream::Blocking::Yes);
        stream.set_at_end(base::MemoryStream::AtEnd::Open);
        bool ended = false;
        BOOST_TEST(bool(base::spawn(loop, "session", [&] {
            accessd::serve_imap(stream, rig.context);
            ended = true;
        })));
        const auto until = [&](const std::string& text) {
            for (int i = 0; i < 2000 && !has(out, text); ++i) {
                BOOST_TEST_REQUIRE(
                    bool(base::sleep_until(base::Deadline::after(std::chrono::milliseconds(1)))));
                out += stream.take_output();
            }
            BOOST_TEST(has(out, text), text << " in " << out);
        };
        stream.push_input("i LOGIN ann@example.org secret\r\ns SELECT INBOX\r\na IDLE\r\n");
        until("+ idling");
        BOOST_TEST(rig.store.watches == 1);
        rig.store.deliver("INBOX", "new");
        rig.store.last_watch();
        until("* 2 EXISTS");
        rig.store.expunge_now("INBOX", 1);
        rig.store.last_watch();
        until("* 1 EXPUNGE");
        stream.push_input("DONE\r\nb IDLE\r\n");
        until("a OK IDLE terminated");
        stream.push_input("NOT DONE\r\nc LOGOUT\r\n");
        until("b BAD Expected DONE");
        until("c OK LOGOUT");
        for (int i = 0; i < 1000 && !ended; ++i) {
            BOOST_TEST_REQUIRE(
                bool(base::sleep_until(base::Deadline::after(std::chrono::milliseconds(1)))));
        }
        BOOST_TEST(ended);
    });
    BOOST_TEST(rig.store.watches == 0);
}

BOOST_AUTO_TEST_SUITE_END()
