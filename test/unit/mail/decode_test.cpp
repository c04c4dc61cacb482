#include "mail/decode.h"

#include <boost/test/unit_test.hpp>

#include "mail/limits.h"

using mail::TransferEncoding;

namespace {

std::string part(std::string_view body, TransferEncoding encoding, std::string_view charset) {
    return mail::decode_part_text(body, encoding, charset, mail::kDecodedMax);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(decode)

BOOST_AUTO_TEST_CASE(decodes_encoded_words) {
    struct Case {
        const char* raw;
        const char* want;
    };

    for (const Case& c : {
             Case{"plain", "plain"},
             Case{"=?utf-8?q?J=C3=B6rg?=", "J\xc3\xb6rg"},
             Case{"=?ISO-8859-1?Q?Andr=E9?= Pirard", "Andr\xc3\xa9 Pirard"},
             Case{"=?iso-8859-1?B?SvZyZw==?=", "J\xc3\xb6rg"},
             Case{"=?utf-8?q?a?=\r\n =?utf-8?q?b?= c", "ab c"},
             Case{"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "\xe6\x97\xa5\xe6\x9c\xac"},
             Case{"raw J\xc3\xb6rg", "raw J\xc3\xb6rg"},
             Case{"raw J\xf6rg", "raw J\xc3\xb6rg"},
             Case{"folded\r\n text", "folded text"},
             Case{"", ""},
         }) {
        BOOST_TEST(mail::decode_header_text(c.raw) == c.want, c.raw);
    }
}

BOOST_AUTO_TEST_CASE(leaves_what_is_no_encoded_word) {
    for (const char* raw : {"=?", "=?utf-8?", "=?utf-8?q?", "=?utf-8?x?abc?=", "a =?= b", "?="}) {
        BOOST_TEST(mail::decode_header_text(raw) == raw);
    }
    const std::string nul("a\0b", 3);
    BOOST_TEST(mail::decode_header_text(nul) == "a b");
}

BOOST_AUTO_TEST_CASE(header_text_is_always_utf8) {
    for (const char* raw : {"=?utf-8?q?=FF=FE?=",
                            "=?no-such-charset?q?=FF?=",
                            "\xff\xfe =?utf-8?b?/////w==?=",
                            "=?utf-8//IGNORE?q?=FF?="}) {
        const std::string text = mail::decode_header_text(raw);
        BOOST_TEST(mail::convert_to_utf8(text, "utf-8").ok, raw);
    }
}

BOOST_AUTO_TEST_CASE(decodes_parameters) {
    using Parameters = std::vector<mail::Parameter>;
    const auto name = [](const Parameters& list) { return mail::decode_parameter(list, "name"); };
    BOOST_TEST(name({{"Name", "plain.txt"}}) == "plain.txt");
    BOOST_TEST(name({{"name*", "utf-8''J%C3%B6rg.txt"}}) == "J\xc3\xb6rg.txt");
    BOOST_TEST(name({{"name*0*", "iso-8859-1'de'J%F6"}, {"name*1", "rg%.txt"}}) ==
               "J\xc3\xb6rg%.txt");
    BOOST_TEST(name({{"name", "fallback"}, {"name*", "utf-8''better"}}) == "better");
    BOOST_TEST(name({{"name", "=?utf-8?q?J=C3=B6rg?="}}) == "J\xc3\xb6rg");
    BOOST_TEST(name({{"name*", "no quotes%41"}}) == "no quotesA");
    BOOST_TEST(name({{"name*", "utf-8''%4"}}) == "%4");
    BOOST_TEST(name({{"name*", "no-such''%41"}}) == "A");
    BOOST_TEST(name({{"other", "x"}}) == "");
}

BOOST_AUTO_TEST_CASE(undoes_transfer_encodings) {
    BOOST_TEST(mail::decode_transfer("SGVsbG8g\r\nd29ybGQ=\r\n", TransferEncoding::Base64, 100) ==
               "Hello world");
    BOOST_TEST(mail::decode_transfer("a=3Db=\r\nc \r\nd", TransferEncoding::QuotedPrintable, 100) ==
               "a=bc \r\nd");
    BOOST_TEST(mail::decode_transfer("SGVs", TransferEncoding::Identity, 100) == "SGVs");
    BOOST_TEST(mail::decode_transfer("SGVs", TransferEncoding::Unknown, 2) == "SG");
    BOOST_TEST(mail::decode_transfer("SGVsbG8", TransferEncoding::Base64, 3) == "Hel");
    BOOST_TEST(mail::decode_transfer("", TransferEncoding::Base64, 3) == "");
}

BOOST_AUTO_TEST_CASE(undoes_transfer_encodings_across_pieces) {
    std::string encoded;
    std::string want;
    for (int i = 0; i < 30'000; ++i) {
        encoded += "QUJD";
        want += "ABC";
        if (i % 19 == 18) {
            encoded += "\r\n";
        }
    }
    BOOST_TEST((mail::decode_transfer(encoded, TransferEncoding::Base64, 1'000'000) == want));
    BOOST_TEST((mail::decode_transfer(encoded, TransferEncoding::Base64, 1'001).size() == 1'001U));
}

BOOST_AUTO_TEST_CASE(decodes_text_of_any_charset) {
    BOOST_TEST(part("J=F6rg", TransferEncoding::QuotedPrintable, "ISO-8859-1") == "J\xc3\xb6rg");
    BOOST_TEST(part("J\xc3\xb6rg", TransferEncoding::Identity, "utf-8") == "J\xc3\xb6rg");
    BOOST_TEST(part("\x1b$BF|K\\\x1b(B", TransferEncoding::Identity, "iso-2022-jp") ==
               "\xe6\x97\xa5\xe6\x9c\xac");
    BOOST_TEST(part("J\xf6rg", TransferEncoding::Identity, "") == "J\xc3\xb6rg");
    BOOST_TEST(part("J\xc3\xb6rg", TransferEncoding::Identity, "us-ascii") == "J\xc3\xb6rg");
    BOOST_TEST(part("J\xf6rg", TransferEncoding::Identity, "no-such-charset") == "J\xc3\xb6rg");
    BOOST_TEST(part("a\xff"
                    "b",
                    TransferEncoding::Identity,
                    "utf-8") ==
               "a\xef\xbf\xbd"
               "b");
    BOOST_TEST(part("a\xc3", TransferEncoding::Identity, "utf-8") == "a\xef\xbf\xbd");
}

BOOST_AUTO_TEST_CASE(cuts_text_between_characters) {
    BOOST_TEST(mail::decode_part_text("J\xc3\xb6rg", TransferEncoding::Identity, "", 2) == "J");
    BOOST_TEST(mail::decode_part_text("\xe4\xe4", TransferEncoding::Identity, "iso-8859-1", 3) ==
               "\xc3\xa4");
}

BOOST_AUTO_TEST_CASE(converts_for_search_and_says_if_it_could) {
    const auto good = mail::convert_to_utf8("J\xf6rg", "iso-8859-1");
    BOOST_TEST(good.ok);
    BOOST_TEST(good.text == "J\xc3\xb6rg");
    BOOST_TEST(!mail::convert_to_utf8("x", "no-such-charset").ok);
    BOOST_TEST(!mail::convert_to_utf8("x", "").ok);
    BOOST_TEST(!mail::convert_to_utf8("x", "utf-8//TRANSLIT").ok);
    BOOST_TEST(!mail::convert_to_utf8("\xff", "utf-8").ok);
}

BOOST_AUTO_TEST_CASE(search_ignores_case_and_composition) {
    const auto found = [](std::string_view text, std::string_view needle) {
        return mail::contains_text(text, mail::search_form(needle));
    };
    BOOST_TEST(found("Hello World", "WORLD"));
    BOOST_TEST(!found("Hello World", "worlds"));
    BOOST_TEST(found("", ""));
    BOOST_TEST(found("J\xc3\x96RG", "j\xc3\xb6rg"));
    BOOST_TEST(found("Jo\xcc\x88rg", "J\xc3\xb6rg"));
    BOOST_TEST(found("STRASSE",
                     "stra\xc3\x9f"
                     "e"));
    BOOST_TEST(found("J\xc3\xb6rg ABC", "abc"));
    BOOST_TEST(!found("Jorg", "J\xc3\xb6rg"));
    BOOST_TEST(
        found("x\xff"
              "ABC",
              "abc"));
    BOOST_TEST(mail::search_form("ABC") == "abc");
}

BOOST_AUTO_TEST_SUITE_END()
