#include "mta/smtp_reply.h"

#include <string>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "test/support/errors.h"

namespace {

using base::Errc;
using mta::Reply;
using mta::ReplyPhase;

std::string wire(const Reply& reply) {
    std::string out;
    mta::append_reply(out, reply);
    return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(smtp_reply)

BOOST_AUTO_TEST_CASE(one_line) {
    BOOST_TEST(wire({250, "2.0.0", "Ok"}) == "250 2.0.0 Ok\r\n");
    BOOST_TEST(wire({354, "", "Go on"}) == "354 Go on\r\n");
}

BOOST_AUTO_TEST_CASE(several_lines_have_hyphens_but_the_last) {
    BOOST_TEST(wire({250, "", "a\nb\nc"}) == "250-a\r\n250-b\r\n250 c\r\n");
    BOOST_TEST(wire({550, "5.1.1", "a\nb"}) == "550-5.1.1 a\r\n550 5.1.1 b\r\n");
}

BOOST_AUTO_TEST_CASE(no_octet_of_a_text_can_break_a_line) {
    BOOST_TEST(wire({550, "", "a\rb\x01\xc3\xa9"}) == "550 a?b???\r\n");
}

BOOST_AUTO_TEST_CASE(lines_are_at_most_512_octets) {
    BOOST_TEST(wire({550, "5.1.1", std::string(2'000, 'x')}).size() == 512U);
}

BOOST_AUTO_TEST_CASE(temporary_errors_never_bounce) {
    for (const ReplyPhase phase :
         {ReplyPhase::Sender, ReplyPhase::Recipient, ReplyPhase::Store, ReplyPhase::StoreMany}) {
        for (const Errc code : test_support::kAllErrors) {
            const Reply reply = mta::reply_for_error({code, "detail"}, phase);
            BOOST_TEST_CONTEXT("errc " << base::errc_name(code)) {
                BOOST_TEST(!reply.is_positive());
                BOOST_TEST((reply.code / 100 == reply.enhanced.front() - '0'));
                BOOST_TEST(reply.text.find("detail") == std::string::npos);
                if (base::is_temporary(code)) {
                    BOOST_TEST(reply.is_temporary());
                }
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(troubles_of_our_own_are_temporary_to_the_peer) {
    for (const Errc code : {Errc::Exists, Errc::Corrupt, Errc::Unsupported, Errc::NotFound}) {
        BOOST_TEST(mta::reply_for_error({code, ""}, ReplyPhase::Store).is_temporary());
    }
}

BOOST_AUTO_TEST_CASE(a_full_mailbox_bounces_only_its_own_mail) {
    const base::Error full{Errc::Refused, ""};
    BOOST_TEST(mta::reply_for_error(full, ReplyPhase::Store).code == 552);
    BOOST_TEST(mta::reply_for_error(full, ReplyPhase::StoreMany).code == 452);
}

BOOST_AUTO_TEST_CASE(recipients_have_the_codes_of_the_standard) {
    const auto code = [](Errc errc) {
        const Reply reply = mta::reply_for_error({errc, ""}, ReplyPhase::Recipient);
        return std::to_string(reply.code) + " " + std::string(reply.enhanced);
    };
    BOOST_TEST(code(Errc::NotFound) == "550 5.1.1");
    BOOST_TEST(code(Errc::Refused) == "550 5.7.1");
    BOOST_TEST(code(Errc::Unavailable) == "451 4.4.3");
    BOOST_TEST(code(Errc::Timeout) == "451 4.4.3");
    BOOST_TEST(code(Errc::Busy) == "452 4.3.1");
    BOOST_TEST(code(Errc::Cancelled) == "421 4.3.2");
}

BOOST_AUTO_TEST_SUITE_END()
