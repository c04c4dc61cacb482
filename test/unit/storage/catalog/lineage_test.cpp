#include "storage/catalog/lineage.h"

#include <boost/test/unit_test.hpp>

#include "test/unit/storage/catalog/deliver_fixture.h"

using namespace storage;
using test_support::DeliverFixture;

namespace {

class LineageFixture : public DeliverFixture {
  public:
    Lineage lineage() {
        auto read = read_lineage(admin());
        BOOST_REQUIRE(read);
        return std::move(read).take_value();
    }

    // As a promotion looks from here.
    void promote() { sql("UPDATE catalog.lineage SET timeline = '00000000'"); }

    bool jumps(std::int64_t seen) {
        const auto jumped = jump(admin(), "mail a", seen);
        BOOST_REQUIRE(jumped);
        return jumped.value();
    }

    // The next number of a sequence, without taking it.
    std::int64_t last(const std::string& sequence) {
        return std::stoll(value("SELECT last_value FROM " + sequence));
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(storage_lineage, LineageFixture)

BOOST_AUTO_TEST_CASE(says_what_was_committed_and_whether_the_primary_is_new) {
    BOOST_TEST(lineage().newest == 0);
    BOOST_TEST(!lineage().is_promoted);
    const auto report = deliver(batch({message(0, {to(ann)})}));
    BOOST_TEST(lineage().newest == report.commit_sequence);
    promote();
    BOOST_TEST(lineage().is_promoted);
    BOOST_TEST(jumps(0));
    BOOST_TEST(!jumps(0));
    BOOST_TEST(!lineage().is_promoted);
    BOOST_TEST(lineage().jumps == 1);
}

BOOST_AUTO_TEST_CASE(no_mailbox_gets_a_number_before_the_jump) {
    promote();
    const auto refused =
        open("roundtable_accessd")->query("SELECT catalog.create_mailbox($1, 'x', NULL)", {ann});
    BOOST_REQUIRE(!refused);
    BOOST_TEST(wants_jump(refused.error()));
    BOOST_TEST(jumps(0));
    BOOST_TEST(open("roundtable_accessd")
                   ->query("SELECT catalog.create_mailbox($1, 'x', NULL)", {ann})
                   .
                   operator bool());
}

BOOST_AUTO_TEST_CASE(numbers_of_lost_commits_name_nothing_else) {
    deliver(batch({message(0, {to(ann)})}));
    const std::int64_t mailbox = last("catalog.mailbox_id_seq");
    const std::int64_t validity = last("catalog.uid_validity");
    const std::int64_t account = last("directory.account_id_seq");
    promote();
    BOOST_TEST(jumps(0));
    BOOST_TEST(last("catalog.mailbox_id_seq") >= mailbox + 65'536);
    BOOST_TEST(last("catalog.uid_validity") >= validity + 65'536);
    BOOST_TEST(last("directory.account_id_seq") >= account + 65'536);
}

BOOST_AUTO_TEST_CASE(daemons_may_ask) {
    for (const char* role : {"roundtable_mtad", "roundtable_accessd", "roundtable_trackerd"}) {
        const auto connection = open(role);
        BOOST_TEST(read_lineage(*connection).operator bool(), role);
        BOOST_TEST(jump(*connection, "x", 0).operator bool(), role);
    }
}

BOOST_AUTO_TEST_CASE(operators_and_reporters_see_what_a_failover_would_lose) {
    for (const char* role : {"roundtable_operator", "roundtable_report"}) {
        const auto rows = open(role)->query("SELECT standbys, safe, verdict FROM report.failover");
        BOOST_REQUIRE_MESSAGE(rows, role);
        BOOST_TEST(rows.value()[0].int64(0) == 0);
        BOOST_TEST(!rows.value()[0].boolean(1));
        BOOST_TEST(rows.value()[0].string(2).starts_with("no standby"));
    }
}

BOOST_AUTO_TEST_SUITE_END()
