// Verbs of dynamic updates; as commands_test.cpp.

#include <boost/test/unit_test.hpp>

#include "test/unit/ops/commands_fixture.h"

using ops_test::Fixture;

BOOST_AUTO_TEST_SUITE(commands)

BOOST_AUTO_TEST_CASE(keys_get_rights_to_update) {
    Fixture f;
    f.make_cluster();
    f.play({{"update list", 0, "nobody may update"},
            {"update allow dyn.key example.test --acme", 3, "no key"},
            {"transfer key add dyn.key", 0, "secret \""},
            {"update allow dyn.key none.test --acme", 3, "no domain"},
            {"update allow dyn.key example.test", 1, "--name NAME"},
            {"update allow dyn.key example.test --acme --below", 1, "not both"},
            {"update allow dyn.key example.test --name www --type NONSENSE", 1, "unknown record"},
            {"update allow dyn.key example.test --acme --lifetime 5", 1, "1m to 400d"},
            {"update allow dyn.key example.test --acme --lifetime 1y", 1, "1m to 400d"},
            {"update allow dyn.key example.test --acme", 0, "granted as 1"},
            {"update list", 0, "01:00:00"},
            {"update allow dyn.key example.test --acme --lifetime forever", 0, "granted as 1"},
            {"update list", 0, "forever"},
            {"update allow dyn.key example.test --name WWW.example.test --type a --type AAAA", 0},
            {"update list", 0, "A AAAA"},
            {"--json update list", 0, "\"owner\":\"www\""},
            {"update history", 0, "no updates"},
            {"transfer key remove dyn.key", 1, "update list"},
            {"update revoke 99", 3, "no grant"},
            {"update revoke 1", 0, "revoked"}});
}

BOOST_AUTO_TEST_SUITE_END()
