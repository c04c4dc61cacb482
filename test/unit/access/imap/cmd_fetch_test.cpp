#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "test/unit/access/session_rig.h"

using access_test::Filled;
using access_test::flags;
using access_test::has;
using access_test::SessionRig;

namespace {

const std::string kMessage =
    "From: Bob <bob@example.org>\r\n"
    "To: ann@example.org\r\n"
    "Subject: two\r\n parts\r\n"
    "Date: Thu, 5 Nov 2026 10:00:00 +0100\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n"
    "\r\n"
    "--b\r\n"
    "Content-Type: text/plain\r\n"
    "\r\n"
    "hello\r\n"
    "--b\r\n"
    "Content-Type: message/rfc822\r\n"
    "\r\n"
    "Subject: inner\r\n"
    "\r\n"
    "deep\r\n"
    "--b--\r\n";

std::string literal(const std::string& text) {
    return "{" + std::to_string(text.size()) + "}\r\n" + text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(imap_cmd_fetch)

BOOST_AUTO_TEST_CASE(fetches_attributes_in_one_order) {
    SessionRig rig;
    rig.store.deliver("INBOX", kMessage, flags(mail::Flags::Flagged, {"$Z", "$A"}));
    BOOST_TEST(rig.selected("a FETCH 1 (RFC822.SIZE FLAGS INTERNALDATE UID)\r\n") ==
               "* 1 FETCH (UID 1 FLAGS (\\Flagged \\Recent $A $Z) INTERNALDATE \"14-Nov-2023 "
               "22:13:20 +0000\" RFC822.SIZE " +
                   std::to_string(kMessage.size()) + ")\r\na OK FETCH completed\r\n");
    const std::string all = rig.selected("a FETCH 1 ALL\r\n");
    BOOST_TEST(
        has(all, " ENVELOPE (\"Thu, 5 Nov 2026 10:00:00 +0100\" \"two parts\" ((\"Bob\" NIL "));
    const std::string full = rig.selected("a FETCH 1 (BODY BODYSTRUCTURE)\r\n");
    BOOST_TEST(has(full, "BODY ((\"text\" \"plain\""));
    BOOST_TEST(has(full, " BODYSTRUCTURE ((\"text\" \"plain\""));
}

BOOST_AUTO_TEST_CASE(fetches_sections) {
    SessionRig rig;
    rig.store.deliver("INBOX", kMessage);
    const std::size_t header_size = kMessage.find("\r\n\r\n") + 4;
    const std::vector<std::pair<std::string, std::string>> rows = {
        {"BODY.PEEK[]", "BODY[] " + literal(kMessage)},
        {"BODY.PEEK[HEADER]", "BODY[HEADER] " + literal(kMessage.substr(0, header_size))},
        {"BODY.PEEK[TEXT]", "BODY[TEXT] " + literal(kMessage.substr(header_size))},
        {"BODY.PEEK[1]", "BODY[1] " + literal("hello")},
        {"BODY.PEEK[1.MIME]", "BODY[1.MIME] " + literal("Content-Type: text/plain\r\n\r\n")},
        {"BODY.PEEK[2.HEADER]", "BODY[2.HEADER] " + literal("Subject: inner\r\n\r\n")},
        {"BODY.PEEK[2.TEXT]", "BODY[2.TEXT] " + literal("deep")},
        {"BODY.PEEK[2.1]", "BODY[2.1] " + literal("deep")},
        {"BODY.PEEK[3]", "BODY[3] NIL"},
        {"BODY.PEEK[1.HEADER]", "BODY[1.HEADER] NIL"},
        {"BODY.PEEK[HEADER.FIELDS (subject X-None)]",
         "BODY[HEADER.FIELDS (subject X-None)] " + literal("Subject: two\r\n parts\r\n\r\n")},
        {"BODY.PEEK[2.HEADER.FIELDS.NOT (X)]",
         "BODY[2.HEADER.FIELDS.NOT (X)] " + literal("Subject: inner\r\n\r\n")},
        {"BODY.PEEK[HEADER.FIELDS (X)]", "BODY[HEADER.FIELDS (X)] " + literal("\r\n")},
        {"BODY.PEEK[1]<1.3>", "BODY[1]<1> " + literal("ell")},
        {"BODY.PEEK[1]<3.100>", "BODY[1]<3> " + literal("lo")},
        {"BODY.PEEK[1]<5.1>", "BODY[1]<5> " + literal("")},
        {"BODY.PEEK[HEADER.FIELDS (subject)]<0.7>",
         "BODY[HEADER.FIELDS (subject)]<0> " + literal("Subject")},
        {"RFC822.HEADER", "RFC822.HEADER " + literal(kMessage.substr(0, header_size))},
        {"(BODY.PEEK[1] BODY.PEEK[2.1])",
         "BODY[1] " + literal("hello") + " BODY[2.1] " + literal("deep")},
        {"(UID BODY.PEEK[1])", "UID 1 BODY[1] " + literal("hello")},
    };
    for (const auto& [item, expected] : rows) {
        BOOST_TEST(rig.selected("a FETCH 1 " + item + "\r\n") ==
                       "* 1 FETCH (" + expected + ")\r\na OK FETCH completed\r\n",
                   item << " gave " << rig.selected("a FETCH 1 " + item + "\r\n"));
    }
}

BOOST_AUTO_TEST_CASE(reading_a_body_sets_seen_once) {
    SessionRig rig;
    rig.store.deliver("INBOX", "a");
    int stores = 0;
    rig.store.on_call = [&](const std::string& name) { stores += name == "store_flags" ? 1 : 0; };
    const std::string expected = "* 1 FETCH (FLAGS (\\Seen \\Recent) BODY[] {1}\r\na)\r\n";
    BOOST_TEST(rig.selected("a FETCH 1 BODY[]\r\nb FETCH 1 (FLAGS BODY[])\r\nc NOOP\r\n") ==
               expected + "a OK FETCH completed\r\n" + expected +
                   "b OK FETCH completed\r\nc OK Completed\r\n");
    BOOST_TEST(stores == 1);
    BOOST_TEST((rig.store.flags_of("INBOX", 1).flags == mail::Flags::Seen));
}

BOOST_AUTO_TEST_CASE(seen_that_could_not_be_kept_is_taken_back) {
    SessionRig rig;
    rig.store.deliver("INBOX", "a");
    rig.store.fail_once["store_flags"] = base::Errc::Unavailable;
    const std::string out = rig.selected("a FETCH 1 BODY[]\r\n");
    BOOST_TEST(has(out, "FLAGS (\\Seen \\Recent)"));
    BOOST_TEST(has(out, "* 1 FETCH (FLAGS (\\Recent))\r\na NO [UNAVAILABLE]"));
}

BOOST_AUTO_TEST_CASE(unreadable_message_costs_its_own_response_only) {
    const std::vector<std::pair<base::Errc, std::string>> rows = {
        {base::Errc::Unavailable, "a NO [UNAVAILABLE]"},
        {base::Errc::Timeout, "a NO [UNAVAILABLE]"},
        {base::Errc::Corrupt, "a NO [CORRUPTION]"},
        {base::Errc::NotFound, "a NO [EXPUNGEISSUED]"},
    };
    for (const auto& [code, expected] : rows) {
        for (const char* item : {"BODY[]", "ENVELOPE", "BODY.PEEK[1]"}) {
            Filled rig(3);
            rig.store.unreadable[rig.store.text_of("INBOX", 2)] = code;
            const std::string out =
                rig.selected(std::string("a FETCH 1:3 ") + item + "\r\nb FETCH 1:3 FLAGS\r\n");
            BOOST_TEST(has(out, "* 1 FETCH ("));
            BOOST_TEST(has(out, "* 3 FETCH ("));
            BOOST_TEST(has(out, "\r\n" + expected), out);
            BOOST_TEST(has(out, "* 2 FETCH (FLAGS (\\Recent))"));
            BOOST_TEST(has(out, "b OK FETCH completed"));
            BOOST_TEST((rig.store.flags_of("INBOX", 2).flags == mail::Flags::None));
        }
    }
}

BOOST_AUTO_TEST_CASE(numbers_that_do_not_exist) {
    Filled rig(3);
    const std::vector<std::pair<std::string, std::string>> rows = {
        {"a FETCH 4 UID", "a BAD"},
        {"a FETCH 4:9 UID", "a BAD"},
        {"a FETCH 2:9 UID", "* 2 FETCH (UID 2)\r\n* 3 FETCH (UID 3)\r\na OK"},
        {"a FETCH *:9 UID", "* 3 FETCH (UID 3)\r\na OK"},
        {"a UID FETCH 9 FLAGS", "a OK"},
        {"a UID FETCH 9:* FLAGS", "* 3 FETCH (UID 3 FLAGS (\\Recent))\r\na OK"},
        {"a UID FETCH 1:4294967295 UID",
         "* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\n* 3 FETCH (UID 3)\r\na OK"},
        {"a FETCH $ UID", "a BAD"},
        {"a FETCH 0 UID", "a BAD"},
        {"a STORE 4 +FLAGS (\\Seen)", "a BAD"},
        {"a COPY 4 INBOX", "a BAD"},
        {"a UID COPY 4 INBOX", "a OK"},
    };
    for (const auto& [input, expected] : rows) {
        const std::string out = rig.selected(input + "\r\n");
        // \Recent belongs to the first session of this test.
        std::string seen = out;
        for (std::size_t at = seen.find("FLAGS ()"); at != std::string::npos;
             at = seen.find("FLAGS ()")) {
            seen.replace(at, 8, "FLAGS (\\Recent)");
        }
        BOOST_TEST(seen.starts_with(expected), input << " gave " << out);
    }
    SessionRig empty;
    BOOST_TEST(empty.selected("a FETCH 1:* UID\r\n") == "a OK FETCH completed\r\n");
}

BOOST_AUTO_TEST_SUITE_END()
