#include "dns/probe/agent_dialogue.h"

#include <boost/test/unit_test.hpp>

#include "dns/limits.h"

namespace {

using namespace dns::probe;
using Admin = AgentWords::Admin;

AgentWords words_of(std::string_view line) {
    AgentWords words;
    BOOST_TEST(take_agent_line(words, line), line);
    return words;
}

Verdict hear(AgentDialogue& dialogue, std::string_view text) {
    std::string said = dialogue.start(true);
    BOOST_TEST(said.empty());
    const auto verdict = dialogue.on_bytes(text, said);
    BOOST_REQUIRE_MESSAGE(verdict.has_value(), text);
    return *verdict;
}

Verdict hear(std::string_view text) {
    AgentDialogue dialogue;
    return hear(dialogue, text);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(agent_dialogue)

BOOST_AUTO_TEST_CASE(words_mean_what_they_mean_to_haproxy) {
    BOOST_TEST((words_of("75%").weight == 0.75));
    BOOST_TEST((words_of("0%").weight == 0.0));
    BOOST_TEST((words_of("256%").weight == 2.56));
    BOOST_TEST((words_of("4000000000%").weight == kAgentWeightMax));
    BOOST_TEST((words_of("ready").admin == Admin::Ready));
    BOOST_TEST((words_of("drain").admin == Admin::Drain));
    BOOST_TEST((words_of("maint").admin == Admin::Maintenance));
    BOOST_TEST((words_of("up").well == true));
    for (const char* word : {"down", "failed", "fail", "stopped", "DOWN"}) {
        BOOST_TEST((words_of(word).well == false));
    }
    BOOST_TEST(words_of("fail#disk, is full up").why == "fail#disk, is full up");
    BOOST_TEST((words_of("maxconn:30") == AgentWords{}));
}

BOOST_AUTO_TEST_CASE(words_come_in_any_order_between_blanks_and_commas) {
    for (const char* line : {"up ready 75%",
                             "75%,ready,up",
                             "\tready \t up,,75% ",
                             "UP Ready 75%",
                             "up ready what 75% maxconn:5"}) {
        const AgentWords words = words_of(line);
        BOOST_TEST((words.well == true), line);
        BOOST_TEST((words.admin == Admin::Ready), line);
        BOOST_TEST((words.weight == 0.75), line);
    }
    BOOST_TEST((words_of("50% down#why not").weight == 0.5));
}

BOOST_AUTO_TEST_CASE(lines_without_a_known_word_change_nothing) {
    for (const char* line : {"",
                             " ",
                             "%",
                             "-5%",
                             "1.5%",
                             "5 %",
                             "99999999999%",
                             "upp",
                             "#down",
                             "x#up",
                             "maxconn",
                             "HTTP/1.1 400 Bad Request"}) {
        AgentWords words;
        words.weight = 0.5;
        BOOST_TEST(!take_agent_line(words, line), line);
        BOOST_TEST((words.weight == 0.5), line);
        BOOST_TEST((hear(std::string(line) + "\n").outcome == ProbeOutcome::Silent), line);
    }
}

BOOST_AUTO_TEST_CASE(what_takes_a_server_out_outranks_its_weight) {
    BOOST_TEST((hear("up 100%\n").outcome == ProbeOutcome::Reply));
    const std::pair<const char*, const char*> unfit[] = {
        {"down 100%\n", "agent: down"},
        {"100% stopped#for the night\r\n", "agent: stopped#for the night"},
        {"drain 100%\n", "agent: drain"},
        {"maint up\n", "agent: maint"},
        {"up 0%\n", "agent: 0%"},
    };
    for (const auto& [line, reason] : unfit) {
        const Verdict verdict = hear(line);
        BOOST_TEST((verdict.outcome == ProbeOutcome::Unfit), line);
        BOOST_TEST(verdict.reason == reason);
    }
    BOOST_TEST((hear("100% down\n").weight == 1.0));
}

BOOST_AUTO_TEST_CASE(what_a_line_does_not_mention_stays_as_it_was_said) {
    AgentDialogue dialogue;
    BOOST_TEST((hear(dialogue, "drain\n").outcome == ProbeOutcome::Unfit));
    BOOST_TEST((hear(dialogue, "75%\n").outcome == ProbeOutcome::Unfit));
    BOOST_TEST((hear(dialogue, "up\n").outcome == ProbeOutcome::Unfit), "only ready ends a drain");
    const Verdict ready = hear(dialogue, "ready\n");
    BOOST_TEST((ready.outcome == ProbeOutcome::Reply));
    BOOST_TEST((ready.weight == 0.75));
    BOOST_TEST((hear(dialogue, "down\n").outcome == ProbeOutcome::Unfit));
    BOOST_TEST((hear(dialogue, "ready 50%\n").outcome == ProbeOutcome::Unfit), "only up ends it");
    BOOST_TEST((hear(dialogue, "up\n").outcome == ProbeOutcome::Reply));
}

BOOST_AUTO_TEST_CASE(a_line_ends_with_cr_lf_or_the_stream) {
    for (const char* text : {"up\r", "up\n", "up\r\ndown\n", "up\ndrain"}) {
        BOOST_TEST((hear(text).outcome == ProbeOutcome::Reply), text);
    }
    AgentDialogue dialogue;
    std::string said = dialogue.start(true);
    BOOST_TEST(!dialogue.on_bytes("dow", said).has_value());
    BOOST_TEST(!dialogue.on_bytes("n", said).has_value());
    const auto verdict = dialogue.on_end();
    BOOST_REQUIRE(verdict.has_value());
    BOOST_TEST((verdict->outcome == ProbeOutcome::Unfit));
    BOOST_TEST(dialogue.start(true).empty());
    BOOST_TEST(!dialogue.on_end().has_value(), "nothing said is no news");
}

BOOST_AUTO_TEST_CASE(an_endless_line_is_no_news) {
    BOOST_TEST((hear(std::string(dns::kProbeAgentMax + 1, 'x')).outcome == ProbeOutcome::Silent));
    AgentDialogue dialogue;
    std::string said = dialogue.start(true);
    BOOST_TEST(!dialogue.on_bytes(std::string(dns::kProbeAgentMax, ' '), said).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
