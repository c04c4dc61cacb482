#include <string>

#include <boost/test/unit_test.hpp>

#include "test/unit/access/session_rig.h"

using access_test::has;
using access_test::SessionRig;

BOOST_AUTO_TEST_SUITE(imap_cmd_delete)

BOOST_AUTO_TEST_CASE(deleting_the_selected_mailbox_leaves_it) {
    SessionRig rig;
    rig.store.deliver("Work", "a");
    const std::string out =
        rig.signed_in("a SELECT Work\r\nb DELETE Work\r\nc CLOSE\r\nd NOOP\r\n");
    BOOST_TEST(has(out, "b OK DELETE completed\r\nc BAD Not possible in this state\r\nd OK"));
}

BOOST_AUTO_TEST_CASE(selected_mailbox_deleted_by_another_ends_the_session) {
    SessionRig rig;
    rig.store.deliver("Work", "a");
    rig.store.on_call = [&](const std::string& name) {
        if (name == "changes") {
            rig.store.on_call = nullptr;
            BOOST_TEST(bool(rig.store.remove({}, "Work")));
        }
    };
    const std::string out = rig.signed_in("a SELECT Work\r\nb NOOP\r\nc NOOP\r\n");
    BOOST_TEST(out.ends_with("* BYE The selected mailbox was deleted\r\n"), out);
}

BOOST_AUTO_TEST_SUITE_END()
