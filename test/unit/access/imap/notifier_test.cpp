#include "access/imap/notifier.h"

#include <string>

#include <boost/test/unit_test.hpp>

#include "access/limits.h"
#include "test/unit/access/memory_store.h"

using access_test::MemoryStore;
using accessd::Notifier;

namespace {

accessd::NotifyWishes wishes(const std::string& groups) {
    const std::string text = " SET " + groups;
    accessd::Cursor cursor(text);
    return accessd::parse_notify(cursor).value().wishes;
}

const std::string kPersonal = "(personal (MessageNew MessageExpunge MailboxName))";

struct Rig {
    MemoryStore store;
    int woken = 0;

    Notifier make(const std::string& groups) {
        return {store, accessd::AccountId{1}, wishes(groups), [this] { ++woken; }};
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(imap_notifier)

BOOST_AUTO_TEST_CASE(watches_before_it_reads) {
    Rig rig;
    std::vector<std::string> calls;
    rig.store.on_call = [&](const std::string& name) {
        calls.push_back(name + (rig.store.account_watches == 0 ? "" : " watched"));
    };
    {
        Notifier notifier = rig.make(kPersonal);
        BOOST_TEST(bool(notifier.start()));
        BOOST_TEST((calls == std::vector<std::string>{"list", "list watched"}));
        BOOST_TEST(rig.store.last_watched.size() == 1U);
        BOOST_TEST(!notifier.due().passed());
        rig.store.deliver("a", "m");
        rig.store.last_account_watch();
        BOOST_TEST(rig.woken == 1);
        BOOST_TEST(notifier.due().passed());
        std::string out;
        BOOST_TEST(bool(notifier.look({}, out)));
        BOOST_TEST(rig.store.last_watched.size() == 2U);
        BOOST_TEST(rig.store.account_watches == 1);
        BOOST_TEST(out.starts_with("* LIST (\\HasNoChildren) \"/\" \"a\"\r\n* STATUS \"a\" "));
        BOOST_TEST(!notifier.due().passed());
    }
    BOOST_TEST(rig.store.account_watches == 0);
}

BOOST_AUTO_TEST_CASE(without_wishes_it_asks_nothing) {
    Rig rig;
    Notifier notifier = rig.make("(selected (MessageNew MessageExpunge)) (personal NONE)");
    BOOST_TEST(bool(notifier.start()));
    BOOST_TEST(!notifier.watches_account());
    BOOST_TEST(rig.store.account_watches == 0);
}

BOOST_AUTO_TEST_CASE(looks_again_soon_when_the_catalog_was_away) {
    Rig rig;
    Notifier notifier = rig.make(kPersonal);
    BOOST_TEST(bool(notifier.start()));
    rig.store.deliver("INBOX", "m");
    rig.store.fail_once["list"] = base::Errc::Unavailable;
    std::string out;
    BOOST_TEST((notifier.look({}, out).error().code == base::Errc::Unavailable));
    BOOST_TEST(out.empty());
    BOOST_TEST((notifier.due().remaining() <= accessd::kNotifyRetry));
    BOOST_TEST(bool(notifier.look({}, out)));
    BOOST_TEST(out.starts_with("* STATUS \"INBOX\" (MESSAGES 1 "));
}

BOOST_AUTO_TEST_CASE(refuses_an_account_that_is_too_large) {
    Rig rig;
    for (std::size_t i = 0; i < accessd::kNotifyMailboxesMax; ++i) {
        BOOST_TEST_REQUIRE(bool(rig.store.create({}, "m" + std::to_string(i))));
    }
    Notifier notifier = rig.make("(inboxes (MailboxName))");
    BOOST_TEST((notifier.start().error().code == base::Errc::TooLarge));
}

BOOST_AUTO_TEST_CASE(more_news_than_it_may_bring_is_an_error) {
    Rig rig;
    Notifier notifier = rig.make(kPersonal);
    BOOST_TEST(bool(notifier.start()));
    for (int i = 0; i < 150; ++i) {
        BOOST_TEST_REQUIRE(bool(rig.store.create({}, std::string(450, 'n') + std::to_string(i))));
    }
    std::string out;
    BOOST_TEST((notifier.look({}, out).error().code == base::Errc::TooLarge));
    BOOST_TEST(out.empty());
}

BOOST_AUTO_TEST_SUITE_END()
