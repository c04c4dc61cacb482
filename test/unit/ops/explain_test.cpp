#include "ops/explain.h"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_CASE(a_constraint_is_told_as_its_rule) {
    const base::Error error{base::Errc::Invalid,
                            "value for domain directory.priority violates check constraint "
                            "\"priority_check\""};
    BOOST_TEST(ops::explain(error).find("0 to 65535") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(checks_of_the_blocklist_share_one_rule) {
    const base::Error error{base::Errc::Invalid,
                            "new row for relation \"sender_block\" violates check constraint "
                            "\"sender_block_check\""};
    BOOST_TEST(ops::explain(error).find("--subtree") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(other_errors_stay_as_they_are) {
    BOOST_TEST(ops::explain({base::Errc::NotFound, "no \"port_check\""}) == "no \"port_check\"");
    BOOST_TEST(ops::explain({base::Errc::Invalid, "other"}) == "other");
}
