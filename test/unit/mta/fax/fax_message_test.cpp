#include "mta/fax/fax_message.h"

#include <algorithm>
#include <string>

#include <boost/test/unit_test.hpp>

#include "base/file.h"
#include "mail/ascii.h"
#include "mail/decode.h"
#include "mail/header.h"
#include "mail/structure.h"

namespace {

using mta::FaxCall;
using mta::FaxMessage;

std::string sample(const std::string& name) {
    return base::read_file(std::string(SOURCE_DIR "/test/fuzz/corpus/fax_tiff/") + name, 1U << 20U)
        .value();
}

mta::FaxMessageOptions options() {
    mta::FaxMessageOptions out;
    out.key = "fax/000000012/abc";
    out.to = "alice@example.test";
    out.domain = "fax.example.test";
    return out;
}

FaxCall call() {
    FaxCall out;
    out.called = "+49 40 123456";
    out.caller = "+4930999";
    out.caller_name = "Bob Caller";
    out.sender_id = "+49 30 111";
    out.device = "ttyS0";
    out.communication = "000000012";
    out.duration_s = 61;
    out.received = {1'795'646'999, 60};
    return out;
}

std::string field(const FaxMessage& message, const std::string& name) {
    return mail::decode_header_text(mail::scan_header(message.octets).value(name));
}

// The octets of the attachment behind "Content-Type: <type>".
std::string attachment(const FaxMessage& message, const std::string& type) {
    const std::size_t part = message.octets.find("Content-Type: " + type);
    BOOST_REQUIRE(part != std::string::npos);
    const std::size_t from = message.octets.find("\r\n\r\n", part) + 4;
    const std::size_t to = message.octets.find("\r\n--=_fax_", from);
    return mail::decode_transfer(std::string_view(message.octets).substr(from, to - from),
                                 mail::TransferEncoding::Base64,
                                 1U << 20U);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fax_message)

BOOST_AUTO_TEST_CASE(says_who_when_and_how_many_pages) {
    const FaxMessage message = mta::compose_fax(call(), sample("hyla.tif"), options()).value();
    BOOST_TEST(message.pages == 2U);
    BOOST_TEST(message.damaged_pages == 0U);
    BOOST_TEST(message.from == "+4930999@fax.example.test");
    BOOST_TEST(field(message, "From") == "\"Bob Caller +4930999\" <+4930999@fax.example.test>");
    BOOST_TEST(field(message, "To") == "<alice@example.test>");
    BOOST_TEST(field(message, "Subject") == "Fax from Bob Caller +4930999 to +4940123456, 2 pages");
    BOOST_TEST(field(message, "Date") == mail::format_header_date({1'795'646'999, 60}));
    BOOST_TEST(field(message, "Message-Context") == "fax-message");
    BOOST_TEST(field(message, "X-Fax-Called") == "+4940123456");
    BOOST_TEST(field(message, "X-Fax-Subaddress") == "53");  // from the file's tags
    BOOST_TEST(field(message, "X-Fax-Sender-Id") == "+49 30 111");
    BOOST_TEST(field(message, "X-Fax-Pages") == "2");
    BOOST_TEST(field(message, "X-Fax-Duration") == "61");
    BOOST_TEST(message.octets.find("Duration:       1:01 minutes\r\n") != std::string::npos);
    BOOST_TEST(*message.attributes.find("called") == "+4940123456");
    BOOST_TEST(*message.attributes.find("caller") == "+4930999");
    BOOST_TEST(*message.attributes.find("pages") == "2");
    BOOST_TEST(*message.attributes.find("damaged-pages") == "0");
    BOOST_TEST(*message.attributes.find("duration") == "61");
    BOOST_TEST(*message.attributes.find("device") == "ttyS0");
}

BOOST_AUTO_TEST_CASE(has_text_pdf_and_the_tiff_octet_for_octet) {
    const std::string file = sample("g3.tif");
    const FaxMessage message = mta::compose_fax(call(), file, options()).value();
    BOOST_TEST(message.octets.find("Content-Type: text/plain; charset=us-ascii") !=
               std::string::npos);
    BOOST_TEST(attachment(message, "application/pdf").starts_with("%PDF-1.4"));
    BOOST_TEST((attachment(message, "image/tiff; application=faxbw") == file));
}

BOOST_AUTO_TEST_CASE(is_the_same_octets_each_time) {
    const std::string file = sample("g4.tif");
    const auto first = mta::compose_fax(call(), file, options()).value();
    BOOST_TEST((first.octets == mta::compose_fax(call(), file, options()).value().octets));
    auto other = options();
    other.key = "fax/000000013/abc";
    BOOST_TEST(field(first, "Message-ID") !=
               field(mta::compose_fax(call(), file, other).value(), "Message-ID"));
}

BOOST_AUTO_TEST_CASE(damaged_pages_are_told_of_everywhere) {
    const auto message = mta::compose_fax(call(), sample("bad_lines.tif"), options()).value();
    BOOST_TEST(message.damaged_pages == 1U);
    BOOST_TEST(field(message, "Subject").ends_with(", 2 pages (1 damaged)"));
    BOOST_TEST(field(message, "X-Fax-Damaged-Pages") == "1");
    BOOST_TEST(message.octets.find("page 2: the receiving modem found 7 of 300 rows bad") !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_no_tiff_goes_as_it_is) {
    const std::string file("II*\0broken", 10);
    const auto message = mta::compose_fax(call(), file, options()).value();
    BOOST_TEST(message.pages == 0U);
    BOOST_TEST(message.damaged_pages == 1U);
    BOOST_TEST(field(message, "Subject").ends_with(": damaged file"));
    BOOST_TEST((attachment(message, "application/octet-stream") == file));
    BOOST_TEST(message.octets.find("application/pdf") == std::string::npos);
    const auto empty = mta::compose_fax(call(), "", options()).value();
    BOOST_TEST(empty.octets.find("application/octet-stream") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_the_line_says_cannot_add_a_field_or_a_part) {
    const std::string hostile =
        "x\r\nBcc: mallory@example.test\r\n\r\n--=_fax_\xff\xfe\x01\x1b[31m =?UTF-8?Q?=0D=0A?= "
        "\"<a@b>";
    FaxCall bad = call();
    bad.called = bad.caller = bad.caller_name = bad.sender_id = bad.subaddress = hostile;
    bad.device = bad.communication = bad.line_error = hostile;
    const auto message = mta::compose_fax(bad, sample("g4.tif"), options()).value();
    const mail::Header header = mail::scan_header(message.octets);
    BOOST_TEST(header.find("Bcc") == nullptr);
    for (const mail::HeaderField& one : header.fields) {
        BOOST_TEST(!one.name.empty());
    }
    BOOST_TEST(field(message, "From").ends_with("<fax@fax.example.test>"));
    BOOST_TEST(message.octets.find("\r\nBcc:") == std::string::npos);
    BOOST_TEST(message.octets.find('\x1b') == std::string::npos);
    // The header is ASCII in lines of at most 998 octets.
    const std::string_view head = std::string_view(message.octets).substr(0, header.size);
    BOOST_TEST(std::none_of(head.begin(), head.end(), mail::is_8bit));
}

BOOST_AUTO_TEST_CASE(a_sender_may_be_configured_and_the_pdf_left_out) {
    auto other = options();
    other.from = "faxes@example.test";
    other.with_pdf = mta::WithPdf::No;
    const auto message = mta::compose_fax(call(), sample("g4.tif"), other).value();
    BOOST_TEST(message.from == "faxes@example.test");
    BOOST_TEST(message.octets.find("application/pdf") == std::string::npos);
    BOOST_TEST(message.octets.find("The PDF was left out") != std::string::npos);
    BOOST_TEST(message.pages == 2U);
}

BOOST_AUTO_TEST_CASE(keys_tell_files_apart_and_not_who_asks) {
    BOOST_TEST(mta::fax_key("recvq/fax00001.tif", "a") ==
               mta::fax_key("/spool/recvq/fax00001.tif", "a"));
    BOOST_TEST(mta::fax_key("fax00001.tif", "a").starts_with("fax/fax00001/"));
    BOOST_TEST(mta::fax_key("fax00001.tif", "a") != mta::fax_key("fax00002.tif", "a"));
    BOOST_TEST(mta::fax_key("fax00001.tif", "a") != mta::fax_key("fax00001.tif", "b"));
    BOOST_TEST(mta::fax_key(std::string(500, '1'), "b").size() <= 200U);
    BOOST_TEST(mail::is_clean_text(mta::fax_key("1\r\n2", "b")));
}

BOOST_AUTO_TEST_SUITE_END()
