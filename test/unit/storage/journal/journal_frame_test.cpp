#include "storage/journal/journal_frame.h"

#include <boost/test/unit_test.hpp>

using namespace storage;

BOOST_AUTO_TEST_SUITE(storage_journal_frame)

BOOST_AUTO_TEST_CASE(head_and_body_come_back) {
    JournalHead head;
    head.kind = JournalKind::Checkpoint;
    head.round = 1'795'000'000'000;
    head.part = 3;
    head.end = JournalEnd::Yes;
    head.sequence = 1'795'000'000'017;
    head.after = 1'794'999'999'999;
    head.at_us = 1'795'000'000'000'123;
    const std::string text = encode_journal(head, "{\"m\":[\n]}");
    BOOST_TEST(text.starts_with("roundtable-journal 1 checkpoint 1795000000000 3 end "));
    const auto frame = decode_journal(text);
    BOOST_REQUIRE(frame);
    BOOST_CHECK(frame.value().head == head);
    BOOST_TEST(frame.value().body == "{\"m\":[\n]}");
    head = {};
    const std::string small = encode_journal(head, "");
    BOOST_CHECK(decode_journal(small).value().head == head);
}

BOOST_AUTO_TEST_CASE(what_is_no_journal_frame_is_refused) {
    const std::string good = "roundtable-journal 1 delta 5 1 more 5 0 7";
    BOOST_REQUIRE(decode_journal(good + "\n{}"));
    for (const std::string& bad : {std::string(),
                                   good,  // no end of line
                                   std::string(300, 'x') + "\n",
                                   std::string("journal 1 delta 5 1 more 5 0 7\n"),
                                   std::string("roundtable-journal 1 alpha 5 1 more 5 0 7\n"),
                                   std::string("roundtable-journal 1 delta 5 0 more 5 0 7\n"),
                                   std::string("roundtable-journal 1 delta 5 1 some 5 0 7\n"),
                                   std::string("roundtable-journal 1 delta -5 1 more 5 0 7\n"),
                                   std::string("roundtable-journal 1 delta 5 1 more 5 0\n"),
                                   std::string("roundtable-journal 1 delta 5 1 more 5 0 7 8\n"),
                                   std::string("roundtable-journal 1 delta 5 1 more 5 0 7x\n")}) {
        const auto frame = decode_journal(bad);
        BOOST_REQUIRE_MESSAGE(!frame, bad);
        BOOST_CHECK(frame.error().code == base::Errc::Corrupt);
    }
    const auto newer = decode_journal("roundtable-journal 2 delta 5 1 more 5 0 7\n");
    BOOST_CHECK(newer.error().code == base::Errc::Unsupported);
}

BOOST_AUTO_TEST_SUITE_END()
