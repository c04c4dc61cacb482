#include "access/imap_search_text.h"

#include <string>

#include <boost/test/unit_test.hpp>

#include "mail/limits.h"

using accessd::make_searchable;
using accessd::SearchableText;
using accessd::SearchNode;
using accessd::summary_holds;
using accessd::Truth;

namespace {

bool body_holds(const std::string& message, const std::string& text) {
    return make_searchable(message).body.find(text) != std::string::npos;
}

SearchNode field(const std::string& name, const std::string& text) {
    SearchNode node;
    node.op = accessd::SearchOp::Field;
    node.field = name;
    node.text = text;
    return node;
}

const std::string kMixed =
    "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n"
    "\r\n"
    "preamble words\r\n"
    "--b\r\n"
    "Content-Type: text/plain; charset=utf-8\r\n"
    "Content-Transfer-Encoding: base64\r\n"
    "\r\n"
    "SGVsbG8gV29ybGQ=\r\n"
    "--b\r\n"
    "Content-Type: application/octet-stream\r\n"
    "\r\n"
    "binary words\r\n"
    "--b\r\n"
    "Content-Type: message/rfc822\r\n"
    "\r\n"
    "Subject: Inner Matter\r\n"
    "\r\n"
    "Deep Words\r\n"
    "--b--\r\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(imap_search_text)

BOOST_AUTO_TEST_CASE(fields_are_decoded_and_folded) {
    const SearchableText made = make_searchable("X-A: One\r\n Two\r\nX-A: three\r\n\r\nbody\r\n");
    BOOST_TEST_REQUIRE(made.fields.size() == 2U);
    BOOST_TEST(made.fields[0].name == "X-A");
    BOOST_TEST(make_searchable("A: FOO\r\n").fields.at(0).text ==
               make_searchable("A: foo\r\n").fields.at(0).text);
    BOOST_TEST(make_searchable(kMixed).fields.at(0).text == make_searchable("S: GR\xC3\x9C\xC3\x9F"
                                                                            "E\r\n")
                                                                .fields.at(0)
                                                                .text);
}

BOOST_AUTO_TEST_CASE(body_is_the_decoded_text_parts) {
    const std::string hello = make_searchable("\r\nhello world\r\n").body.substr(0, 11);
    BOOST_TEST(body_holds(kMixed, hello));
    BOOST_TEST(!body_holds(kMixed, make_searchable("\r\nSGVsbG8\r\n").body.substr(0, 7)));
    const std::string binary = make_searchable("\r\nbinary\r\n").body.substr(0, 6);
    BOOST_TEST(!body_holds(kMixed, binary));
    const std::string preamble = make_searchable("\r\npreamble\r\n").body.substr(0, 8);
    BOOST_TEST(!body_holds(kMixed, preamble));
}

// For the outer message they are text of its body; they are no fields of its header.
BOOST_AUTO_TEST_CASE(header_of_a_message_inside_is_body) {
    const SearchableText made = make_searchable(kMixed);
    const std::string inner = make_searchable("\r\ninner matter\r\n").body.substr(0, 12);
    const std::string deep = make_searchable("\r\ndeep words\r\n").body.substr(0, 10);
    BOOST_TEST(made.body.find(inner) != std::string::npos);
    BOOST_TEST(made.body.find(deep) != std::string::npos);
    BOOST_TEST(made.fields.size() == 3U);
}

BOOST_AUTO_TEST_CASE(text_is_bounded) {
    const std::string huge = "\r\n" + std::string(2 * mail::kDecodedMax, 'x') + "\r\n";
    BOOST_TEST(make_searchable(huge).body.size() <= mail::kDecodedMax + 1);
    std::string parts = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
    for (int i = 0; i < 3; ++i) {
        parts += "--b\r\n\r\n" + std::string(mail::kDecodedMax / 2 + 10, 'y') + "\r\n";
    }
    BOOST_TEST(make_searchable(parts + "--b--\r\n").body.size() <= mail::kDecodedMax + 2);
}

BOOST_AUTO_TEST_CASE(anything_is_a_message) {
    BOOST_TEST(make_searchable("").fields.empty());
    BOOST_TEST(make_searchable("no header\r\n").fields.empty());
    BOOST_TEST(make_searchable(std::string(1000, '\0')).fields.empty());
}

BOOST_AUTO_TEST_CASE(summary_decides_what_it_keeps_whole) {
    mail::Summary summary = mail::summarize("Subject: Quarterly report\r\nX-A: b\r\n\r\n");
    BOOST_TEST((summary_holds(field("subject", "report"), summary) == Truth::True));
    BOOST_TEST((summary_holds(field("Subject", "nothing"), summary) == Truth::False));
    BOOST_TEST((summary_holds(field("To", "x"), summary) == Truth::False));
    BOOST_TEST((summary_holds(field("X-A", "b"), summary) == Truth::Unknown));
    // Is the field there? An empty one and none look the same.
    BOOST_TEST((summary_holds(field("To", ""), summary) == Truth::Unknown));
    BOOST_TEST((summary_holds(field("Subject", ""), summary) == Truth::True));
    // What was cut may hold it.
    summary.cut_fields = 1U << static_cast<unsigned>(mail::SummaryField::Subject);
    BOOST_TEST((summary_holds(field("Subject", "nothing"), summary) == Truth::Unknown));
    BOOST_TEST((summary_holds(field("Subject", "report"), summary) == Truth::True));
}

BOOST_AUTO_TEST_SUITE_END()
