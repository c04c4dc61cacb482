#include <boost/test/unit_test.hpp>

#include "mail/imap_format.h"
#include "mail/limits.h"

using mail::body_from_bodystructure;

BOOST_AUTO_TEST_SUITE(imap_body)

BOOST_AUTO_TEST_CASE(drops_the_extension_data) {
    struct Case {
        const char* bodystructure;
        const char* want;
    };

    for (const Case& c : {
             Case{"(\"text\" \"plain\" NIL NIL NIL \"7bit\" 7 1 NIL NIL NIL NIL)",
                  "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 7 1)"},
             Case{"(\"TEXT\" \"x\" (\"a\" \"b\") NIL {3}\r\n)(\" \"7bit\" 7 1)",
                  "(\"TEXT\" \"x\" (\"a\" \"b\") NIL {3}\r\n)(\" \"7bit\" 7 1)"},
             Case{"(\"image\" \"png\" NIL NIL \"q\\\")\" \"7bit\" 7 NIL (\"inline\" NIL) NIL NIL)",
                  "(\"image\" \"png\" NIL NIL \"q\\\")\" \"7bit\" 7)"},
             Case{"((\"a\" \"b\" NIL NIL NIL \"7bit\" 7 NIL NIL NIL NIL)(\"a\" \"b\" NIL NIL NIL "
                  "\"7bit\" 7) \"mixed\" (\"boundary\" \"x\") (\"inline\" (\"a\" \"b\")) NIL NIL)",
                  "((\"a\" \"b\" NIL NIL NIL \"7bit\" 7)(\"a\" \"b\" NIL NIL NIL \"7bit\" 7) "
                  "\"mixed\")"},
             Case{"(\"Message\" \"RFC822\" NIL NIL NIL \"7bit\" 9 (NIL ((NIL NIL NIL NIL))) "
                  "(\"a\" \"b\" NIL NIL NIL \"7bit\" 7 NIL NIL NIL NIL) 3 NIL NIL NIL NIL)",
                  "(\"Message\" \"RFC822\" NIL NIL NIL \"7bit\" 9 (NIL ((NIL NIL NIL NIL))) "
                  "(\"a\" \"b\" NIL NIL NIL \"7bit\" 7) 3)"},
             Case{"(\"message\" \"delivery-status\" NIL NIL NIL \"7bit\" 9 NIL NIL NIL NIL)",
                  "(\"message\" \"delivery-status\" NIL NIL NIL \"7bit\" 9)"},
         }) {
        const auto body = body_from_bodystructure(c.bodystructure);
        BOOST_TEST((body ? body.value() : "refused") == c.want);
    }
}

BOOST_AUTO_TEST_CASE(refuses_what_is_no_body_structure) {
    for (const char* text :
         {"",
          "x",
          "(",
          "()",
          "(\"text\")",
          "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 7 1",
          "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 7 1))",
          "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 7 1) ",
          "(\"text\" \"plain\" (NIL NIL NIL \"7bit\" 7 1)",
          "(\"text\" \"plain\" NIL NIL NIL \"7bit 7 1)",
          "(\"text\" \"plain\" NIL NIL {9}\r\nx \"7bit\" 7 1)",
          "(\"text\" \"plain\" NIL NIL {99999999999999999999}\r\nx \"7bit\" 7 1)",
          "(\"text\" \"plain\"  NIL NIL NIL \"7bit\" 7 1)",
          "((\"a\" \"b\" NIL NIL NIL \"7bit\" 7))",
          "(\"a\\"}) {
        BOOST_TEST(!body_from_bodystructure(text), text);
    }
    BOOST_TEST(!body_from_bodystructure(std::string(1'000'000, '(')));
}

BOOST_AUTO_TEST_CASE(agrees_with_the_direct_way) {
    const std::string message =
        "Content-Type: multipart/mixed; boundary=b\r\nContent-Disposition: inline; a=\"(\"\r\n\r\n"
        "--b\r\nContent-Type: message/rfc822\r\nContent-Language: en\r\n\r\n"
        "From: \"a)(\" <J\xc3\xb6rg@x>\r\nSubject: \xff)\r\nContent-Type: multipart/x; "
        "boundary=c\r\n"
        "\r\n--c\r\n\r\nx\r\n--c--\r\n--b\r\nContent-Type: image/png; a*0=(; "
        "a*1=)\r\n\r\n--b--\r\n";
    const mail::Structure structure = mail::parse_structure(message);
    BOOST_TEST(body_from_bodystructure(mail::format_bodystructure(message, structure)).value() ==
               mail::format_body(message, structure));
}

BOOST_AUTO_TEST_CASE(takes_the_deepest_structure_there_is) {
    std::string message;
    for (std::size_t i = 0; i < mail::kPartDepthMax + 5; ++i) {
        message += "Content-Type: message/rfc822\r\n\r\n";
    }
    const mail::Structure structure = mail::parse_structure(message);
    BOOST_TEST(body_from_bodystructure(mail::format_bodystructure(message, structure)).value() ==
               mail::format_body(message, structure));
}

BOOST_AUTO_TEST_SUITE_END()
