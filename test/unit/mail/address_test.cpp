#include "mail/address.h"

#include <boost/test/unit_test.hpp>

using base::Errc;
using mail::Address;
using mail::PathUse;
using mail::SenderKeyType;

namespace {

std::string forward(std::string_view path) {
    const auto result = mail::parse_path(path, PathUse::Forward);
    return result ? result.value().address->text() : std::string("refused");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(address)

BOOST_AUTO_TEST_CASE(parses_paths) {
    struct Case {
        const char* path;
        const char* want;
    };

    for (const Case& c : {
             Case{"<a@b>", "a@b"},
             Case{"<Joe.Q.Public@Example.ORG>", "Joe.Q.Public@Example.ORG"},
             Case{"<a+b=c/d@x-y.test>", "a+b=c/d@x-y.test"},
             Case{"<\"quoted local\"@example.org>", "\"quoted local\"@example.org"},
             Case{"<\"joe\"@example.org>", "joe@example.org"},
             Case{"<\"a\\\"b\\\\c\"@example.org>", "\"a\\\"b\\\\c\"@example.org"},
             Case{"<\"a\\bc\"@example.org>", "abc@example.org"},
             Case{"<\"a@b\"@example.org>", "\"a@b\"@example.org"},
             Case{"<\"a>b\"@example.org>", "\"a>b\"@example.org"},
             Case{"<\"\"@example.org>", "\"\"@example.org"},
             Case{"<@one.test,@two.test:joe@example.org>", "joe@example.org"},
             Case{"<joe@[192.0.2.1]>", "joe@[192.0.2.1]"},
             Case{"<joe@[IPv6:2001:db8::1]>", "joe@[IPv6:2001:db8::1]"},
             Case{"<joe@xn--bcher-kva.example>", "joe@xn--bcher-kva.example"},
             Case{"<joe@host_name.test>", "joe@host_name.test"},
             Case{"<Postmaster>", "Postmaster"},
             Case{"<POSTMASTER>", "POSTMASTER"},
         }) {
        BOOST_TEST(forward(c.path) == c.want, c.path);
    }
}

BOOST_AUTO_TEST_CASE(rejects_malformed_paths) {
    for (const char* path : {"",
                             "a@b",
                             "<a@b",
                             "<a>",
                             "<a@>",
                             "<@b>",
                             "<a@b@c>",
                             "<a b@c>",
                             "< a@b>",
                             "<a@b >",
                             "<a..b@c>",
                             "<.a@c>",
                             "<a.@c>",
                             "<a@b.>",
                             "<a@.b>",
                             "<a@b..c>",
                             "<a@-b>",
                             "<a@b->",
                             "<\"a@b>",
                             "<\"a\"b@c>",
                             "<\"a\\\xe4\"@c>",
                             "<\"a\tb\"@c>",
                             "<\xe4@c>",
                             "<a@\xe4.test>",
                             "<a@b\r\n>",
                             "<a@[192.0.2]>",
                             "<a@[192.0.2.256]>",
                             "<a@[192.0.2.1>",
                             "<a@[]>",
                             "<a@[x]>",
                             "<a@[IPv6:1::2::3]>",
                             "<a@[IPv6:1:2:3:4:5:6:7]>",
                             "<a@[IPv6:12345::]>",
                             "<@one:a@b",
                             "<@one,two:a@b>",
                             "<@:a@b>",
                             "<@one a@b>",
                             "<<a@b>>"}) {
        BOOST_TEST(forward(path) == "refused", path);
    }
}

BOOST_AUTO_TEST_CASE(null_path_is_for_the_sender_alone) {
    const auto path = mail::parse_path("<> SIZE=1", PathUse::Reverse);
    BOOST_TEST(!path.value().address.has_value());
    BOOST_TEST(path.value().size == 2U);
    BOOST_TEST(!mail::parse_path("<>", PathUse::Forward));
    BOOST_TEST(!mail::parse_path("<Postmaster>", PathUse::Reverse));
}

BOOST_AUTO_TEST_CASE(leaves_what_follows_the_path) {
    const auto path = mail::parse_path("<@r.test:a@b> SIZE=1", PathUse::Reverse);
    BOOST_TEST(path.value().size == 13U);
    BOOST_TEST(path.value().address->text() == "a@b");
}

BOOST_AUTO_TEST_CASE(keeps_to_the_sizes_of_rfc_5321) {
    const std::string label63(63, 'd');
    const std::string domain = label63 + "." + label63 + "." + label63;  // 191
    const std::string local64(64, 'l');
    BOOST_TEST((mail::parse_mailbox(local64 + "@x").value().local_part == local64));
    BOOST_TEST((mail::parse_mailbox(local64 + "l@x").error().code == Errc::TooLarge));
    BOOST_TEST((mail::parse_mailbox("\"" + std::string(62, 'l') + "\"@x").value().domain == "x"));
    BOOST_TEST(
        (mail::parse_mailbox("\"" + std::string(63, 'l') + "\"@x").error().code == Errc::TooLarge));
    BOOST_TEST(!mail::parse_mailbox("a@" + label63 + "d"));
    BOOST_TEST(bool(mail::parse_mailbox(std::string(62, 'l') + "@" + domain)));  // 254
    BOOST_TEST(
        (mail::parse_mailbox(std::string(63, 'l') + "@" + domain).error().code == Errc::TooLarge));
    const std::string long_domain = domain + "." + label63 + ".d";  // 257
    BOOST_TEST((mail::parse_mailbox("a@" + long_domain).error().code == Errc::TooLarge));
    std::string route = "<@r.test";
    while (route.size() < 1'100) {
        route += ",@r.test";
    }
    BOOST_TEST(
        (mail::parse_path(route + ":a@b>", PathUse::Forward).error().code == Errc::TooLarge));
}

BOOST_AUTO_TEST_CASE(knows_address_literals) {
    for (const char* text : {"[192.0.2.1]",
                             "[255.255.255.255]",
                             "[IPv6:::]",
                             "[IPv6:::1]",
                             "[ipv6:1::]",
                             "[IPv6:1:2:3:4:5:6:7:8]",
                             "[IPv6:1:2:3:4:5:6:192.0.2.1]",
                             "[IPv6:::ffff:192.0.2.1]",
                             "[tag:content]"}) {
        BOOST_TEST(mail::is_address_literal(text), text);
    }
    for (const char* text : {"192.0.2.1",
                             "[192.0.2.01234]",
                             "[192.0.2.1.1]",
                             "[IPv6:]",
                             "[IPv6:1:2:3:4:5:6:7:8:9]",
                             "[IPv6:1:2:3:4:5:6:7::8]",
                             "[IPv6:192.0.2.1::]",
                             "[IPv6:1:2:3:4:5:6:7:192.0.2.1]",
                             "[IPv6:g::]",
                             "[tag:]",
                             "[tag:a b]",
                             "[:x]"}) {
        BOOST_TEST(!mail::is_address_literal(text), text);
    }
}

BOOST_AUTO_TEST_CASE(text_reads_back) {
    for (const char* text : {"a@b", "\"a b\"@c", "\"\\\"\\\\\"@c", "\"\"@c", "\".a\"@c"}) {
        const Address address = mail::parse_mailbox(text).value();
        BOOST_TEST((mail::parse_mailbox(address.text()).value() == address), text);
        BOOST_TEST(address.text() == text);
    }
}

BOOST_AUTO_TEST_CASE(normal_form_is_lower_case) {
    const Address address = mail::parse_mailbox("Joe.Public@EXAMPLE.org").value();
    BOOST_TEST(mail::normalised(address).text() == "joe.public@example.org");
}

BOOST_AUTO_TEST_CASE(verification_name_follows_the_pattern_of_rfc_7929) {
    // RFC 7929 3 hashes "hugh" to these 56 digits.
    const Address hugh = mail::parse_mailbox("Hugh@Example.COM").value();
    BOOST_TEST(mail::verification_name(hugh).value() ==
               "c93f1e400f26708f98cb19d936620da35eec8f72e57f9eec01c1afd6._account.example.com");
    BOOST_TEST(!mail::verification_name(mail::parse_mailbox("a@[192.0.2.1]").value()));
    BOOST_TEST(!mail::verification_name(Address{"postmaster", ""}));
    std::string domain = "d";
    while (domain.size() < 187) {
        domain += ".d";
    }
    BOOST_TEST(mail::verification_name(Address{"a", domain}).value().size() == 253U);
    BOOST_TEST(!mail::verification_name(Address{"a", domain + ".d"}));
}

BOOST_AUTO_TEST_CASE(sender_keys_go_from_the_address_to_the_top_level) {
    const auto keys = mail::sender_match_keys(mail::parse_mailbox("A.B@Sub.Example.ORG").value());
    const std::vector<mail::SenderKey> want = {
        {SenderKeyType::Address, "a.b@sub.example.org"},
        {SenderKeyType::Domain, "sub.example.org"},
        {SenderKeyType::Subtree, "sub.example.org"},
        {SenderKeyType::Subtree, "example.org"},
        {SenderKeyType::Subtree, "org"},
    };
    BOOST_TEST((keys == want));
    const auto literal = mail::sender_match_keys(mail::parse_mailbox("a@[192.0.2.1]").value());
    BOOST_TEST(literal.size() == 2U);
    BOOST_TEST(literal[1].text == "[192.0.2.1]");
    BOOST_TEST(mail::sender_match_keys(Address{"postmaster", ""}).empty());
    BOOST_TEST(mail::sender_key_type_name(SenderKeyType::Subtree) == "subtree");
}

BOOST_AUTO_TEST_SUITE_END()
