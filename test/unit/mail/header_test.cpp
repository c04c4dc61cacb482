#include "mail/header.h"

#include <boost/test/unit_test.hpp>

#include "mail/limits.h"

using mail::Header;

BOOST_AUTO_TEST_SUITE(header)

BOOST_AUTO_TEST_CASE(finds_fields_without_copying) {
    const std::string text =
        "Subject: one\r\nTo: a@b,\r\n\tc@d\r\nSUBJECT : two\r\n\r\nSubject: body\r\n";
    const Header header = mail::scan_header(text);
    BOOST_TEST(header.fields.size() == 3U);
    BOOST_TEST(header.size == text.find("Subject: body"));
    BOOST_TEST(header.lines == 5U);
    BOOST_TEST(header.has_empty_line);
    BOOST_TEST(header.value("subject") == " one");
    BOOST_TEST(header.value("to") == " a@b,\r\n\tc@d");
    BOOST_TEST(header.find("To")->whole == "To: a@b,\r\n\tc@d\r\n");
    BOOST_TEST(header.find_last("subject")->value == " two");
    BOOST_TEST(header.find_last("subject")->name == "SUBJECT");
    BOOST_TEST(header.find("Cc") == nullptr);
    BOOST_TEST(header.value("Cc") == "");
    BOOST_TEST((header.fields[0].name.data() == text.data()));
}

BOOST_AUTO_TEST_CASE(takes_bare_lf_as_a_line_end) {
    const Header header = mail::scan_header("A: 1\n b\nB: 2\n\nbody");
    BOOST_TEST(header.size == 14U);
    BOOST_TEST(header.value("A") == " 1\n b");
    BOOST_TEST(header.value("B") == " 2");
}

BOOST_AUTO_TEST_CASE(takes_a_bare_cr_as_an_octet) {
    const Header header = mail::scan_header("A: 1\rB: 2\r\n\r\r\nC: 3\r\n\r\n");
    BOOST_TEST(header.value("A") == " 1\rB: 2");
    BOOST_TEST(header.find("B") == nullptr);
    BOOST_TEST(header.value("C") == " 3");
}

BOOST_AUTO_TEST_CASE(a_line_of_white_space_does_not_end_the_header) {
    const Header header = mail::scan_header("A: 1\r\n \r\nB: 2\r\n\r\n");
    BOOST_TEST(header.fields.size() == 2U);
    BOOST_TEST(header.value("B") == " 2");
}

BOOST_AUTO_TEST_CASE(keeps_lines_that_are_no_fields) {
    const Header header =
        mail::scan_header(" first\r\nno field\r\n: empty\r\nA\x01: x\r\nB: 1\r\n");
    BOOST_TEST(header.fields.size() == 5U);
    for (std::size_t i = 0; i < 4; ++i) {
        BOOST_TEST(header.fields[i].name == "", i);
        BOOST_TEST(header.fields[i].whole.ends_with("\r\n"), i);
    }
    BOOST_TEST(header.value("B") == " 1");
    BOOST_TEST(!header.has_empty_line);
}

BOOST_AUTO_TEST_CASE(whole_fields_and_empty_line_make_up_the_header) {
    for (const std::string text : {"A: 1\r\nB: 2\r\n 3\r\n\r\nbody",
                                   " x\n\nbody",
                                   "junk\r\nA: 1",
                                   "\r\nbody",
                                   "\n",
                                   "",
                                   "A:\r\n",
                                   "A"}) {
        const Header header = mail::scan_header(text);
        std::string joined;
        for (const mail::HeaderField& field : header.fields) {
            joined += field.whole;
        }
        const std::string rest = text.substr(joined.size(), header.size - joined.size());
        BOOST_TEST(text.starts_with(joined), text);
        BOOST_TEST((rest.empty() || rest == "\r\n" || rest == "\n"), text);
        BOOST_TEST(header.has_empty_line == !rest.empty(), text);
    }
}

BOOST_AUTO_TEST_CASE(knows_the_size_beyond_its_limits) {
    std::string text;
    for (std::size_t i = 0; i < mail::kHeaderFieldsMax + 10; ++i) {
        text += "A: 1\r\n";
    }
    text += "\r\n";
    const Header many = mail::scan_header(text + "body");
    BOOST_TEST(many.truncated);
    BOOST_TEST(many.fields.size() == mail::kHeaderFieldsMax);
    BOOST_TEST(many.size == text.size());
    const std::string huge = "A: " + std::string(mail::kHeaderScanMax, 'x') + "\r\nB: 1\r\n\r\n";
    const Header big = mail::scan_header(huge + "body");
    BOOST_TEST(big.truncated);
    BOOST_TEST(big.fields.empty());
    BOOST_TEST(big.size == huge.size());
}

BOOST_AUTO_TEST_CASE(unfold_removes_line_ends_alone) {
    BOOST_TEST(mail::unfold(" a\r\n\tb\n  c\r\n") == "a\tb  c");
    BOOST_TEST(mail::unfold("a\rb") == "a\rb");
    BOOST_TEST(mail::unfold("\r\n <long@id>") == "<long@id>");
    BOOST_TEST(mail::unfold(std::string(mail::kFieldValueMax + 5, 'x')).size() ==
               mail::kFieldValueMax);
}

BOOST_AUTO_TEST_SUITE_END()
