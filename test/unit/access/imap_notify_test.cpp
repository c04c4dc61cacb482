#include "access/imap_notify.h"

#include <string>

#include <boost/test/unit_test.hpp>

#include "access/limits.h"

using accessd::Cursor;
using accessd::NotifyArguments;
using accessd::NotifyEvent;
using accessd::NotifyEvents;
using accessd::parse_notify;
using Which = accessd::NotifyGroup::Which;

namespace {

NotifyArguments parsed(const std::string& text) {
    Cursor cursor(text);
    auto arguments = parse_notify(cursor);
    BOOST_TEST_REQUIRE(bool(arguments), text);
    BOOST_TEST(cursor.at_end());
    return std::move(arguments).take_value();
}

base::Errc refused(const std::string& text) {
    Cursor cursor(text);
    const auto arguments = parse_notify(cursor);
    BOOST_TEST_REQUIRE(!arguments, text);
    return arguments.error().code;
}

const std::string kBoth = "MessageNew MessageExpunge";

}  // namespace

BOOST_AUTO_TEST_SUITE(imap_notify)

// The examples of RFC 5465 3.1 and 6.
BOOST_AUTO_TEST_CASE(reads_the_examples_of_the_rfc) {
    const NotifyArguments set = parsed(
        " set status (selected (MessageNew (uid body.peek[header.fields (from to subject)])"
        " MessageExpunge)) (subtree Lists (MessageNew messageexpunge flagchange))");
    BOOST_TEST(set.is_set);
    BOOST_TEST(set.send_status);
    BOOST_TEST(!set.unsupported);
    BOOST_TEST(set.wishes.selected.has(NotifyEvent::MessageNew));
    BOOST_TEST(set.wishes.selected.has(NotifyEvent::MessageExpunge));
    BOOST_TEST(!set.wishes.selected.has(NotifyEvent::FlagChange));
    BOOST_TEST(!set.wishes.delayed);
    BOOST_TEST_REQUIRE(set.wishes.of_message.has_value());
    BOOST_TEST(set.wishes.of_message->sections.size() == 1U);
    BOOST_TEST_REQUIRE(set.wishes.groups.size() == 1U);
    BOOST_TEST((set.wishes.groups[0].which == Which::Subtree));
    BOOST_TEST(set.wishes.groups[0].events.has(NotifyEvent::FlagChange));
    const NotifyArguments none = parsed(" NONE");
    BOOST_TEST(!none.is_set);
    BOOST_TEST(!none.wishes.any_group());
    BOOST_TEST(none.wishes.selected.empty());
    BOOST_TEST(parsed(" SET (SELECTED-DELAYED (" + kBoth + "))").wishes.delayed);
    BOOST_TEST(!parsed(" SET (personal NONE)").wishes.any_group());
}

BOOST_AUTO_TEST_CASE(a_notification_never_sets_seen) {
    const NotifyArguments set =
        parsed(" SET (selected (MessageNew (BODY[TEXT] RFC822) MessageExpunge))");
    BOOST_TEST(!set.wishes.of_message->sets_seen());
    BOOST_TEST(set.wishes.of_message->sections.size() == 2U);
}

// RFC 5465 5 and 6.1.
BOOST_AUTO_TEST_CASE(events_that_may_not_stand_alone_are_bad) {
    for (const char* text : {" SET (selected (MessageNew))",
                             " SET (selected (MessageExpunge))",
                             " SET (personal (FlagChange))",
                             " SET (personal (FlagChange MessageNew))",
                             " SET (personal (AnnotationChange))",
                             " SET (selected (MailboxName))",
                             " SET (selected (SubscriptionChange MessageNew MessageExpunge))",
                             " SET (selected NONE) (selected-delayed NONE)",
                             " SET (personal (MessageNew (uid) MessageExpunge))"}) {
        BOOST_TEST((refused(text) == base::Errc::Invalid), text);
    }
}

BOOST_AUTO_TEST_CASE(broken_grammar_is_bad) {
    for (const char* text : {"",
                             " ",
                             " SOME",
                             " NONE x",
                             " SET",
                             " SET ",
                             " SET STATUS",
                             " SET STATUSX (personal NONE)",
                             " SET personal NONE",
                             " SET (personal)",
                             " SET (personal ())",
                             " SET (personal NONE",
                             " SET (personal NONE)x",
                             " SET (personal NONE) ",
                             " SET (nowhere NONE)",
                             " SET (mailboxes NONE)",
                             " SET (mailboxes () NONE)",
                             " SET (subtree a)",
                             " SET (personal ALL)",
                             " SET (selected (MessageNew () MessageExpunge))",
                             " SET (selected (MessageNew (nonsense) MessageExpunge))"}) {
        BOOST_TEST((refused(text) == base::Errc::Invalid), text);
    }
}

// RFC 5465 3.1: NO, so the grammar takes it.
BOOST_AUTO_TEST_CASE(events_that_are_not_offered_are_told_apart) {
    BOOST_TEST(parsed(" SET (personal (ServerMetadataChange))").unsupported);
    BOOST_TEST(parsed(" SET (personal (MailboxMetadataChange MailboxName))").unsupported);
    BOOST_TEST(parsed(" SET (selected (" + kBoth + " AnnotationChange))").unsupported);
    BOOST_TEST(parsed(" SET (selected (" + kBoth + " SomethingNew))").unsupported);
    BOOST_TEST(accessd::notify_event_names() ==
               "MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange");
}

BOOST_AUTO_TEST_CASE(groups_name_mailboxes) {
    const auto wishes = parsed(" SET (mailboxes inbox (" + kBoth +
                               ")) (subtree (Lists \"A B\") (MailboxName))"
                               " (mailboxes (x inbox &bad) (SubscriptionChange)) (subscribed (" +
                               kBoth + " FlagChange))")
                            .wishes;
    const auto events = [&](const char* name, bool subscribed = false) {
        const NotifyEvents of = wishes.events_of(name, subscribed);
        std::string text;
        text += of.has(NotifyEvent::MessageNew) ? 'n' : '-';
        text += of.has(NotifyEvent::FlagChange) ? 'f' : '-';
        text += of.has(NotifyEvent::MailboxName) ? 'm' : '-';
        text += of.has(NotifyEvent::SubscriptionChange) ? 's' : '-';
        return text;
    };
    BOOST_TEST(events("INBOX") == "n--s");  // all groups that it is in count
    BOOST_TEST(events("INBOX/a") == "----");
    BOOST_TEST(events("Lists") == "--m-");
    BOOST_TEST(events("Lists/a/b") == "--m-");
    BOOST_TEST(events("ListsX") == "----");
    BOOST_TEST(events("A B/c") == "--m-");
    BOOST_TEST(events("x") == "---s");
    BOOST_TEST(events("x/y") == "----");
    BOOST_TEST(events("other", true) == "nf--");
    // RFC 5465 6.2: mail is delivered to others than INBOX, too.
    const auto inboxes = parsed(" SET (inboxes (" + kBoth + "))").wishes;
    BOOST_TEST(inboxes.events_of("INBOX", false).has(NotifyEvent::MessageNew));
    BOOST_TEST(inboxes.events_of("Faxes", false).has(NotifyEvent::MessageNew));
    // RFC 5465 6.6: no wildcards.
    BOOST_TEST(parsed(" SET (mailboxes \"*\" (MailboxName))").wishes.events_of("a", true).empty());
}

BOOST_AUTO_TEST_CASE(is_bounded) {
    std::string groups = " SET";
    for (std::size_t i = 0; i < accessd::kNotifyGroupsMax; ++i) {
        groups += " (personal NONE)";
    }
    (void)parsed(groups);
    BOOST_TEST((refused(groups + " (personal NONE)") == base::Errc::TooLarge));
    std::string names;
    for (std::size_t i = 0; i < accessd::kNotifyNamesMax; ++i) {
        names += "m" + std::to_string(i) + " ";
    }
    (void)parsed(" SET (mailboxes (" + names.substr(0, names.size() - 1) + ") NONE)");
    BOOST_TEST((refused(" SET (mailboxes (" + names + "last) NONE)") == base::Errc::TooLarge));
}

BOOST_AUTO_TEST_SUITE_END()
