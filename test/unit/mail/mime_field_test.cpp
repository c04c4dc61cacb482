#include "mail/mime_field.h"

#include <boost/test/unit_test.hpp>

#include "mail/limits.h"

using mail::PartInfo;

namespace {

PartInfo read(const std::string& header) {
    return mail::read_part_info(mail::scan_header(header), false);
}

/// "type/subtype;name=value;..."
std::string content_type(const std::string& value) {
    const PartInfo info = read("Content-Type: " + value + "\r\n");
    std::string out = info.type + "/" + info.subtype;
    for (const mail::Parameter& parameter : info.parameters) {
        out += ";" + parameter.name + "=" + parameter.value;
    }
    return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(mime_field)

BOOST_AUTO_TEST_CASE(reads_content_type) {
    struct Case {
        const char* value;
        const char* want;
    };

    for (const Case& c : {
             Case{"text/html", "text/html"},
             Case{"TEXT / HTML (comment) ; Charset = utf-8", "TEXT/HTML;Charset=utf-8"},
             Case{"text/plain; a=\"x; y\"; b=z", "text/plain;a=x; y;b=z"},
             Case{"text/plain; a=\"q\\\"\\\\\"", "text/plain;a=q\"\\"},
             Case{"text/plain; a=x(comment); b=y", "text/plain;a=x;b=y"},
             Case{"multipart/mixed; boundary=----=_Part:1/2",
                  "multipart/mixed;boundary=----=_Part:1/2"},
             Case{"text/plain;\r\n\tname*0*=utf-8''a;\r\n\tname*1=b",
                  "text/plain;name*0*=utf-8''a;name*1=b"},
             Case{"text/plain;; a=b;", "text/plain;a=b"},
             Case{"text/plain a=b; c=d", "text/plain;c=d"},
             Case{"text/plain; a; b=c", "text/plain;b=c"},
             Case{"text/plain; a=b c; d=e", "text/plain;a=b;d=e"},
             Case{"text/plain; =x; b=c", "text/plain;b=c"},
             Case{"text/plain; a=\"open", "text/plain;a=open"},
             Case{"text/plain; a=", "text/plain;a="},
             Case{"text", "text/plain"},
             Case{"image/", "text/plain"},
             Case{"/png", "text/plain"},
             Case{"", "text/plain"},
             Case{";charset=utf-8", "text/plain"},
         }) {
        BOOST_TEST(content_type(c.value) == c.want, c.value);
    }
}

BOOST_AUTO_TEST_CASE(reads_the_other_fields) {
    const PartInfo info = read(
        "Content-ID: <a@b>\r\n"
        "Content-Description: a\r\n text\r\n"
        "Content-Transfer-Encoding: BASE64 (yes)\r\n"
        "Content-MD5: abc=\r\n"
        "Content-Disposition: attachment; filename=\"x y\"; size=3\r\n"
        "Content-Language: en, de-AT (Austria) ,fr\r\n"
        "Content-Location: http://x/y\r\n");
    BOOST_TEST(info.id.value() == "<a@b>");
    BOOST_TEST(info.description.value() == "a text");
    BOOST_TEST(info.encoding.value() == "BASE64");
    BOOST_TEST(info.md5.value() == "abc=");
    BOOST_TEST(info.disposition.value() == "attachment");
    BOOST_TEST(info.disposition_parameters.size() == 2U);
    BOOST_TEST(mail::parameter_value(info.disposition_parameters, "FILENAME") == "x y");
    BOOST_TEST(info.languages == (std::vector<std::string>{"en", "de-AT", "fr"}),
               boost::test_tools::per_element());
    BOOST_TEST(info.location.value() == "http://x/y");
}

BOOST_AUTO_TEST_CASE(absent_and_empty_fields_are_unset) {
    for (const char* header : {"",
                               "Content-ID:\r\nContent-Description: \r\nContent-MD5:\r\n"
                               "Content-Transfer-Encoding: \r\nContent-Disposition: ;x=y\r\n"
                               "Content-Language: ,\r\nContent-Location:\r\n"}) {
        const PartInfo info = read(header);
        BOOST_TEST(!info.id);
        BOOST_TEST(!info.description);
        BOOST_TEST(!info.encoding);
        BOOST_TEST(!info.md5);
        BOOST_TEST(!info.disposition);
        BOOST_TEST(info.disposition_parameters.empty());
        BOOST_TEST(info.languages.empty());
        BOOST_TEST(!info.location);
    }
}

BOOST_AUTO_TEST_CASE(the_first_of_several_fields_counts) {
    BOOST_TEST(read("Content-Type: image/png\r\nContent-Type: text/html\r\n").type == "image");
}

BOOST_AUTO_TEST_CASE(an_encoding_with_more_than_one_token_is_worthless) {
    BOOST_TEST(!read("Content-Transfer-Encoding: quoted printable\r\n").encoding);
    BOOST_TEST(!read("Content-Transfer-Encoding: text/html\r\n").encoding);
    BOOST_TEST(read("Content-Transfer-Encoding: base64;\r\n").encoding.value() == "base64");
}

BOOST_AUTO_TEST_CASE(parts_of_a_digest_default_to_messages) {
    const mail::Header none = mail::scan_header("");
    BOOST_TEST(mail::read_part_info(none, true).subtype == "rfc822");
    const mail::Header typed = mail::scan_header("Content-Type: text/html\r\n");
    BOOST_TEST(mail::read_part_info(typed, true).subtype == "html");
}

BOOST_AUTO_TEST_CASE(maps_encodings) {
    using mail::TransferEncoding;
    const auto of = [](const char* text) { return mail::transfer_encoding(std::string(text)); };
    BOOST_TEST((mail::transfer_encoding(std::nullopt) == TransferEncoding::Identity));
    BOOST_TEST((of("7bit") == TransferEncoding::Identity));
    BOOST_TEST((of("8BIT") == TransferEncoding::Identity));
    BOOST_TEST((of("binary") == TransferEncoding::Identity));
    BOOST_TEST((of("Base64") == TransferEncoding::Base64));
    BOOST_TEST((of("Quoted-Printable") == TransferEncoding::QuotedPrintable));
    BOOST_TEST((of("x-uuencode") == TransferEncoding::Unknown));
}

BOOST_AUTO_TEST_CASE(is_bounded) {
    std::string many = "Content-Type: text/plain";
    std::string languages = "Content-Language: en";
    for (int i = 0; i < 1'000; ++i) {
        many += ";a=b";
        languages += ",en";
    }
    const PartInfo info = read(many + "\r\n" + languages + "\r\n");
    BOOST_TEST(info.parameters.size() == mail::kParametersMax);
    BOOST_TEST(info.languages.size() == mail::kLanguagesMax);
    const std::string huge(mail::kPartFieldMax + 100, 'x');
    BOOST_TEST(read("Content-ID: " + huge + "\r\n").id->size() < mail::kPartFieldMax);
    (void)read("Content-Type: text/plain" + std::string(1'000'000, '('));
}

BOOST_AUTO_TEST_SUITE_END()
