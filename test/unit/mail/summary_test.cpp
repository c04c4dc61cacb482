#include "mail/summary.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <boost/test/unit_test.hpp>

#include "mail/imap_format.h"
#include "mail/limits.h"
#include "mail/structure.h"

using base::Errc;
using mail::Summary;
using mail::SummaryField;

namespace {

const std::string kMessage =
    "From: Mary Smith <mary@x.test>\r\n"
    "To: joe@y.test\r\n"
    "To: sue@y.test\r\n"
    "Subject: folded\r\n  subject\r\n"
    "Subject: another\r\n"
    "Date: Fri, 21 Nov 1997 09:55:06 -0600\r\n"
    "Message-ID: <1@x>\r\n"
    "References: <a@x>\r\n <b@x>\r\n"
    "References: <c@x>\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n"
    "\r\n"
    "--b\r\n\r\none\r\n"
    "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\ntwo\r\n"
    "--b--\r\n";

/// What must hold for the summary of any message.
void check(const std::string& message) {
    const Summary summary = mail::summarize(message);
    const std::string bytes = mail::encode(summary);
    BOOST_TEST(bytes.size() <= mail::kSummaryMax);
    const auto decoded = mail::decode_summary(bytes);
    BOOST_REQUIRE(bool(decoded));
    BOOST_TEST((decoded.value() == summary));
    BOOST_TEST(bool(mail::body_from_bodystructure(summary.bodystructure)));
    BOOST_TEST(summary.header_size() <= message.size());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(summary)

BOOST_AUTO_TEST_CASE(holds_what_a_listing_needs) {
    const Summary summary = mail::summarize(kMessage);
    BOOST_TEST(summary.message_size == kMessage.size());
    BOOST_TEST(summary.header_size() == kMessage.find("--b"));
    BOOST_TEST(summary.field(SummaryField::Subject) == "folded  subject");
    BOOST_TEST(summary.field(SummaryField::From) == "Mary Smith <mary@x.test>");
    BOOST_TEST(summary.field(SummaryField::To) == "joe@y.test, sue@y.test");
    BOOST_TEST(summary.field(SummaryField::References) == "<a@x> <b@x> <c@x>");
    BOOST_TEST(summary.field(SummaryField::MessageId) == "<1@x>");
    BOOST_TEST(summary.field(SummaryField::Cc) == "");
    BOOST_TEST(summary.sent->unix_seconds == 880'127'706);
    BOOST_TEST(summary.sent->zone_minutes == -360);
    BOOST_TEST(summary.envelope.starts_with("(\"Fri, 21 Nov 1997 09:55:06 -0600\" "));
    BOOST_TEST(summary.cut_fields == 0U);
    BOOST_TEST((summary.parts == mail::parse_structure(kMessage).tree));
    BOOST_TEST(summary.bodystructure ==
               mail::format_bodystructure(kMessage, mail::parse_structure(kMessage)));
}

BOOST_AUTO_TEST_CASE(reads_back) {
    check(kMessage);
    check("");
    check("\r\n");
    check("Date: none\r\n\r\n");
    check(std::string("Subject: \0\xff\r\n\r\n\0", 15));
}

BOOST_AUTO_TEST_CASE(names_its_fields) {
    BOOST_TEST((mail::summary_field("message-ID") == SummaryField::MessageId));
    BOOST_TEST((mail::summary_field("BCC") == SummaryField::Bcc));
    BOOST_TEST(!mail::summary_field("Received"));
}

BOOST_AUTO_TEST_CASE(says_when_a_field_was_cut) {
    const std::string whole(mail::kSummaryFieldMax, 'x');
    const Summary fits = mail::summarize("Subject: " + whole + "\r\n\r\n");
    BOOST_TEST(!fits.is_cut(SummaryField::Subject));
    BOOST_TEST(fits.field(SummaryField::Subject) == whole);
    const Summary cut = mail::summarize("Subject: " + whole + "y\r\nTo: a@b\r\n\r\n");
    BOOST_TEST(cut.is_cut(SummaryField::Subject));
    BOOST_TEST(!cut.is_cut(SummaryField::To));
    BOOST_TEST(cut.field(SummaryField::Subject) == whole);
    std::string many;
    for (std::size_t i = 0; i <= mail::kHeaderFieldsMax; ++i) {
        many += "A: 1\r\n";
    }
    BOOST_TEST(mail::summarize(many + "\r\n").is_cut(SummaryField::Cc));
}

BOOST_AUTO_TEST_CASE(a_structure_that_is_too_large_becomes_one_part) {
    std::string message = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
    const std::string part = "--b\r\nContent-Description: " + std::string(2'000, 'd') + "\r\n\r\n";
    for (int i = 0; i < 1'000; ++i) {
        message += part;
    }
    const Summary summary = mail::summarize(message);
    BOOST_TEST(summary.parts.nodes().size() == 1U);
    BOOST_TEST(summary.bodystructure.starts_with("(\"application\" \"octet-stream\" NIL "));
    check(message);
}

BOOST_AUTO_TEST_CASE(every_cut_of_the_octets_is_refused) {
    const std::string bytes = mail::encode(mail::summarize(kMessage));
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        BOOST_REQUIRE(!mail::decode_summary(std::string_view(bytes).substr(0, size)));
    }
    BOOST_TEST(!mail::decode_summary(bytes + "x"));
}

BOOST_AUTO_TEST_CASE(any_octet_may_be_wrong) {
    const std::string bytes = mail::encode(mail::summarize(kMessage));
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        for (const char c : {'\0', '\x01', '\x7f', '\x80', '\xff'}) {
            std::string wrong = bytes;
            wrong[i] = c;
            const auto decoded = mail::decode_summary(wrong);
            if (decoded) {
                const Summary& summary = decoded.value();
                BOOST_REQUIRE(summary.parts.is_consistent(summary.message_size));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(refuses_other_versions_and_sizes) {
    std::string bytes = mail::encode(mail::summarize(kMessage));
    bytes[0] = 2;
    BOOST_TEST((mail::decode_summary(bytes).error().code == Errc::Unsupported));
    const std::string huge(mail::kSummaryMax + 1, '\x01');
    BOOST_TEST((mail::decode_summary(huge).error().code == Errc::TooLarge));
}

// Messages from elsewhere, if there are any: a folder of files ending in .eml, named by the
// environment variable MAIL_CORPUS.
BOOST_AUTO_TEST_CASE(holds_for_a_corpus) {
    const char* const folder = std::getenv("MAIL_CORPUS");
    if (folder == nullptr) {
        return;
    }
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        if (entry.path().extension() == ".eml") {
            std::ifstream file(entry.path(), std::ios::binary);
            check({std::istreambuf_iterator<char>(file), {}});
            ++count;
        }
    }
    BOOST_TEST(count > 0U);
}

BOOST_AUTO_TEST_SUITE_END()
