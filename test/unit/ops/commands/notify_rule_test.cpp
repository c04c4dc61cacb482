#include "ops/commands/notify_rule.h"

#include <map>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/base64.h"
#include "mta/notify/p256.h"

namespace {

using Values = std::map<std::string, std::vector<std::string>>;

ops::Arguments arguments(Values values) {
    ops::Arguments made;
    made.values = std::move(values);
    return made;
}

// What is wrong with these options; empty: nothing.
std::string wrong(Values values) {
    values.emplace("--by", std::vector<std::string>{"email"});
    values.emplace("--to", std::vector<std::string>{"ann@phone.test"});
    const auto rule = ops::read_notice_rule(arguments(std::move(values)));
    return rule ? "" : rule.error().detail;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(notify_rule)

BOOST_AUTO_TEST_CASE(reads_all_conditions) {
    const auto rule = ops::read_notice_rule(arguments({{"--by", {"sms"}},
                                                       {"--to", {"+4930123456"}},
                                                       {"--event", {"MessageNew", "FlagsSet"}},
                                                       {"--kind", {"fax", "voicemail"}},
                                                       {"--sender", {"*@Example.ORG"}},
                                                       {"--folder", {"Work/*"}},
                                                       {"--min-size", {"1KiB"}},
                                                       {"--max-size", {"2MiB"}},
                                                       {"--quiet", {"22:00-07:30"}},
                                                       {"--zone", {"Europe/Berlin"}},
                                                       {"--quiet-drop", {""}},
                                                       {"--tell-content", {""}},
                                                       {"--per-hour", {"5"}}}));
    BOOST_REQUIRE_MESSAGE(rule, (rule ? "" : rule.error().detail));
    const ops::NoticeRule& r = rule.value();
    BOOST_TEST(r.target == "+4930123456");
    BOOST_TEST(r.events.size() == 2U);
    BOOST_TEST(r.kinds == (std::vector<std::int64_t>{2, 3}));
    BOOST_TEST(*r.sender == "*@example.org");
    BOOST_TEST(*r.size_min == 1'024);
    BOOST_TEST(*r.size_max == 2'097'152);
    BOOST_TEST(*r.quiet_from == "22:00");
    BOOST_TEST(*r.quiet_to == "07:30");
    BOOST_TEST(r.quiet_does == "drop");
    BOOST_TEST(r.content == "summary");
    BOOST_TEST(*r.per_hour == 5);
}

BOOST_AUTO_TEST_CASE(events_by_any_case_and_inbox_by_its_name) {
    const auto rule = ops::read_notice_rule(arguments({{"--by", {"email"}},
                                                       {"--to", {"ann@phone.test"}},
                                                       {"--event", {"messagenew", "QUOTAEXCEED"}},
                                                       {"--folder", {"inbox"}}}));
    BOOST_REQUIRE_MESSAGE(rule, (rule ? "" : rule.error().detail));
    BOOST_TEST(rule.value().events == (std::vector<std::string>{"MessageNew", "QuotaExceed"}));
    BOOST_TEST(*rule.value().folder == "INBOX");
    const std::string said = wrong({{"--event", {"MessageExpire"}}});
    BOOST_TEST(said.find("MessageNew, MessageAppend, ") != std::string::npos, said);
    BOOST_TEST(said.ends_with("not 'MessageExpire'"), said);
}

BOOST_AUTO_TEST_CASE(says_what_is_wrong) {
    const std::vector<std::pair<Values, std::string>> cases = {
        {{{"--by", {"pigeon"}}}, "--by is"},
        {{{"--by", {"sms"}}}, "+4930123456"},
        {{{"--by", {"webhook"}}}, "https://"},
        {{{"--by", {"webhook"}}, {"--to", {"https://u:p@host/"}}}, "user name"},
        {{{"--by", {"webpush"}}}, "leave --to out"},
        {{{"--to", {"ann"}}}, "ann@phone.example"},
        {{{"--to", {"a b@c"}}}, "ann@phone.example"},
        {{{"--kind", {"telex"}}}, "--kind is"},
        {{{"--min-size", {"much"}}}, "--min-size takes"},
        {{{"--min-size", {"2"}}, {"--max-size", {"1"}}}, "above"},
        {{{"--quiet", {"22:00-07:00"}}}, "--zone"},
        {{{"--zone", {"UTC"}}}, "--quiet"},
        {{{"--quiet", {"22:00"}}, {"--zone", {"UTC"}}}, "22:00-07:00"},
        {{{"--quiet", {"24:00-07:00"}}, {"--zone", {"UTC"}}}, "22:00-07:00"},
        {{{"--quiet", {"22:00-22:00"}}, {"--zone", {"UTC"}}}, "22:00-07:00"},
        {{{"--quiet", {"1:00-22:00"}}, {"--zone", {"UTC"}}}, "22:00-07:00"},
        {{{"--per-hour", {"0"}}}, "--per-hour"}};
    BOOST_TEST(wrong({}) == "");
    for (const auto& [values, says] : cases) {
        const std::string said = wrong(values);
        BOOST_TEST(said.find(says) != std::string::npos, says << " in: " << said);
    }
}

BOOST_AUTO_TEST_CASE(a_webhook_gets_a_secret_if_none_is_given) {
    ops::NoticeRule rule;
    rule.channel = "webhook";
    const auto first = ops::read_notice_secrets(arguments({}), rule);
    const auto second = ops::read_notice_secrets(arguments({}), rule);
    BOOST_TEST(first.value().made_here);
    BOOST_TEST(first.value().hmac_key.size() == 32U);
    BOOST_TEST(first.value().hmac_key != second.value().hmac_key);
    BOOST_TEST(!ops::read_notice_secrets(arguments({{"--secret-file", {"/no/such"}}}), rule));
    BOOST_TEST(!ops::read_notice_secrets(arguments({{"--secret-file", {"/dev/null"}}}), rule));
}

BOOST_AUTO_TEST_CASE(reads_what_a_browser_gives) {
    const std::string key = base::base64url(mta::p256_generate().point);
    const std::string good = R"({"endpoint":"https://push.test/x","expirationTime":null,)"
                             R"("keys":{"p256dh":")" +
                             key + R"(","auth":"BTBZMqHH6r4Tts7J_aSIgg"}})";
    std::string endpoint;
    const auto secrets = ops::parse_push_subscription(good, endpoint);
    BOOST_REQUIRE(bool(secrets));
    BOOST_TEST(endpoint == "https://push.test/x");
    BOOST_TEST(secrets.value().push_key.size() == 65U);
    BOOST_TEST(secrets.value().push_auth.size() == 16U);
    for (const std::string& bad : {std::string(),
                                   std::string("[1,2]"),
                                   std::string("\"text\""),
                                   std::string(R"({"endpoint":"https://x"})"),
                                   std::string(R"({"endpoint":7,"keys":{}})"),
                                   std::string(R"({"endpoint":"https://x","keys":[]})"),
                                   good.substr(0, good.size() - 4),
                                   std::string(R"({"endpoint":"https://x","keys":{"p256dh":"AA",)"
                                               R"("auth":"BTBZMqHH6r4Tts7J_aSIgg"}})")}) {
        BOOST_TEST(!ops::parse_push_subscription(bad, endpoint), bad);
    }
}

BOOST_AUTO_TEST_SUITE_END()
