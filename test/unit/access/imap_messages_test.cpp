// FETCH, STORE, SEARCH, COPY, MOVE, EXPUNGE, and what other sessions do meanwhile.

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "access/imap/session.h"
#include "base/fiber.h"
#include "test/support/loop_runner.h"
#include "test/unit/access/session_rig.h"

using access_test::SessionRig;

namespace {

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

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

mail::FlagList flags(mail::Flags system, std::vector<std::string> keywords = {}) {
    return {system, std::move(keywords), false};
}

/// A rig with messages 1 to n in INBOX.
struct Filled : SessionRig {
    explicit Filled(int count) {
        for (int i = 1; i <= count; ++i) {
            store.deliver("INBOX", "Subject: m" + std::to_string(i) + "\r\n\r\nb\r\n");
        }
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(imap_messages)

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

BOOST_AUTO_TEST_CASE(store_tells_flags_unless_silent) {
    Filled rig(2);
    BOOST_TEST(rig.selected("a STORE 1 +FLAGS (\\Seen $X)\r\nb STORE 1:2 -FLAGS.SILENT (\\Seen)\r\n"
                            "c UID STORE 2 FLAGS (\\Answered)\r\nd FETCH 1:2 FLAGS\r\n") ==
               "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $X)\r\n"
               "* 1 FETCH (FLAGS (\\Seen \\Recent $X))\r\na OK STORE completed\r\n"
               "b OK STORE completed\r\n"
               "* 2 FETCH (UID 2 FLAGS (\\Answered \\Recent))\r\nc OK STORE completed\r\n"
               "* 1 FETCH (FLAGS (\\Recent $X))\r\n* 2 FETCH (FLAGS (\\Answered \\Recent))\r\n"
               "d OK FETCH completed\r\n");
    BOOST_TEST(mail::format_flag_list(rig.store.flags_of("INBOX", 1)) == "($X)");
}

BOOST_AUTO_TEST_CASE(silent_store_tells_what_another_session_changed) {
    Filled rig(1);
    rig.store.on_call = [&](const std::string& name) {
        if (name == "store_flags") {
            rig.store.set_flags_now("INBOX", 1, flags(mail::Flags::Flagged));
        }
    };
    BOOST_TEST(rig.selected("a STORE 1 +FLAGS.SILENT (\\Seen)\r\n") ==
               "* 1 FETCH (FLAGS (\\Seen \\Flagged \\Recent))\r\na OK STORE completed\r\n");
}

BOOST_AUTO_TEST_CASE(no_expunge_during_fetch_store_search) {
    Filled rig(3);
    rig.store.on_call = [&](const std::string& name) {
        if (name == "store_flags") {
            rig.store.on_call = nullptr;
            rig.store.expunge_now("INBOX", 2);
            rig.store.last_watch();
        }
    };
    BOOST_TEST(rig.selected("a STORE 1 +FLAGS.SILENT (\\Seen)\r\nb SEARCH ALL\r\n"
                            "c FETCH 3 UID\r\nd NOOP\r\ne FETCH 2 UID\r\n") ==
               "a OK STORE completed\r\n"
               "* SEARCH 1 3\r\nb OK SEARCH completed\r\n"
               "* 3 FETCH (UID 3)\r\nc OK FETCH completed\r\n"
               "* 2 EXPUNGE\r\nd OK Completed\r\n"
               "* 2 FETCH (UID 3)\r\ne OK FETCH completed\r\n");
}

BOOST_AUTO_TEST_CASE(noop_brings_what_others_did) {
    Filled rig(3);
    rig.store.on_call = [&](const std::string& name) {
        if (name == "changes") {
            rig.store.on_call = nullptr;
            rig.store.set_flags_now("INBOX", 3, flags(mail::Flags::Answered));
            rig.store.expunge_now("INBOX", 1);
            rig.store.expunge_now("INBOX", 2);
            rig.store.deliver("INBOX", "new");
        }
    };
    BOOST_TEST(rig.selected("a NOOP\r\nb NOOP\r\n") ==
               "* 2 EXPUNGE\r\n* 1 EXPUNGE\r\n* 2 EXISTS\r\n* 2 RECENT\r\n"
               "* 1 FETCH (FLAGS (\\Answered \\Recent))\r\na OK Completed\r\nb OK Completed\r\n");
}

BOOST_AUTO_TEST_CASE(expunge_tells_from_the_end) {
    Filled rig(4);
    BOOST_TEST(rig.selected("a STORE 1,3:4 +FLAGS.SILENT (\\Deleted)\r\nb UID EXPUNGE 3\r\n"
                            "c EXPUNGE\r\nd FETCH 1:* UID\r\n") ==
               "a OK STORE completed\r\n* 3 EXPUNGE\r\nb OK EXPUNGE completed\r\n"
               "* 3 EXPUNGE\r\n* 1 EXPUNGE\r\nc OK EXPUNGE completed\r\n"
               "* 1 FETCH (UID 2)\r\nd OK FETCH completed\r\n");
}

BOOST_AUTO_TEST_CASE(close_expunges_silently_and_unselect_does_not) {
    Filled rig(2);
    BOOST_TEST(
        rig.selected("a STORE 1 +FLAGS.SILENT (\\Deleted)\r\nb UNSELECT\r\nc SELECT INBOX\r\n")
            .find("* 2 EXISTS") != std::string::npos);
    const std::string out = rig.selected("b CLOSE\r\nc SELECT INBOX\r\n");
    BOOST_TEST(out.starts_with("b OK CLOSE completed\r\n"));
    BOOST_TEST(has(out, "* 1 EXISTS"));
}

BOOST_AUTO_TEST_CASE(copy_and_move_tell_their_uids) {
    Filled rig(3);
    rig.store.deliver("Work", "w");
    const std::string out = rig.selected(
        "a COPY 1:2 Work\r\nb UID MOVE 2:3 Work\r\nc COPY 1 nowhere\r\nd MOVE 1 nowhere\r\n"
        "e FETCH 1:* UID\r\n");
    BOOST_TEST(has(out, "a OK [COPYUID "));
    BOOST_TEST(has(out, " 1:2 2:3] COPY completed\r\n"));
    BOOST_TEST(
        has(out, " 2:3 4:5] Moved\r\n* 3 EXPUNGE\r\n* 2 EXPUNGE\r\nb OK MOVE completed\r\n"));
    BOOST_TEST(has(out, "c NO [TRYCREATE]"));
    BOOST_TEST(has(out, "d NO [TRYCREATE]"));
    BOOST_TEST(has(out, "* 1 FETCH (UID 1)\r\ne OK"));
    rig.store.fail_once["copy"] = base::Errc::TooLarge;
    BOOST_TEST(has(rig.selected("a COPY 1 Work\r\n"), "a NO [OVERQUOTA]"));
}

BOOST_AUTO_TEST_CASE(copy_into_the_same_mailbox_is_seen) {
    Filled rig(1);
    const std::string out = rig.selected("a COPY 1 INBOX\r\nb NOOP\r\n");
    BOOST_TEST(has(out, " 1 2] COPY completed\r\n"));
    BOOST_TEST(has(out, "* 2 EXISTS"));
}

BOOST_AUTO_TEST_CASE(search_by_number_and_uid) {
    Filled rig(4);
    rig.store.expunge_now("INBOX", 2);
    BOOST_TEST(rig.selected("a SEARCH SUBJECT m\r\nb UID SEARCH NOT SUBJECT m3\r\n"
                            "c SEARCH TEXT nowhere\r\nd SEARCH CHARSET KOI8-R ALL\r\n"
                            "e SEARCH\r\nf SEARCH BODY b UID 4\r\n") ==
               "* SEARCH 1 2 3\r\na OK SEARCH completed\r\n"
               "* SEARCH 1 4\r\nb OK SEARCH completed\r\n"
               "* SEARCH\r\nc OK SEARCH completed\r\n"
               "d NO [BADCHARSET (US-ASCII UTF-8)] Charset not supported\r\n"
               "e BAD Invalid command or arguments\r\n"
               "* SEARCH 3\r\nf OK SEARCH completed\r\n");
}

BOOST_AUTO_TEST_CASE(search_decodes_large_messages_on_a_worker) {
    SessionRig rig;
    rig.store.deliver("INBOX", "Subject: x\r\n\r\n" + std::string(100'000, 'x') + " needle\r\n");
    BOOST_TEST(has(rig.selected("a SEARCH BODY NEEDLE\r\n"), "* SEARCH 1\r\n"));
}

BOOST_AUTO_TEST_CASE(search_does_not_guess_about_what_is_away) {
    Filled rig(2);
    rig.store.unreadable[rig.store.text_of("INBOX", 1)] = base::Errc::Unavailable;
    BOOST_TEST(rig.selected("a SEARCH SUBJECT m\r\nb SEARCH ALL\r\n") ==
               "a NO [UNAVAILABLE] Some messages cannot be read now\r\n"
               "* SEARCH 1 2\r\nb OK SEARCH completed\r\n");
    rig.store.unreadable[rig.store.text_of("INBOX", 1)] = base::Errc::Corrupt;
    BOOST_TEST(has(rig.selected("a SEARCH SUBJECT m\r\n"), "* SEARCH 2\r\na OK"));
}

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
