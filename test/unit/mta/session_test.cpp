#include "mta/session.h"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "test/unit/mta/session_world.h"

namespace {

using base::Errc;
using namespace std::chrono_literals;

struct World : mta::test::SessionWorld {
    // Each text is what one packet brings.
    std::string run(const std::vector<std::string_view>& packets,
                    base::MemoryStream::AtEnd at_end = base::MemoryStream::AtEnd::Closed) {
        base::MemoryStream stream(
            "", {}, base::Endpoint(base::IpAddress::parse("2001:db8::7").value(), 4711));
        for (const std::string_view packet : packets) {
            stream.push_input(packet);
        }
        stream.set_at_end(at_end);
        mta::SmtpSession session(stream, parts, stop);
        end = session.run();
        return stream.take_output();
    }

    base::FiberEvent stop;
    mta::SessionEnd end = mta::SessionEnd::ByClient;
};

const std::vector<std::string_view> kDialogue = {
    "EHLO client.example\r\n",
    "MAIL FROM:<alice@client.example>\r\nRCPT TO:<bob@example.org>\r\nRCPT TO:<x@example.org>\r\n"
    "DATA\r\n",
    "Subject: x\r\n\r\nbody\r\n.\r\n",
    "QUIT\r\n"};

bool has_line(const std::string& output, std::string_view line) {
    return output.find(line) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(session)

BOOST_AUTO_TEST_CASE(takes_a_message_and_hands_it_to_the_store) {
    World world;
    const std::string output = world.run(kDialogue);
    BOOST_TEST(output.starts_with("220 mx1.example.org "));
    BOOST_TEST(has_line(output, "\r\n550 5.1.1 "));
    BOOST_TEST(has_line(output, "\r\n250 2.0.0 018bcfe5-6800-7001-8000-000000000002 stored"));
    BOOST_TEST(has_line(output, "\r\n221 2.0.0 "));
    BOOST_REQUIRE(world.stored.size() == 1U);
    const storage::Submission& submission = world.stored.front();
    BOOST_REQUIRE(submission.envelope.recipients.size() == 1U);
    BOOST_TEST(submission.envelope.recipients.front().account_id == 7);
    BOOST_TEST(submission.message.ends_with("\r\nSubject: x\r\n\r\nbody\r\n"));
    BOOST_TEST(has_line(submission.message, "from client.example ([IPv6:2001:db8::7])\r\n"));
    BOOST_TEST(submission.received_us > 1'700'000'000'000'000);
    const base::LoadReport report = world.load.report(base::Instant(2s));
    BOOST_TEST(report.arrivals == 1U);
    BOOST_TEST(report.accepted == 1U);
    BOOST_TEST(report.refused == 0U);
    BOOST_TEST((world.end == mta::SessionEnd::ByUs));
    BOOST_TEST(world.budget.used_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(a_failed_store_is_451_and_counts_as_ours) {
    World world;
    world.outcome = base::Error{Errc::Unavailable, "one copy only"};
    const std::string output = world.run(kDialogue);
    BOOST_TEST(has_line(output, "\r\n451 4.3.0 "));
    BOOST_TEST(!has_line(output, "one copy only"));
    BOOST_TEST(!has_line(output, "250 2.0.0"));
    BOOST_TEST(world.load.report(base::Instant(2s)).refused == 1U);
    BOOST_TEST(world.load.report(base::Instant(2s)).accepted == 0U);
}

BOOST_AUTO_TEST_CASE(without_room_mail_is_refused_before_it_is_sent) {
    World world;
    world.room = base::Error{Errc::Busy, "memory"};
    BOOST_TEST(has_line(world.run(kDialogue), "\r\n452 4.3.1 "));
    world.room = base::Error{Errc::Unavailable, "too few stores"};
    BOOST_TEST(has_line(world.run(kDialogue), "\r\n451 4.3.0 "));
    BOOST_TEST(world.stored.empty());
    BOOST_TEST(world.load.report(base::Instant(2s)).refused == 2U);
    BOOST_TEST(world.load.report(base::Instant(2s)).arrivals == 2U);
}

BOOST_AUTO_TEST_CASE(a_client_that_leaves_in_the_data_leaves_nothing) {
    World world;
    const std::string output =
        world.run({kDialogue[0], kDialogue[1], "Subject: x\r\n\r\nbody\r\n."});
    BOOST_TEST(output.ends_with("354 End data with <CR><LF>.<CR><LF>\r\n"));
    BOOST_TEST(world.stored.empty());
    BOOST_TEST((world.end == mta::SessionEnd::ByClient));
    BOOST_TEST(world.load.report(base::Instant(2s)).refused == 0U);
    BOOST_TEST(world.budget.used_bytes() == 0U);
}

BOOST_AUTO_TEST_CASE(a_silent_client_is_told_and_left) {
    World world;
    const std::string output = world.run({kDialogue[0]}, base::MemoryStream::AtEnd::Open);
    BOOST_TEST(output.ends_with("421 4.4.2 Timeout, closing\r\n"));
    BOOST_TEST((world.end == mta::SessionEnd::ByUs));
}

BOOST_AUTO_TEST_CASE(a_stop_ends_an_idle_session_with_421) {
    World world;
    world.stop.notify();
    BOOST_TEST(has_line(world.run({kDialogue[0]}), "421 4.3.2 Shutting down"));
}

BOOST_AUTO_TEST_CASE(a_client_that_talks_first_is_refused) {
    World world;
    world.parts.times.greeting = 1s;
    const std::string output = world.run(kDialogue);
    BOOST_TEST(output == "554 5.5.0 SMTP protocol synchronization\r\n");
    BOOST_TEST((world.end == mta::SessionEnd::ByUs));
}

BOOST_AUTO_TEST_CASE(data_in_the_packet_of_its_command_is_refused) {
    World world;
    const std::string output =
        world.run({kDialogue[0],
                   "MAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nSubject: x\r\n\r\n.\r\n"});
    BOOST_TEST(output.ends_with("554 5.5.0 SMTP protocol synchronization\r\n"));
    BOOST_TEST(world.stored.empty());
}

BOOST_AUTO_TEST_SUITE_END()
