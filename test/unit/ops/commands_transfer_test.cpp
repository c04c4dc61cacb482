// Verbs of transfers; as commands_test.cpp.

#include <boost/test/unit_test.hpp>

#include "test/unit/ops/commands_fixture.h"

using ops_test::Fixture;

BOOST_AUTO_TEST_SUITE(commands)

BOOST_AUTO_TEST_CASE(secondaries_get_keys_and_rights) {
    Fixture f;
    f.make_cluster();
    f.play({{"transfer list", 0, "nobody may fetch"},
            {"transfer key add sec.key", 0, "secret \""},
            {"transfer key add sec.key", 4, "already"},
            {"transfer key add weak.key --algorithm hmac-md5", 1, "hmac-sha256"},
            {"transfer key list", 0, "hmac-sha256"},
            {"transfer add ns3", 1, "--key KEY, --from NETWORK"},
            {"transfer add ns3 --key missing.key", 3, "no key"},
            {"transfer add ns3 --key sec.key --notify 192.0.2.3 --notify [2001:db8::3]:5353 "
             "--catalog",
             0,
             "added peer ns3"},
            {"transfer add ns3 --key sec.key", 4, "already"},
            {"transfer add ns4 --from 192.0.2.0/24 --domain nowhere.test", 3, "no domain"},
            {"transfer add ns4 --from 192.0.2.0/24 --domain example.test", 0, "added peer ns4"},
            {"transfer add ns5 --from 192.0.2.0/33", 1},
            {"transfer list", 0, "[2001:db8::3]:5353"},
            {"transfer key remove sec.key", 1, "in use"},
            {"transfer catalog set example.test", 4, "is a mail domain"},
            {"transfer catalog set catalog.invalid", 0, "catalog.invalid"},
            {"transfer catalog show", 0, "catalog.invalid"},
            {"transfer catalog clear"},
            {"transfer remove ns3", 0, "removed"},
            {"transfer remove ns3", 3, "no peer"},
            {"transfer key remove sec.key", 0, "removed"},
            {"transfer key remove sec.key", 3}});
}

BOOST_AUTO_TEST_SUITE_END()
