#include "access/imap/notify_view.h"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

using accessd::Cursor;
using accessd::ListedMailbox;
using accessd::MailboxId;
using accessd::NotifyView;

namespace {

const std::string kAll = "MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange";
const std::string kCounts = "MessageNew MessageExpunge";

accessd::NotifyWishes wishes(const std::string& groups) {
    const std::string text = " SET " + groups;
    Cursor cursor(text);
    auto parsed = accessd::parse_notify(cursor);
    BOOST_TEST_REQUIRE(bool(parsed), groups);
    return std::move(parsed).take_value().wishes;
}

ListedMailbox box(std::int64_t id, const std::string& name, bool subscribed = false) {
    ListedMailbox line;
    line.info.id = MailboxId{id};
    line.info.name = name;
    line.info.uid_validity = static_cast<std::uint32_t>(100 + id);
    line.subscribed = subscribed;
    return line;
}

void deliver(ListedMailbox& line) {
    ++line.info.uid_next;
    ++line.info.messages;
    ++line.info.unseen;
    ++line.info.highest_modseq;
}

/// INBOX (1), a (2) and a/b (3).
struct Account {
    explicit Account(const std::string& groups) : view(wishes(groups)) { view.start(now); }

    std::vector<ListedMailbox> now{box(1, "INBOX"), box(2, "a"), box(3, "a/b")};
    NotifyView view;

    std::string update(std::int64_t selected = 0) {
        std::string out;
        view.update(now, MailboxId{selected}, out);
        return out;
    }
};

const std::string kPersonal = "(personal (" + kAll + "))";

}  // namespace

BOOST_AUTO_TEST_SUITE(imap_notify_view)

BOOST_AUTO_TEST_CASE(nothing_new_is_not_told) {
    Account account(kPersonal);
    BOOST_TEST(account.update().empty());
}

// RFC 5465 5.2, 5.3 and 5.1.
BOOST_AUTO_TEST_CASE(messages_elsewhere_are_a_status) {
    Account account("(personal (" + kCounts + "))");
    deliver(account.now[1]);
    deliver(account.now[1]);
    BOOST_TEST(account.update() == "* STATUS \"a\" (MESSAGES 2 UIDNEXT 3 UIDVALIDITY 102)\r\n");
    BOOST_TEST(account.update().empty());
    --account.now[1].info.messages;
    ++account.now[1].info.highest_modseq;
    BOOST_TEST(account.update() == "* STATUS \"a\" (MESSAGES 1 UIDNEXT 3 UIDVALIDITY 102)\r\n");
    ++account.now[1].info.highest_modseq;  // flags: not wished for
    BOOST_TEST(account.update().empty());
}

BOOST_AUTO_TEST_CASE(flags_elsewhere_are_a_status_with_modseq) {
    Account account("(mailboxes a (" + kCounts + " FlagChange))");
    ++account.now[1].info.highest_modseq;
    ++account.now[2].info.highest_modseq;  // not wished for
    account.now[1].info.unseen = 7;
    BOOST_TEST(account.update() ==
               "* STATUS \"a\" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 102 UNSEEN 7 "
               "HIGHESTMODSEQ 2)\r\n");
}

BOOST_AUTO_TEST_CASE(uidvalidity_is_told) {
    Account account("(personal (" + kCounts + "))");
    account.now[1].info.uid_validity = 999;
    BOOST_TEST(account.update() == "* STATUS \"a\" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 999)\r\n");
}

// RFC 5465 3.1: its messages are for SELECTED to tell, its name is not.
BOOST_AUTO_TEST_CASE(of_the_selected_mailbox_only_the_name_is_told) {
    Account account(kPersonal);
    deliver(account.now[1]);
    BOOST_TEST(account.update(2).empty());
    account.now[1].info.name = "c";
    BOOST_TEST(account.update(2).starts_with("* LIST ("));
}

// RFC 5465 5.4.
BOOST_AUTO_TEST_CASE(names_are_lists) {
    Account account("(personal (MailboxName))");
    account.now.push_back(box(4, "d/e"));
    account.now.push_back(box(5, "d"));
    account.now.back().info.special_use = "\\Sent";
    BOOST_TEST(account.update() ==
               "* LIST (\\HasChildren \\Sent) \"/\" \"d\"\r\n"
               "* LIST (\\HasNoChildren) \"/\" \"d/e\"\r\n");
    account.now.erase(account.now.begin() + 1);
    BOOST_TEST(account.update() == "* LIST (\\NonExistent \\HasChildren) \"/\" \"a\"\r\n");
    account.now[1].info.name = "f";
    BOOST_TEST(account.update() ==
               "* LIST (\\HasNoChildren) \"/\" \"f\" (\"OLDNAME\" (\"a/b\"))\r\n");
    // Deleted and made again between two looks.
    account.now[1].info.id = MailboxId{9};
    BOOST_TEST(account.update() == "* LIST (\\HasNoChildren) \"/\" \"f\"\r\n");
}

BOOST_AUTO_TEST_CASE(who_is_renamed_out_of_sight_is_gone) {
    Account account("(subtree a (MailboxName))");
    account.now[2].info.name = "elsewhere";
    BOOST_TEST(account.update() == "* LIST (\\NonExistent \\HasNoChildren) \"/\" \"a/b\"\r\n");
    account.now[2].info.name = "a/c";
    BOOST_TEST(account.update() ==
               "* LIST (\\HasNoChildren) \"/\" \"a/c\" (\"OLDNAME\" (\"elsewhere\"))\r\n");
}

BOOST_AUTO_TEST_CASE(a_name_that_changed_hands_is_told) {
    Account account("(personal (MailboxName))");
    account.now[1].info.name = "old a";
    account.now.push_back(box(4, "a"));
    BOOST_TEST(account.update() ==
               "* LIST (\\HasChildren) \"/\" \"a\"\r\n"
               "* LIST (\\HasNoChildren) \"/\" \"old a\" (\"OLDNAME\" (\"a\"))\r\n");
}

// RFC 5465 5.5.
BOOST_AUTO_TEST_CASE(subscriptions_are_lists) {
    Account account("(personal (SubscriptionChange))");
    account.now[2].subscribed = true;
    account.now.push_back(box(0, "no mailbox", true));
    BOOST_TEST(account.update() ==
               "* LIST (\\Subscribed \\HasNoChildren) \"/\" \"a/b\"\r\n"
               "* LIST (\\NonExistent \\Subscribed \\HasNoChildren) \"/\" \"no mailbox\"\r\n");
    account.now.pop_back();
    account.now[2].subscribed = false;
    BOOST_TEST(account.update() ==
               "* LIST (\\NonExistent \\HasNoChildren) \"/\" \"no mailbox\"\r\n"
               "* LIST (\\HasNoChildren) \"/\" \"a/b\"\r\n");
    account.now.push_back(box(4, "new"));  // MailboxName is not wished for
    BOOST_TEST(account.update().empty());
}

// RFC 5465 6.4: who is subscribed is asked anew each time.
BOOST_AUTO_TEST_CASE(one_that_comes_to_match_is_told_from_then_on) {
    Account account("(subscribed (" + kCounts + " SubscriptionChange))");
    BOOST_TEST(account.view.watched(account.now).empty());
    deliver(account.now[1]);
    BOOST_TEST(account.update().empty());
    account.now[1].subscribed = true;
    BOOST_TEST(account.update() ==
               "* LIST (\\Subscribed \\HasChildren) \"/\" \"a\"\r\n"
               "* STATUS \"a\" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 102)\r\n");
    BOOST_TEST((account.view.watched(account.now) == std::vector<MailboxId>{MailboxId{2}}));
    deliver(account.now[1]);
    BOOST_TEST(account.update() == "* STATUS \"a\" (MESSAGES 2 UIDNEXT 3 UIDVALIDITY 102)\r\n");
    account.now[1].subscribed = false;
    deliver(account.now[1]);
    BOOST_TEST(account.update() == "* LIST (\\HasChildren) \"/\" \"a\"\r\n");
}

BOOST_AUTO_TEST_CASE(one_that_is_made_later_is_told) {
    Account account("(mailboxes later (" + kCounts + "))");
    account.now.push_back(box(4, "later"));
    BOOST_TEST(account.update() == "* STATUS \"later\" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 104)\r\n");
}

BOOST_AUTO_TEST_CASE(statuses_of_all_that_is_wished_for) {
    Account account("(subtree a (" + kCounts + ")) (mailboxes inbox (MailboxName))");
    std::string out;
    account.view.append_statuses(out, MailboxId{3});
    BOOST_TEST(out == "* STATUS \"a\" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 102)\r\n");
}

// RFC 5465 5: the client knows what it did itself.
BOOST_AUTO_TEST_CASE(own_names_are_no_news) {
    Account account(kPersonal);
    account.view.note_created("x/y");
    account.now.push_back(box(4, "x"));
    account.now.push_back(box(5, "x/y"));
    BOOST_TEST(account.update().empty());
    account.view.note_renamed("a", "z/a");
    account.now[1].info.name = "z/a";
    account.now[2].info.name = "z/a/b";
    account.now.push_back(box(6, "z"));
    BOOST_TEST(account.update().empty());
    account.view.note_removed("x/y");
    account.now.erase(account.now.begin() + 4);
    BOOST_TEST(account.update().empty());
    account.view.note_subscribed("x", true);
    account.view.note_subscribed("nothing", true);
    account.now[3].subscribed = true;
    account.now.push_back(box(0, "nothing", true));
    BOOST_TEST(account.update().empty());
    account.view.note_subscribed("nothing", false);
    account.now.pop_back();
    BOOST_TEST(account.update().empty());
    account.view.note_removed("x");  // the subscription stays
    account.now[3] = box(0, "x", true);
    BOOST_TEST(account.update().empty());
    account.view.note_renamed("INBOX", "old mail");
    account.now.push_back(box(7, "old mail"));
    BOOST_TEST(account.update().empty());
}

BOOST_AUTO_TEST_CASE(others_names_beside_own_ones_are_news) {
    Account account(kPersonal);
    account.view.note_created("x");
    account.now.push_back(box(4, "x"));
    deliver(account.now.back());
    account.now.push_back(box(5, "y"));
    BOOST_TEST(
        account.update() ==
        "* STATUS \"x\" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 104 UNSEEN 1 HIGHESTMODSEQ 2)\r\n"
        "* LIST (\\HasNoChildren) \"/\" \"y\"\r\n"
        "* STATUS \"y\" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 105 UNSEEN 0 HIGHESTMODSEQ 1)\r\n");
}

BOOST_AUTO_TEST_CASE(own_messages_are_no_news) {
    Account account("(personal (" + kCounts + " FlagChange))");
    account.view.note_placed("a", {1, 2}, 2);
    deliver(account.now[1]);
    account.now[1].info.uid_next = 3;
    account.now[1].info.messages = 2;
    account.view.note_appended("a/b", 1);
    deliver(account.now[2]);
    account.view.note_created("c");
    account.view.note_placed("c", {1}, 2);
    account.now.push_back(box(4, "c"));
    deliver(account.now.back());
    BOOST_TEST(account.update().empty());
    // Somebody else's came first.
    account.view.note_appended("a/b", 3);
    deliver(account.now[2]);
    deliver(account.now[2]);
    BOOST_TEST(account.update().starts_with("* STATUS \"a/b\" (MESSAGES 3 UIDNEXT 4 "));
    account.view.note_appended("none", 1);
    account.view.note_placed("a", {}, 9);
    BOOST_TEST(account.update().empty());
}

BOOST_AUTO_TEST_CASE(what_was_not_told_of_a_selected_mailbox_is_told_when_it_is_left) {
    Account account("(personal (" + kCounts + "))");
    accessd::MailboxView view;
    view.info = account.now[1].info;
    const accessd::SelectedMailbox selected(view, accessd::OpenMode::Select);
    deliver(account.now[1]);
    BOOST_TEST(account.update(2).empty());
    account.view.note_left(selected);
    BOOST_TEST(account.update() == "* STATUS \"a\" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 102)\r\n");
}

BOOST_AUTO_TEST_SUITE_END()
