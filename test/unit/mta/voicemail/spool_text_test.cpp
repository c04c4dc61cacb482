#include "mta/voicemail/spool_text.h"

#include <string>

#include <boost/test/unit_test.hpp>

namespace {

using mta::CallerId;
using mta::parse_caller_id;
using mta::parse_spool_text;

constexpr const char* kWhole =
    ";\n; Message Information file\n;\n[message]\norigmailbox=1234\ncontext=macro-vm\n"
    "macrocontext=from-internal\nexten=s-NOANSWER\nrdnis=unknown\npriority=2\n"
    "callerchan=SIP/trunk-0000002a\ncallerid=\"Anna Lee\" <5550100>\n"
    "origdate=Wed Nov 25 10:00:00 AM UTC 2026\norigtime=1795600800\ncategory=\n"
    "msg_id=1795600800-00000007\nflag=Urgent\nduration=23\n";

mta::SpoolText whole() {
    return parse_spool_text(kWhole).value();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(voicemail_spool_text)

BOOST_AUTO_TEST_CASE(reads_every_value) {
    const mta::SpoolText text = whole();
    BOOST_TEST(text.origmailbox == "1234");
    BOOST_TEST(text.context == "macro-vm");
    BOOST_TEST(text.macrocontext == "from-internal");
    BOOST_TEST(text.exten == "s-NOANSWER");
    BOOST_TEST(text.rdnis == "unknown");
    BOOST_TEST(text.priority.value() == 2);
    BOOST_TEST(text.callerchan == "SIP/trunk-0000002a");
    BOOST_TEST(text.caller().name == "Anna Lee");
    BOOST_TEST(text.caller().number == "5550100");
    BOOST_TEST(text.origtime.value() == 1795600800);
    BOOST_TEST(text.category.empty());
    BOOST_TEST(text.msg_id == "1795600800-00000007");
    BOOST_TEST(text.is_urgent());
    BOOST_TEST(text.duration_s.value() == 23);
}

BOOST_AUTO_TEST_CASE(takes_what_asterisk_writes) {
    const auto text = parse_spool_text(
        "[general]\r\norigtime=1\r\n[message]\r\nunknown=1\r\ncallerid => A;B <7>\r\nno sign\r\n"
        "duration=\r\norigtime=5\r\norigtime=6\r\n");
    BOOST_REQUIRE(text);
    BOOST_TEST(text.value().origtime.value() == 5);
    BOOST_TEST(text.value().caller().name == "A;B");
    BOOST_TEST(!text.value().duration_s);
}

BOOST_AUTO_TEST_CASE(refuses_what_may_be_half_written) {
    for (const char* text : {"", "[message]", "[message]\norigmailbox=1\n", "origtime=5\n"}) {
        const auto parsed = parse_spool_text(text);
        BOOST_REQUIRE(!parsed);
        BOOST_TEST((parsed.error().code == base::Errc::Corrupt));
    }
    const auto large = parse_spool_text(std::string(mta::kSpoolTextMax + 1, 'x'));
    BOOST_TEST((large.error().code == base::Errc::TooLarge));
}

BOOST_AUTO_TEST_CASE(takes_no_nonsense_for_a_number) {
    const auto text = parse_spool_text(
        "[message]\norigtime=99999999999999999999\nduration=-4\npriority=2x\nmsg_id=a\n");
    BOOST_REQUIRE(text);
    BOOST_TEST(!text.value().origtime);
    BOOST_TEST(!text.value().duration_s);
    BOOST_TEST(!text.value().priority);
}

BOOST_AUTO_TEST_CASE(reads_caller_ids) {
    BOOST_TEST((parse_caller_id("\"Anna\" <1>") == CallerId{"Anna", "1"}));
    BOOST_TEST((parse_caller_id("\"A \"x\" B\" <1>") == CallerId{"A \"x\" B", "1"}));
    BOOST_TEST((parse_caller_id("<+15550100>") == CallerId{"", "+15550100"}));
    BOOST_TEST((parse_caller_id("5550100") == CallerId{"", "5550100"}));
    BOOST_TEST((parse_caller_id("Anna") == CallerId{"Anna", ""}));
    BOOST_TEST((parse_caller_id("Unknown") == CallerId{"", ""}));
    BOOST_TEST((parse_caller_id("\"Unknown\" <Unknown>") == CallerId{"", ""}));
    BOOST_TEST((parse_caller_id("") == CallerId{"", ""}));
    BOOST_TEST((parse_caller_id("\"") == CallerId{"\"", ""}));
    BOOST_TEST((parse_caller_id("<") == CallerId{"<", ""}));
    BOOST_TEST((parse_caller_id(">") == CallerId{">", ""}));
}

BOOST_AUTO_TEST_CASE(values_come_out_clean) {
    BOOST_TEST(mta::clean_value("a\r\nb\tc\x7f") == "a  b c");
    BOOST_TEST(mta::clean_value("M\xFCller") == "M\xC3\xBCller");
    BOOST_TEST(mta::clean_value("M\xC3\xBCller") == "M\xC3\xBCller");
    BOOST_TEST(mta::clean_value("a\xC2\x85z") == "a z");
    BOOST_TEST(mta::clean_value(std::string(10000, 'x')).size() == mta::kSpoolValueMax);
    // Cut between characters, also where only the bound of what is looked at is.
    std::string wide;
    for (int i = 0; i < 2000; ++i) {
        wide += "\xE2\x82\xAC";
    }
    const std::string cut = mta::clean_value(wide);
    BOOST_TEST(cut.size() == 255U);
    BOOST_TEST(cut.substr(0, 3) == "\xE2\x82\xAC");
}

BOOST_AUTO_TEST_CASE(the_key_hangs_on_msg_id_and_mailbox) {
    mta::SpoolText text = whole();
    const std::string key = mta::voicemail_key("default", "1234", text);
    BOOST_TEST(key.size() == 76U);
    BOOST_TEST(mta::voicemail_key("default", "1235", text) != key);
    BOOST_TEST(mta::voicemail_key("other", "1234", text) != key);
    text.flag.clear();
    text.origtime = 7;
    BOOST_TEST(mta::voicemail_key("default", "1234", text) == key);
    text.msg_id = "1795600800-00000008";
    BOOST_TEST(mta::voicemail_key("default", "1234", text) != key);
}

BOOST_AUTO_TEST_CASE(without_msg_id_the_key_hangs_on_time_caller_and_duration) {
    mta::SpoolText text = whole();
    text.msg_id.clear();
    const std::string key = mta::voicemail_key("default", "1234", text);
    mta::SpoolText other = text;
    other.flag.clear();
    BOOST_TEST(mta::voicemail_key("default", "1234", other) == key);
    other.duration_s = 24;
    BOOST_TEST(mta::voicemail_key("default", "1234", other) != key);
    other = text;
    other.callerid = "<1>";
    BOOST_TEST(mta::voicemail_key("default", "1234", other) != key);
    other = text;
    other.origtime = 1;
    BOOST_TEST(mta::voicemail_key("default", "1234", other) != key);
    // Values cannot pass for one another.
    BOOST_TEST(mta::voicemail_key("default1", "234", text) != key);
}

BOOST_AUTO_TEST_SUITE_END()
