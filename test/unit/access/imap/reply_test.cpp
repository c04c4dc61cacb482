#include "access/imap/reply.h"

#include <string>

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(imap_reply)

BOOST_AUTO_TEST_CASE(errors_become_codes_and_never_show_their_detail) {
    for (int i = 0; i <= static_cast<int>(base::Errc::Cancelled); ++i) {
        const auto code = static_cast<base::Errc>(i);
        const accessd::Reply reply = accessd::reply_for({code, "secret detail"});
        BOOST_TEST(reply.text.find("secret") == std::string::npos);
        BOOST_TEST((reply.kind != accessd::ReplyKind::Ok));
        BOOST_TEST((reply.kind == accessd::ReplyKind::Bad) == (code == base::Errc::Invalid));
        if (base::is_temporary(code)) {
            BOOST_TEST(reply.text.starts_with("[UNAVAILABLE] "));
        }
    }
}

BOOST_AUTO_TEST_CASE(tag_may_be_unknown) {
    std::string out;
    accessd::append_tagged(out, "a1", accessd::ok("done"));
    accessd::append_tagged(out, "", accessd::bad("what?"));
    accessd::append_tagged(out, "a2", accessd::no("[X] never"));
    BOOST_TEST(out == "a1 OK done\r\n* BAD what?\r\na2 NO [X] never\r\n");
}

BOOST_AUTO_TEST_SUITE_END()
