#include "ops/output.h"

#include <cstdio>
#include <functional>
#include <string>

#include <boost/test/unit_test.hpp>

#include "test/support/postgres.h"
#include "test/unit/ops/captured_output.h"

namespace {

using ops::CommandContext;
using ops::Output;

const std::string kServers =
    "SELECT * FROM (VALUES ('mail1', 25, NULL), ('mail\xC3\xA4', 2525, E'a\\tb\\x1b'))"
    " AS t (name, port, note) ORDER BY port";
const std::string kNone = "SELECT 1 AS one WHERE false";

CommandContext context_for(Output output) {
    CommandContext context;
    context.database = test_support::PostgresServer::shared().conninfo("postgres");
    context.output = output;
    return context;
}

std::string printed(Output output, const std::function<base::Status(CommandContext&)>& body) {
    CommandContext context = context_for(output);
    return ops_test::captured(stdout, [&] {
        const base::Status done = body(context);
        BOOST_TEST(bool(done), (done ? std::string() : done.error().detail));
    });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(output)

// Width is what a person sees: a letter of two octets takes one place. What could move the cursor
// of a terminal is shown as '?'; a null as '-'.
BOOST_AUTO_TEST_CASE(listings_are_aligned_and_harmless) {
    const std::string text = printed(Output::Text, [](CommandContext& context) {
        return ops::print_rows(context, kServers, {}, "none");
    });
    BOOST_TEST(text ==
               "name   port  note\n"
               "mail1  25    -\n"
               "mail\xC3\xA4  2525  a?b?\n");
}

BOOST_AUTO_TEST_CASE(the_same_listing_is_json) {
    const std::string text = printed(Output::Json, [](CommandContext& context) {
        return ops::print_rows(context, kServers, {}, "none");
    });
    BOOST_TEST(text.starts_with("[{\"name\":\"mail1\",\"port\":25,\"note\":null}"), text);
    BOOST_TEST(text.ends_with("]\n"));
}

BOOST_AUTO_TEST_CASE(an_empty_listing_says_so_to_people_and_is_an_empty_array) {
    const auto body = [](CommandContext& context) {
        return ops::print_rows(context, kNone, {}, "no servers");
    };
    BOOST_TEST(printed(Output::Text, body) == "no servers\n");
    BOOST_TEST(printed(Output::Json, body) == "[]\n");
}

BOOST_AUTO_TEST_CASE(one_thing_is_lines_or_an_object) {
    const auto body = [](CommandContext& context) {
        return ops::print_one(
            context, "SELECT $1::text AS name, 25 AS smtp_port", {"mail1"}, "no such server");
    };
    BOOST_TEST(printed(Output::Text, body) == "name:      mail1\nsmtp_port: 25\n");
    BOOST_TEST(printed(Output::Json, body) == "{\"name\":\"mail1\",\"smtp_port\":25}\n");
}

BOOST_AUTO_TEST_CASE(a_thing_that_is_not_there_is_not_found) {
    for (const Output output : {Output::Text, Output::Json}) {
        CommandContext context = context_for(output);
        std::string out = ops_test::captured(stdout, [&] {
            const base::Status done = ops::print_one(context, kNone, {}, "no such server");
            BOOST_REQUIRE(!done);
            BOOST_CHECK(done.error().code == base::Errc::NotFound);
            BOOST_TEST(done.error().detail == "no such server");
        });
        BOOST_TEST(out.empty());
    }
}

BOOST_AUTO_TEST_CASE(what_is_said_to_people_is_not_in_json) {
    CommandContext context = context_for(Output::Text);
    BOOST_TEST(ops_test::captured(stdout, [&] { ops::say(context, "added"); }) == "added\n");
    context.output = Output::Json;
    BOOST_TEST(ops_test::captured(stdout, [&] { ops::say(context, "added"); }).empty());
}

BOOST_AUTO_TEST_SUITE_END()
