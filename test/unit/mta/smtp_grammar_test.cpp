#include "mta/smtp_grammar.h"

#include <string>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace {

using mta::SyntaxFault;
using mta::Verb;

}  // namespace

BOOST_AUTO_TEST_SUITE(smtp_grammar)

BOOST_AUTO_TEST_CASE(verbs_are_known_in_any_case) {
    struct Case {
        std::string_view line;
        Verb verb;
        std::string_view argument;
    };

    const std::vector<Case> cases = {
        {"EHLO a.example", Verb::Ehlo, "a.example"},
        {"helo a", Verb::Helo, "a"},
        {"mAiL FROM:<>", Verb::Mail, "FROM:<>"},
        {"RCPT TO:<a@b>", Verb::Rcpt, "TO:<a@b>"},
        {"DATA", Verb::Data, ""},
        {"DATA  \t", Verb::Data, ""},
        {"DATA now", Verb::Data, "now"},
        {"RSET", Verb::Rset, ""},
        {"NOOP what ever", Verb::Noop, "what ever"},
        {"QUIT", Verb::Quit, ""},
        {"VRFY a", Verb::Vrfy, "a"},
        {"EXPN a", Verb::Expn, "a"},
        {"HELP", Verb::Help, ""},
        {"STARTTLS", Verb::StartTls, ""},
        {"AUTH PLAIN AAA=", Verb::Auth, "PLAIN AAA="},
        {"BDAT 10 LAST", Verb::Bdat, "10 LAST"},
        {"GET / HTTP/1.1", Verb::Foreign, "/ HTTP/1.1"},
        {"post /", Verb::Foreign, "/"},
        {"", Verb::Unknown, ""},
        {" EHLO a", Verb::Unknown, ""},
        {"EHLOa", Verb::Unknown, ""},
        {"MAIL\tFROM:<>", Verb::Unknown, ""},
        {"DAT", Verb::Unknown, ""},
        {"DATAA", Verb::Unknown, ""},
    };
    for (const Case& c : cases) {
        const mta::CommandLine command = mta::parse_command_line(c.line);
        BOOST_TEST_CONTEXT("line " << c.line) {
            BOOST_TEST((command.verb == c.verb));
            BOOST_TEST(command.argument == c.argument);
        }
    }
}

BOOST_AUTO_TEST_CASE(mail_arguments) {
    struct Case {
        std::string_view argument;
        SyntaxFault fault;
        std::string_view sender;  ///< with a fault: not looked at; empty: the null path
    };

    const std::vector<Case> cases = {
        {"FROM:<>", SyntaxFault::None, ""},
        {"from:<a@b.example>", SyntaxFault::None, "a@b.example"},
        {"FROM: <a@b.example>", SyntaxFault::None, "a@b.example"},
        {"FROM:<a@b.example> SIZE=100 BODY=8BITMIME", SyntaxFault::None, "a@b.example"},
        {"FROM:<a@b.example>  body=7bit", SyntaxFault::None, "a@b.example"},
        {"FROM:<@x.example,@y.example:a@b.example>", SyntaxFault::None, "a@b.example"},
        {"FROM:<\"a b\"@b.example>", SyntaxFault::None, "\"a b\"@b.example"},
        {"FROM:<a@[192.0.2.1]>", SyntaxFault::None, "a@[192.0.2.1]"},
        {"", SyntaxFault::Syntax, ""},
        {"FROM", SyntaxFault::Syntax, ""},
        {"TO:<a@b.example>", SyntaxFault::Syntax, ""},
        {"FROM :<a@b.example>", SyntaxFault::Syntax, ""},
        {"FROM:", SyntaxFault::Address, ""},
        {"FROM:  <a@b.example>", SyntaxFault::Address, ""},
        {"FROM:a@b.example", SyntaxFault::Address, ""},
        {"FROM:<a@b.example", SyntaxFault::Address, ""},
        {"FROM:<a>", SyntaxFault::Address, ""},
        {"FROM:<a@b.example>SIZE=1", SyntaxFault::Address, ""},
        {"FROM:<a@b.example> SIZE=", SyntaxFault::ParameterValue, ""},
        {"FROM:<a@b.example> SIZE=x", SyntaxFault::ParameterValue, ""},
        {"FROM:<a@b.example> SIZE=-1", SyntaxFault::ParameterValue, ""},
        {"FROM:<a@b.example> SIZE=1 SIZE=1", SyntaxFault::ParameterValue, ""},
        {"FROM:<a@b.example> SIZE=123456789012345678901", SyntaxFault::ParameterValue, ""},
        {"FROM:<a@b.example> BODY=BINARYMIME", SyntaxFault::ParameterValue, ""},
        {"FROM:<a@b.example> BODY=7BIT BODY=7BIT", SyntaxFault::ParameterValue, ""},
        {"FROM:<a@b.example> BODY", SyntaxFault::ParameterValue, ""},
        {"FROM:<a@b.example> SMTPUTF8", SyntaxFault::UnknownParameter, ""},
        {"FROM:<a@b.example> AUTH=<>", SyntaxFault::UnknownParameter, ""},
        {"FROM:<a@b.example> RET=HDRS", SyntaxFault::UnknownParameter, ""},
    };
    for (const Case& c : cases) {
        const mta::MailArguments got = mta::parse_mail_arguments(c.argument);
        BOOST_TEST_CONTEXT("argument " << c.argument) {
            BOOST_TEST((got.fault == c.fault));
            if (c.fault == SyntaxFault::None && got.fault == c.fault) {
                BOOST_TEST((got.sender ? got.sender->text() : "") == c.sender);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(the_announced_size_and_body_are_read) {
    const auto got = mta::parse_mail_arguments("FROM:<> SIZE=12345 BODY=8bitmime");
    BOOST_TEST(got.size_bytes.value() == 12345U);
    BOOST_TEST((got.body_type == mail::BodyType::EightBitMime));
    BOOST_TEST(!mta::parse_mail_arguments("FROM:<>").size_bytes.has_value());
}

BOOST_AUTO_TEST_CASE(a_size_beyond_64_bits_is_larger_than_any_limit) {
    const auto got = mta::parse_mail_arguments("FROM:<> SIZE=99999999999999999999");
    BOOST_TEST((got.fault == SyntaxFault::None));
    BOOST_TEST(got.size_bytes.value() == UINT64_MAX);
}

BOOST_AUTO_TEST_CASE(parts_over_their_limits_are_too_long) {
    const std::string long_local = "FROM:<" + std::string(65, 'a') + "@b.example>";
    BOOST_TEST((mta::parse_mail_arguments(long_local).fault == SyntaxFault::AddressTooLong));
    BOOST_TEST((mta::parse_rcpt_arguments("TO:<" + std::string(65, 'a') + "@b.example>").fault ==
                SyntaxFault::AddressTooLong));
}

BOOST_AUTO_TEST_CASE(rcpt_arguments) {
    struct Case {
        std::string_view argument;
        SyntaxFault fault;
        std::string_view recipient;
    };

    const std::vector<Case> cases = {
        {"TO:<a@b.example>", SyntaxFault::None, "a@b.example"},
        {"to: <a@b.example>", SyntaxFault::None, "a@b.example"},
        {"TO:<Postmaster>", SyntaxFault::None, "Postmaster"},
        {"TO:<pOSTMASTER>", SyntaxFault::None, "pOSTMASTER"},
        {"TO:<@x.example:a@b.example>", SyntaxFault::None, "a@b.example"},
        {"TO:<>", SyntaxFault::Address, ""},
        {"TO:<a>", SyntaxFault::Address, ""},
        {"TO:a@b.example", SyntaxFault::Address, ""},
        {"TO:<a@b.example>x", SyntaxFault::Address, ""},
        {"FROM:<a@b.example>", SyntaxFault::Syntax, ""},
        {"TO:<a@b.example> NOTIFY=NEVER", SyntaxFault::UnknownParameter, ""},
    };
    for (const Case& c : cases) {
        const mta::RcptArguments got = mta::parse_rcpt_arguments(c.argument);
        BOOST_TEST_CONTEXT("argument " << c.argument) {
            BOOST_TEST((got.fault == c.fault));
            if (c.fault == SyntaxFault::None && got.fault == c.fault) {
                BOOST_TEST(got.recipient.text() == c.recipient);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(client_names_are_domains_or_literals) {
    for (const std::string_view good :
         {"a", "a.example", "[192.0.2.1]", "[IPv6:2001:db8::1]", "WIN_HOST.local"}) {
        BOOST_TEST(mta::is_client_name(good));
    }
    for (const std::string_view bad :
         {"", "a b", "a..b", "[300.1.1.1]", "192.0.2.1]", "a@b", "-a"}) {
        BOOST_TEST(!mta::is_client_name(bad));
    }
}

BOOST_AUTO_TEST_SUITE_END()
