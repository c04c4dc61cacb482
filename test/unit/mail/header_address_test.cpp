#include "mail/header_address.h"

#include <boost/test/unit_test.hpp>

#include "mail/limits.h"

using mail::HeaderAddress;
using mail::HeaderAddressType;

namespace {

/// "name|route|mailbox|domain" of each entry; "[" and "]" for the ends of a group.
std::string shown(std::string_view value) {
    std::string out;
    for (const HeaderAddress& a : mail::parse_header_addresses(value)) {
        out += out.empty() ? "" : " ";
        switch (a.type) {
            case HeaderAddressType::GroupStart:
                out += "[" + a.mailbox;
                break;
            case HeaderAddressType::GroupEnd:
                out += "]";
                break;
            case HeaderAddressType::Mailbox:
                out += a.name + "|" + a.route + "|" + a.mailbox + "|" + a.domain;
                break;
        }
    }
    return out;
}

struct Case {
    const char* value;
    const char* want;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(header_address)

BOOST_AUTO_TEST_CASE(parses_the_forms_of_rfc_5322) {
    for (const Case& c : {
             Case{"a@b", "||a|b"},
             Case{"<a@b>", "||a|b"},
             Case{"Mary Smith <mary@x.test>", "Mary Smith||mary|x.test"},
             Case{"\"Joe Q. Public\" <joe@x>", "Joe Q. Public||joe|x"},
             Case{"Joe Q. Public <joe@x>", "Joe Q. Public||joe|x"},
             Case{"\"a \\\" b\" <a@b>", "a \" b||a|b"},
             Case{"\"a, b\" <a@b>, c@d", "a, b||a|b ||c|d"},
             Case{"joe@x (Joe (the first) Q)", "Joe (the first) Q||joe|x"},
             Case{"Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
                  "Pete||pete|silly.test"},
             Case{"\"quoted local\"@x", "||quoted local|x"},
             Case{"a@[192.0.2.1]", "||a|[192.0.2.1]"},
             Case{"=?utf-8?q?J=C3=B6rg?= =?utf-8?q?x?= <a@b>",
                  "=?utf-8?q?J=C3=B6rg?= =?utf-8?q?x?=||a|b"},
             Case{"A Group:Chris <c@a.test>,joe@x;", "[A Group Chris||c|a.test ||joe|x ]"},
             Case{"Undisclosed recipients:;", "[Undisclosed recipients ]"},
             Case{"g:a@b;, c@d", "[g ||a|b ] ||c|d"},
             Case{"J\xc3\xb6rg <j@x>", "J\xc3\xb6rg||j|x"},
             Case{"Mary\r\n\t Smith <m@x>,\r\n joe@y", "Mary Smith||m|x ||joe|y"},
         }) {
        BOOST_TEST(shown(c.value) == c.want, c.value);
    }
}

BOOST_AUTO_TEST_CASE(parses_obsolete_forms) {
    for (const Case& c : {
             Case{"Mary Smith <@node.test,@b.test:mary@x>", "Mary Smith|@node.test,@b.test|mary|x"},
             Case{"a . b @ c . d", "||a.b|c.d"},
             Case{"\"a\".b@c", "||a.b|c"},
             Case{", a@b,, c@d,", "||a|b ||c|d"},
             Case{"<a@ [192.0.2.1] >", "||a|[192.0.2.1]"},
         }) {
        BOOST_TEST(shown(c.value) == c.want, c.value);
    }
}

BOOST_AUTO_TEST_CASE(makes_something_of_anything) {
    for (const Case& c : {
             Case{"", ""},
             Case{" ", ""},
             Case{"(comment alone)", ""},
             Case{"joe", "||joe|"},
             Case{"Mary Smith", "Mary Smith|||"},
             Case{"<>", "|||"},
             Case{"Mary <>", "Mary|||"},
             Case{"Mary <mary>", "Mary||mary|"},
             Case{"@b", "|||b"},
             Case{"a@", "||a|"},
             Case{"Big Bug bb@bug.test", "Big Bug||bb|bug.test"},
             Case{"a@b; c@d", "||a|b ||c|d"},
             Case{"<a@b", "||a|b"},
             Case{"<a@b, c@d", "||a|b ||c|d"},
             Case{"\"open <a@b>", "||open <a@b>|"},
             Case{"(open a@b", ""},
             Case{"a@b c@d, e@f", "||a|b ||e|f"},
             Case{"g:a@b", "[g ||a|b ]"},
             Case{"g:h:a@b;", "[g ||h| ]"},
             Case{"a@b>, c@d", "||a|b ||c|d"},
             Case{"x\\y@z", "||x|"},
         }) {
        BOOST_TEST(shown(c.value) == c.want, c.value);
    }
}

BOOST_AUTO_TEST_CASE(format_reads_back) {
    for (const char* value : {"Joe Q. Public <joe@x>, a@b",
                              "g: a@b, \"x;y\" <c@d>;, \"q \\\" \\\\\" <e@f>",
                              "Mary <@a,@b:\"m m\"@[192.0.2.1]>",
                              "g:;",
                              "Mary Smith, joe, <>",
                              "a@b (comment)"}) {
        const auto list = mail::parse_header_addresses(value);
        const std::string text = mail::format_header_addresses(list);
        BOOST_TEST((mail::parse_header_addresses(text) == list), value << " -> " << text);
    }
}

BOOST_AUTO_TEST_CASE(is_bounded) {
    std::string value;
    for (std::size_t i = 0; i < mail::kHeaderAddressesMax + 100; ++i) {
        value += "a@b,";
    }
    BOOST_TEST(mail::parse_header_addresses(value).size() == mail::kHeaderAddressesMax);
    BOOST_TEST(shown(std::string(1'000'000, '(')) == "");
    BOOST_TEST(mail::parse_header_addresses(std::string(1'000'000, '<')).size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
