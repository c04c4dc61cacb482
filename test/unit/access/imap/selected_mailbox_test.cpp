#include "access/imap/selected_mailbox.h"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

using accessd::FlagChange;
using accessd::MailboxChanges;
using accessd::MailboxMessage;
using accessd::MailboxView;
using accessd::Numbers;
using accessd::OpenMode;
using accessd::SelectedMailbox;

namespace {

MailboxMessage message(std::uint32_t uid,
                       mail::Flags flags = mail::Flags::None,
                       std::uint32_t keywords = 0) {
    MailboxMessage made;
    made.uid = uid;
    made.flags = flags;
    made.keywords = keywords;
    made.size = uid * 10;
    made.internal_date_us = 1'000'000LL * uid;
    return made;
}

SelectedMailbox mailbox(const std::vector<std::uint32_t>& uids, std::uint64_t recent_from = 0) {
    MailboxView view;
    view.info.uid_validity = 5;
    view.info.uid_next = uids.empty() ? 1 : uids.back() + 1;
    view.recent_from = recent_from;
    for (const std::uint32_t uid : uids) {
        view.messages.push_back(message(uid));
    }
    return {view, OpenMode::Select};
}

std::string report(SelectedMailbox& box,
                   SelectedMailbox::Expunges expunges = SelectedMailbox::Expunges::Tell) {
    std::string out;
    box.report(out, expunges, SelectedMailbox::Uids::Omit);
    return out;
}

MailboxChanges changes(std::vector<MailboxMessage> messages,
                       const std::vector<std::uint32_t>& expunged = {}) {
    MailboxChanges made;
    made.info.highest_modseq = 99;
    made.info.uid_next = 1000;
    made.messages = std::move(messages);
    for (const std::uint32_t uid : expunged) {
        made.expunged.add(uid);
    }
    return made;
}

std::string resolve(const SelectedMailbox& box, std::string_view set, Numbers numbers) {
    const auto indexes = box.resolve(mail::SequenceSet::parse(set).value(), numbers);
    if (!indexes) {
        return "error";
    }
    std::string out;
    for (const std::uint32_t index : indexes.value()) {
        out += std::to_string(index + 1) + " ";
    }
    return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(selected_mailbox)

BOOST_AUTO_TEST_CASE(finds_numbers_and_uids) {
    const SelectedMailbox box = mailbox({2, 5, 9});
    BOOST_TEST(resolve(box, "1:*", Numbers::Sequence) == "1 2 3 ");
    BOOST_TEST(resolve(box, "3,1", Numbers::Sequence) == "1 3 ");
    BOOST_TEST(resolve(box, "2:7", Numbers::Sequence) == "2 3 ");
    BOOST_TEST(resolve(box, "4", Numbers::Sequence) == "error");
    BOOST_TEST(resolve(box, "$", Numbers::Uid) == "error");
    BOOST_TEST(resolve(box, "1:5,9", Numbers::Uid) == "1 2 3 ");
    BOOST_TEST(resolve(box, "3:4", Numbers::Uid) == "");
    BOOST_TEST(resolve(box, "100:*", Numbers::Uid) == "3 ");
    BOOST_TEST(box.find(5).value() == 1U);
    BOOST_TEST(!box.find(6).has_value());
    BOOST_TEST(resolve(mailbox({}), "1:*", Numbers::Sequence) == "");
    BOOST_TEST(resolve(mailbox({}), "1:*", Numbers::Uid) == "");
    BOOST_TEST(resolve(mailbox({}), "1", Numbers::Sequence) == "error");
}

BOOST_AUTO_TEST_CASE(new_messages_are_behind_what_was_told) {
    SelectedMailbox box = mailbox({1, 2});
    box.absorb(changes({message(3), message(4)}));
    BOOST_TEST(box.told() == 2U);
    BOOST_TEST(resolve(box, "*", Numbers::Uid) == "2 ");
    BOOST_TEST(report(box) == "* 4 EXISTS\r\n* 2 RECENT\r\n");
    BOOST_TEST(box.told() == 4U);
    BOOST_TEST(!box.has_news());
    BOOST_TEST(report(box) == "");
}

BOOST_AUTO_TEST_CASE(same_changes_twice_tell_nothing_twice) {
    SelectedMailbox box = mailbox({1, 2});
    for (int i = 0; i < 2; ++i) {
        box.absorb(changes({message(1, mail::Flags::Seen), message(3)}, {2}));
    }
    BOOST_TEST(report(box) ==
               "* 2 EXPUNGE\r\n* 2 EXISTS\r\n* 1 RECENT\r\n* 1 FETCH (FLAGS (\\Seen))\r\n");
    box.absorb(changes({message(1, mail::Flags::Seen), message(3)}, {2}));
    BOOST_TEST(report(box) == "");
}

BOOST_AUTO_TEST_CASE(held_expunges_wait_for_their_time) {
    SelectedMailbox box = mailbox({1, 2, 3});
    box.absorb(changes({message(4)}, {1, 3}));
    BOOST_TEST(report(box, SelectedMailbox::Expunges::Hold) == "* 4 EXISTS\r\n* 1 RECENT\r\n");
    BOOST_TEST(box.is_ghost(0));
    BOOST_TEST(box.uid(2) == 3U);
    BOOST_TEST(box.has_news());
    BOOST_TEST(report(box) == "* 3 EXPUNGE\r\n* 1 EXPUNGE\r\n");
    BOOST_TEST(box.told() == 2U);
    BOOST_TEST(box.uid(0) == 2U);
    BOOST_TEST(box.uid(1) == 4U);
    BOOST_TEST(box.size_bytes(1) == 40U);
}

BOOST_AUTO_TEST_CASE(messages_that_came_and_went_are_never_mentioned) {
    SelectedMailbox box = mailbox({1});
    box.absorb(changes({message(2), message(3)}));
    box.absorb(changes({}, {2}));
    BOOST_TEST(report(box) == "* 2 EXISTS\r\n* 1 RECENT\r\n");
    BOOST_TEST(box.uid(1) == 3U);
}

BOOST_AUTO_TEST_CASE(flags_of_ghosts_are_not_told) {
    SelectedMailbox box = mailbox({1, 2});
    box.absorb(changes({message(1, mail::Flags::Seen)}));
    box.absorb(changes({}, {1}));
    BOOST_TEST(report(box, SelectedMailbox::Expunges::Hold) == "");
    BOOST_TEST(report(box) == "* 1 EXPUNGE\r\n");
}

BOOST_AUTO_TEST_CASE(assumed_flags_are_told_only_if_they_turn_out_wrong) {
    SelectedMailbox box = mailbox({1, 2});
    const mail::FlagList wanted{mail::Flags::Deleted, {"$X"}, false};
    box.assume_flags(0, FlagChange::Add, wanted);
    box.assume_flags(1, FlagChange::Add, wanted);
    box.correct_flags(0, mail::Flags::Deleted, {"$x"});
    box.correct_flags(1, mail::Flags::Deleted | mail::Flags::Seen, {"$X"});
    BOOST_TEST(report(box) ==
               "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $X)\r\n"
               "* 2 FETCH (FLAGS (\\Seen \\Deleted $X))\r\n");
    box.assume_flags(1, FlagChange::Remove, {mail::Flags::Seen, {"$x"}, false});
    BOOST_TEST((box.flags(1) == mail::Flags::Deleted));
    BOOST_TEST(box.keywords(1).empty());
    box.assume_flags(1, FlagChange::Set, {mail::Flags::None, {"a", "B"}, false});
    std::string out;
    box.append_flags(out, 1);
    BOOST_TEST(out == "(a B)");
}

BOOST_AUTO_TEST_CASE(recent_is_what_the_session_took) {
    SelectedMailbox box = mailbox({1, 2, 3}, 3);
    BOOST_TEST(box.count_recent() == 1U);
    BOOST_TEST(!box.is_recent(1));
    BOOST_TEST(box.is_recent(2));
    BOOST_TEST(box.first_unseen() == 1U);
    BOOST_TEST(mailbox({1, 2}).count_recent() == 0U);
}

BOOST_AUTO_TEST_CASE(uid_commands_name_uids_in_reports) {
    SelectedMailbox box = mailbox({7});
    box.mark_changed(0);
    std::string out;
    box.report(out, SelectedMailbox::Expunges::Hold, SelectedMailbox::Uids::Include);
    BOOST_TEST(out == "* 1 FETCH (UID 7 FLAGS ())\r\n");
}

BOOST_AUTO_TEST_CASE(many_keyword_sets_do_not_pile_up) {
    SelectedMailbox box = mailbox({1, 2});
    for (int i = 0; i < 5000; ++i) {
        box.correct_flags(0, mail::Flags::None, {"k" + std::to_string(i)});
    }
    BOOST_TEST(box.keywords(0).at(0) == "k4999");
    BOOST_TEST(box.keywords(1).empty());
    BOOST_TEST(box.flag_names().size() < 1000U);
}

// With a look through all sets for each message this takes minutes.
BOOST_AUTO_TEST_CASE(each_message_may_have_its_own_keywords) {
    constexpr std::uint32_t kMessages = 1U << 15U;
    MailboxView view;
    for (std::uint32_t uid = 1; uid < kMessages; ++uid) {
        std::vector<std::string> keywords;
        for (char c = 'a'; c < 'p'; ++c) {
            if (((uid >> static_cast<unsigned>(c - 'a')) & 1U) != 0) {
                keywords.emplace_back(1, c);
            }
        }
        view.messages.push_back(
            message(uid, mail::Flags::None, static_cast<std::uint32_t>(view.keywords.size())));
        view.keywords.push_back(std::move(keywords));
    }
    const SelectedMailbox box(view, OpenMode::Select);
    BOOST_TEST(box.keywords(0).size() == 1U);
    BOOST_TEST(box.keywords(kMessages - 2).size() == 15U);
    BOOST_TEST(box.keywords(4).front() == "a");
    BOOST_TEST(box.keywords(4).back() == "c");
}

BOOST_AUTO_TEST_SUITE_END()
