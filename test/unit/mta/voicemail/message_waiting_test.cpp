#include "mta/voicemail/message_waiting.h"

#include <string>

#include <boost/test/unit_test.hpp>

namespace {

using mta::check_waiting_target;
using mta::WaitingMethod;

}  // namespace

BOOST_AUTO_TEST_SUITE(voicemail_message_waiting)

BOOST_AUTO_TEST_CASE(writes_the_summary_of_rfc_3842) {
    BOOST_TEST(mta::waiting_summary({4, 8, 1, 2}, "sip:1234@192.0.2.1") ==
               "Messages-Waiting: yes\r\nMessage-Account: sip:1234@192.0.2.1\r\n"
               "Voice-Message: 4/8 (1/2)\r\n");
    BOOST_TEST(mta::waiting_summary({0, 8, 0, 0}, "sip:1@192.0.2.1")
                   .starts_with("Messages-Waiting: no\r\n"));
}

BOOST_AUTO_TEST_CASE(writes_json) {
    const mta::WaitingEvent event{
        1, WaitingMethod::Webhook, "x", "def\"a\\u", "12", "a\x01@b", {1, 2, 3, 4}};
    BOOST_TEST(mta::waiting_json(event) ==
               "{\"event\":\"message-waiting\",\"cause\":\"state\",\"context\":\"def\\\"a\\\\u\","
               "\"mailbox\":\"12\","
               "\"account\":\"a\\u0001@b\",\"new\":1,\"old\":2,\"new_urgent\":3,\"old_urgent\":4}");
}

BOOST_AUTO_TEST_CASE(names_a_cause_where_one_explains_the_counts) {
    using mta::WaitingCounts;

    const struct {
        std::optional<WaitingCounts> told;
        WaitingCounts now;
        const char* cause;
    } cases[] = {
        {std::nullopt, {1, 0, 0, 0}, "state"},
        {WaitingCounts{0, 2, 0, 0}, {1, 2, 1, 0}, "new"},
        {WaitingCounts{0, 2, 0, 0}, {3, 2, 0, 0}, "new"},
        {WaitingCounts{2, 1, 0, 0}, {1, 2, 0, 0}, "seen"},
        {WaitingCounts{2, 1, 0, 0}, {0, 3, 0, 0}, "seen"},
        {WaitingCounts{2, 1, 0, 0}, {1, 1, 0, 0}, "deleted"},
        {WaitingCounts{2, 1, 0, 0}, {2, 0, 0, 0}, "deleted"},
        {WaitingCounts{2, 1, 0, 0}, {0, 0, 0, 0}, "deleted"},
        {WaitingCounts{2, 1, 0, 0}, {3, 0, 0, 0}, "state"},  // marked as new, or both
        {WaitingCounts{2, 1, 0, 0}, {3, 2, 0, 0}, "state"},
        {WaitingCounts{2, 1, 0, 0}, {0, 2, 0, 0}, "state"},
        {WaitingCounts{2, 1, 0, 0}, {2, 2, 0, 0}, "state"},  // a heard one was put there
        {WaitingCounts{2, 1, 1, 0}, {2, 1, 0, 0}, "state"},  // no longer urgent
    };

    for (const auto& each : cases) {
        const mta::WaitingEvent event{
            1, WaitingMethod::Webhook, "x", "d", "12", "a@b", each.now, each.told};
        BOOST_TEST(mta::waiting_cause(event) == each.cause,
                   each.now.fresh << "/" << each.now.old << " " << each.cause);
    }
}

BOOST_AUTO_TEST_CASE(a_hook_must_be_below_the_directory_of_hooks) {
    BOOST_TEST(static_cast<bool>(mta::check_hook("/etc/hooks/a", "/etc/hooks")));
    BOOST_TEST(static_cast<bool>(mta::check_hook("/etc/hooks/a/b", "/etc/hooks/")));
    for (const char* path : {"/etc/hooks",
                             "/etc/hooks/",
                             "/etc/hooksa",
                             "/etc/hooks/../a",
                             "/etc/hooks/a/..",
                             "etc/hooks/a",
                             ""}) {
        BOOST_TEST(!mta::check_hook(path, "/etc/hooks"), path);
    }
    BOOST_TEST(!mta::check_hook("/etc/hooks/a", ""));
    BOOST_TEST(!check_waiting_target(WaitingMethod::Hook, "/etc/../bin/sh"));
    BOOST_TEST(static_cast<bool>(check_waiting_target(WaitingMethod::Hook, "/etc/hooks/..a")));
}

BOOST_AUTO_TEST_CASE(tells_a_hook_what_it_needs) {
    const mta::WaitingEvent event{
        1, WaitingMethod::Hook, "/x", "default", "12", "a@b", {5, 2, 1, 0}};
    const std::vector<std::string> wanted{"12@default", "5", "2", "1"};
    BOOST_TEST(mta::hook_arguments(event) == wanted, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(expands_targets) {
    BOOST_TEST(mta::expand_target("sip:{mailbox}@192.0.2.1", "default", "12") ==
               "sip:12@192.0.2.1");
    BOOST_TEST(mta::expand_target("/x/{context}/{mailbox}{mailbox}", "c", "1") == "/x/c/11");
    BOOST_TEST(mta::expand_target("{mailbo}{", "c", "1") == "{mailbo}{");
    // What was filled in is not looked at again.
    BOOST_TEST(mta::expand_target("{mailbox}", "c", "{context}") == "{context}");
}

BOOST_AUTO_TEST_CASE(checks_targets) {
    BOOST_TEST(static_cast<bool>(check_waiting_target(WaitingMethod::Hook, "/usr/local/bin/mwi")));
    BOOST_TEST(
        static_cast<bool>(check_waiting_target(WaitingMethod::Webhook, "https://pbx.example/mwi")));
    BOOST_TEST(static_cast<bool>(
        check_waiting_target(WaitingMethod::Sip, "sip:{mailbox}@192.0.2.1:5062")));
    BOOST_TEST(static_cast<bool>(check_waiting_target(WaitingMethod::Sip, "sip:12@[2001:db8::1]")));
    for (const char* bad : {"", "mwi", "/with space", "/line\n", "/\xC3\xBC"}) {
        BOOST_TEST(!check_waiting_target(WaitingMethod::Hook, bad), bad);
    }
    BOOST_TEST(!check_waiting_target(WaitingMethod::Hook, "/" + std::string(1000, 'x')));
    BOOST_TEST(!check_waiting_target(WaitingMethod::Webhook, "ftp://x/"));
    for (const char* bad : {"sip:1@pbx.example",
                            "1@192.0.2.1",
                            "sip:@192.0.2.1",
                            "sip:192.0.2.1",
                            "sip:1@192.0.2.1:0",
                            "sip:1@192.0.2.1:x",
                            "sip:1@192.0.2.1;transport=tcp",
                            "sip:1@0.0.0.0",
                            "sip:<1>@192.0.2.1",
                            "sips:1@192.0.2.1"}) {
        BOOST_TEST(!check_waiting_target(WaitingMethod::Sip, bad), bad);
    }
}

BOOST_AUTO_TEST_CASE(knows_the_methods) {
    BOOST_TEST((mta::parse_waiting_method("sip").value() == WaitingMethod::Sip));
    BOOST_TEST(!mta::parse_waiting_method("SIP"));
}

BOOST_AUTO_TEST_SUITE_END()
