#include "base/base64.h"

#include <string>
#include <utility>

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(base64)

// RFC 4648 10, without padding.
BOOST_AUTO_TEST_CASE(encodes_and_decodes_the_examples) {
    const std::pair<const char*, const char*> cases[] = {{"", ""},
                                                         {"f", "Zg"},
                                                         {"fo", "Zm8"},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg"},
                                                         {"fooba", "Zm9vYmE"},
                                                         {"foobar", "Zm9vYmFy"}};
    for (const auto& [plain, text] : cases) {
        BOOST_TEST(base::base64url(plain) == text);
        BOOST_TEST(base::decode_base64url(text).value() == plain);
    }
    BOOST_TEST(base::base64url("\xFB\xFF") == "-_8");
    BOOST_TEST(base::decode_base64url("-_8=").value() == "\xFB\xFF");
}

BOOST_AUTO_TEST_CASE(refuses_what_is_none) {
    for (const char* text : {"A", "Zm9vY", "Zm+v", "Zm/v", "Zh", "Zm9v Yg", "Zg==="}) {
        BOOST_TEST(!base::decode_base64url(text), text);
    }
}

BOOST_AUTO_TEST_CASE(breaks_lines_as_mail_needs_it) {
    const std::string text = base::base64_lines(std::string(100, 'x'));
    BOOST_TEST(text.find("\r\n") == 76U);
    BOOST_TEST(text.ends_with("eA==\r\n"));
    BOOST_TEST(base::base64_lines("") == "");
}

BOOST_AUTO_TEST_SUITE_END()
