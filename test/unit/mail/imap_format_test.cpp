#include "mail/imap_format.h"

#include <boost/test/unit_test.hpp>

#include "mail/limits.h"

namespace {

std::string string_of(std::string_view value) {
    std::string out;
    mail::append_imap_string(out, value);
    return out;
}

std::string envelope(const std::string& header) {
    return mail::format_envelope(mail::scan_header(header + "\r\n"));
}

std::string bodystructure(const std::string& message) {
    return mail::format_bodystructure(message, mail::parse_structure(message));
}

std::string body(const std::string& message) {
    return mail::format_body(message, mail::parse_structure(message));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(imap_format)

BOOST_AUTO_TEST_CASE(strings_are_quoted_unless_they_cannot_be) {
    BOOST_TEST(string_of("") == "\"\"");
    BOOST_TEST(string_of("a b") == "\"a b\"");
    BOOST_TEST(string_of("a\"b\\c") == "\"a\\\"b\\\\c\"");
    BOOST_TEST(string_of("J\xc3\xb6rg") == "{5}\r\nJ\xc3\xb6rg");
    BOOST_TEST(string_of("a\rb") == "{3}\r\na\rb");
    BOOST_TEST(string_of("a\nb") == "{3}\r\na\nb");
    BOOST_TEST(string_of(std::string("a\0b", 3)) ==
               "{3}\r\na\x80"
               "b");
    BOOST_TEST(string_of("\x7f") == "\"\x7f\"");
    std::string nil;
    mail::append_imap_nstring(nil, "");
    BOOST_TEST(nil == "NIL");
}

BOOST_AUTO_TEST_CASE(formats_an_envelope) {
    BOOST_TEST(envelope("Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
                        "From: Terry Gray <gray@cac.washington.edu>\r\n"
                        "Subject: IMAP4rev2 WG mtg summary and minutes\r\n"
                        "To: imap@cac.washington.edu\r\n"
                        "Cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
                        "Message-Id: <B27397-0100000@cac.washington.ed>\r\n") ==
               "(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" "
               "\"IMAP4rev2 WG mtg summary and minutes\" "
               "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
               "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
               "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
               "((NIL NIL \"imap\" \"cac.washington.edu\")) "
               "((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")"
               "(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) NIL NIL "
               "\"<B27397-0100000@cac.washington.ed>\")");
}

BOOST_AUTO_TEST_CASE(absent_fields_are_nil_and_empty_ones_empty) {
    BOOST_TEST(envelope("") == "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
    BOOST_TEST(envelope("Date:\r\nSubject: \r\nFrom:\r\nTo: \r\nIn-Reply-To:\r\nMessage-ID:\r\n") ==
               "(\"\" \"\" NIL NIL NIL NIL NIL NIL \"\" \"\")");
}

BOOST_AUTO_TEST_CASE(sender_and_reply_to_default_to_from) {
    BOOST_TEST(envelope("From: a@b\r\nSender: c@d\r\nReply-To:\r\n") ==
               "(NIL NIL ((NIL NIL \"a\" \"b\")) ((NIL NIL \"c\" \"d\")) ((NIL NIL \"a\" \"b\")) "
               "NIL NIL NIL NIL NIL)");
}

BOOST_AUTO_TEST_CASE(formats_groups_routes_and_missing_pieces) {
    BOOST_TEST(envelope("To: g: a@b, <@x,@y:c@d>;, joe, Mary Smith, @e\r\nTo: f@g\r\n") ==
               "(NIL NIL NIL NIL NIL ((NIL NIL \"g\" NIL)(NIL NIL \"a\" \"b\")"
               "(NIL \"@x,@y\" \"c\" \"d\")(NIL NIL NIL NIL)"
               "(NIL NIL \"joe\" \"MISSING_DOMAIN\")"
               "(\"Mary Smith\" NIL \"MISSING_MAILBOX\" \"MISSING_DOMAIN\")"
               "(NIL NIL \"MISSING_MAILBOX\" \"e\")(NIL NIL \"f\" \"g\")) NIL NIL NIL NIL)");
}

BOOST_AUTO_TEST_CASE(text_for_people_is_one_line) {
    BOOST_TEST(envelope("Subject: a\r\n\t b   c\r\nFrom: \"x  \t y\" <a@b>\r\n"
                        "In-Reply-To: <a>\r\n  <b>\r\n") ==
               "(NIL \"a b c\" ((\"x y\" NIL \"a\" \"b\")) ((\"x y\" NIL \"a\" \"b\")) "
               "((\"x y\" NIL \"a\" \"b\")) NIL NIL NIL \"<a>  <b>\" NIL)");
}

BOOST_AUTO_TEST_CASE(an_envelope_is_bounded_and_whole) {
    std::string to = "To: g:";
    for (int i = 0; i < 4'000; ++i) {
        to += "\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\\\"\" <a@b>,\r\n ";
    }
    const std::string quotes(200'000, '"');
    const std::string text =
        envelope("Subject: " + quotes + "\r\n" + to + ";\r\n" + "Message-ID: " + quotes + "\r\n");
    BOOST_TEST(text.size() < mail::kEnvelopeTextMax);
    BOOST_TEST(text.find("(NIL NIL NIL NIL)) NIL NIL NIL ") != std::string::npos);
    BOOST_TEST(text.ends_with("\")"));
}

BOOST_AUTO_TEST_CASE(formats_single_parts) {
    BOOST_TEST(
        bodystructure("\r\nhello\r\n") ==
        "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 7 1 NIL NIL NIL NIL)");
    BOOST_TEST(body("\r\nhello\r\n") ==
               "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 7 1)");
    BOOST_TEST(bodystructure("Content-Type: IMAGE/Png; name=\"a b\"\r\n"
                             "Content-ID: <i>\r\nContent-Description: d\r\n"
                             "Content-Transfer-Encoding: base64\r\nContent-MD5: m\r\n"
                             "Content-Disposition: inline; filename*0=a; filename*1=b\r\n"
                             "Content-Language: en, de\r\nContent-Location: l\r\n\r\nAAAA") ==
               "(\"IMAGE\" \"Png\" (\"name\" \"a b\") \"<i>\" \"d\" \"base64\" 4 \"m\" "
               "(\"inline\" (\"filename\" \"ab\")) (\"en\" \"de\") \"l\")");
    BOOST_TEST(
        bodystructure("Content-Type: text/html; format=flowed\r\n"
                      "Content-Disposition: inline\r\n\r\n") ==
        "(\"text\" \"html\" (\"format\" \"flowed\" \"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0 "
        "NIL (\"inline\" NIL) NIL NIL)");
}

BOOST_AUTO_TEST_CASE(formats_nested_parts) {
    const std::string message =
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nx\r\ny\r\n"
        "--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n--c--\r\n"
        "--b--\r\n";
    const std::string text = "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" ";
    BOOST_TEST(bodystructure(message) ==
               "((\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 19 "
               "(NIL \"in\" NIL NIL NIL NIL NIL NIL NIL NIL) " +
                   text + "4 1 NIL NIL NIL NIL) 3 NIL NIL NIL NIL)(" + text +
                   "0 0 NIL NIL NIL NIL) \"alternative\" (\"boundary\" \"c\") NIL NIL NIL) "
                   "\"mixed\" (\"boundary\" \"b\") NIL NIL NIL)");
    BOOST_TEST(body(message) ==
               "((\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 19 "
               "(NIL \"in\" NIL NIL NIL NIL NIL NIL NIL NIL) " +
                   text + "4 1) 3)(" + text + "0 0) \"alternative\") \"mixed\")");
}

BOOST_AUTO_TEST_CASE(a_single_part_can_always_be_described) {
    const std::string quotes(300'000, '"');
    std::string header;
    for (const char* name : {"ID", "Description", "MD5", "Disposition", "Language", "Location"}) {
        header += "Content-" + std::string(name) + ": x" + quotes + "\r\n";
    }
    header += "Content-Type: text/plain; a=x" + quotes + "\r\n\r\n";
    BOOST_TEST(bodystructure(header).size() < mail::kBodystructureMax);
}

BOOST_AUTO_TEST_SUITE_END()
