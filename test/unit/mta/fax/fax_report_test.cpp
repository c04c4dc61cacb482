#include "mta/fax/fax_report.h"

#include <algorithm>
#include <string>

#include <boost/test/unit_test.hpp>

#include "mail/ascii.h"
#include "mail/decode.h"
#include "mail/header.h"
#include "mail/structure.h"

namespace {

mta::FaxReport report(mta::FaxEnd end, const std::string& why, const std::string& detail) {
    mta::FaxReport out;
    out.key = "fax-out/abc";
    out.number = "+4930901820";
    out.sender = "alice@example.test";
    out.host = "fax1";
    out.domain = "fax.example.test";
    out.end = end;
    out.why = why;
    out.detail = detail;
    out.arrived = {1'795'646'000, 60};
    out.ended = {1'795'646'999, 60};
    return out;
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fax_report)

BOOST_AUTO_TEST_CASE(has_the_parts_and_fields_of_rfc_3464) {
    const std::string text = mta::compose_report(report(mta::FaxEnd::Delivered, "done", ""));
    const auto structure = mail::parse_structure(text);
    BOOST_REQUIRE_EQUAL(structure.infos.size(), 4U);
    BOOST_TEST(structure.infos[0].subtype == "report");
    BOOST_TEST(mail::parameter_value(structure.infos[0].parameters, "report-type") ==
               "delivery-status");
    BOOST_TEST(structure.infos[2].type == "message");
    BOOST_TEST(structure.infos[2].subtype == "delivery-status");
    BOOST_TEST(structure.infos[3].type == "text");
    BOOST_TEST(structure.infos[3].subtype == "rfc822-headers");
    for (const char* field :
         {"Reporting-MTA: dns; fax1\r\n",
          "\r\n\r\nOriginal-Recipient: rfc822; +4930901820@fax.example.test\r\n",
          "Final-Recipient: x-fax; +4930901820\r\n",
          "Action: delivered\r\n",
          "Status: 2.0.0\r\n"}) {
        BOOST_TEST_CONTEXT(field) {
            BOOST_TEST(has(text, field));
        }
    }
    BOOST_TEST(has(text, "Your fax to +4930901820 was sent.\r\n"));
    BOOST_TEST((text == mta::compose_report(report(mta::FaxEnd::Delivered, "done", ""))));
}

BOOST_AUTO_TEST_CASE(failures_have_their_code_and_words) {
    const std::string text = mta::compose_report(
        report(mta::FaxEnd::Failed, "timedout", "Kill time expired\r\nAction: delivered"));
    BOOST_TEST(has(text, "Action: failed\r\n"));
    BOOST_TEST(has(text, "Status: 5.4.7\r\n"));
    BOOST_TEST(!has(text, "\nAction: delivered"));
    BOOST_TEST(mta::fax_status_code(mta::FaxEnd::Failed, "a word of later") == "5.4.0");
    BOOST_TEST(mta::fax_status_code(mta::FaxEnd::Failed, "rejected") == "5.7.0");
}

BOOST_AUTO_TEST_CASE(says_which_message_it_is_about) {
    mta::FaxReport about = report(mta::FaxEnd::Delivered, "done", "");
    about.message_id = "<1@client.example.test>";
    about.subject =
        "Gr\xc3\xbc\xc3\x9f"
        "e";
    const std::string text = mta::compose_report(about);
    const mail::Header header = mail::scan_header(text);
    BOOST_TEST(mail::unfold(header.value("In-Reply-To")) == about.message_id);
    BOOST_TEST(mail::unfold(header.value("References")) == about.message_id);
    BOOST_TEST(has(text, "X-Fax-Job: fax-out/abc\r\n"));
    BOOST_TEST(!has(text, "Original-Envelope-Id"));
    const std::size_t part = text.find("Content-Type: text/rfc822-headers\r\n\r\n");
    BOOST_REQUIRE(part != std::string::npos);
    const std::string original = text.substr(text.find("\r\n\r\n", part) + 4);
    BOOST_TEST(has(original, "Message-ID: <1@client.example.test>\r\n"));
    BOOST_TEST(mail::decode_header_text(mail::scan_header(original).value("Subject")) ==
               about.subject);
    BOOST_TEST(std::none_of(text.begin(), text.end(), mail::is_8bit));
    about.subject = "plain";
    BOOST_TEST(has(mta::compose_report(about), "\r\nSubject:   plain\r\n"));
    BOOST_TEST(mail::scan_header(mta::compose_report(report(mta::FaxEnd::Delivered, "done", "")))
                   .find("In-Reply-To") == nullptr);
}

BOOST_AUTO_TEST_CASE(what_nobody_knows_is_not_told_as_not_sent) {
    const std::string text =
        mta::compose_report(report(mta::FaxEnd::Failed, "unknown", "fax1 is gone"));
    BOOST_TEST(has(text, "may have been sent"));
    BOOST_TEST(!has(text, "was not sent"));
    BOOST_TEST(!has(text, "Fax not sent"));
    BOOST_TEST(has(text, "Action: failed\r\n"));
}

BOOST_AUTO_TEST_CASE(there_is_one_key_for_a_job) {
    BOOST_TEST(mta::report_key("fax-out/abc") == "fax-dsn/abc");
}

BOOST_AUTO_TEST_SUITE_END()
