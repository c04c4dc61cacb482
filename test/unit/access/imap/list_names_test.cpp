#include "access/imap/list_names.h"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

using accessd::ListKind;

namespace {

std::string lines(const std::vector<std::string>& names,
                  const std::string& pattern,
                  ListKind kind) {
    std::vector<accessd::ListedMailbox> all;
    for (const std::string& name : names) {
        accessd::ListedMailbox listed;
        listed.info.name = name;
        listed.info.id = accessd::MailboxId{1};
        listed.subscribed = true;
        all.push_back(listed);
    }
    std::string out;
    const auto made = accessd::ListPattern::create(pattern);
    for (const accessd::ListLine& line : accessd::list_lines(all, made.value(), kind)) {
        out += line.name + (line.selectable ? "" : "!") + (line.has_children ? "+" : "") + " ";
    }
    return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(list_names)

BOOST_AUTO_TEST_CASE(shows_levels_that_have_no_mailbox) {
    const std::vector<std::string> names = {"a", "a b", "a-b/c", "a/b", "x/y/z"};
    BOOST_TEST(lines(names, "*", ListKind::Mailboxes) == "a+ a b a-b!+ a-b/c a/b x!+ x/y!+ x/y/z ");
    BOOST_TEST(lines(names, "%", ListKind::Mailboxes) == "a+ a b a-b!+ x!+ ");
    BOOST_TEST(lines(names, "x/%", ListKind::Mailboxes) == "x/y!+ ");
    BOOST_TEST(lines(names, "x/y/%", ListKind::Mailboxes) == "x/y/z ");
}

BOOST_AUTO_TEST_CASE(lsub_shows_levels_only_where_the_name_below_is_not_shown) {
    const std::vector<std::string> names = {"a", "x/y/z"};
    BOOST_TEST(lines(names, "*", ListKind::Subscriptions) == "a x/y/z ");
    BOOST_TEST(lines(names, "%", ListKind::Subscriptions) == "a x!+ ");
    BOOST_TEST(lines(names, "x/%", ListKind::Subscriptions) == "x/y!+ ");
}

BOOST_AUTO_TEST_CASE(names_below_the_root_of_strange_names_do_no_harm) {
    BOOST_TEST(lines({"/a", "b//c"}, "*", ListKind::Mailboxes) == "/a b!+ b/!+ b//c ");
}

BOOST_AUTO_TEST_SUITE_END()
