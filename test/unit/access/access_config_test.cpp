#include "access/access_config.h"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace {

const std::string kLeast =
    "name: access1\n"
    "database: \"dbname=x\"\n"
    "state_dir: /tmp/x\n"
    "internal_view: [\"127.0.0.1:5353\"]\n";

const std::string kListen = "listen: {imap: [\"127.0.0.1:0\"]}\n";

/// The configuration, or why not.
std::string problem(const std::string& yaml) {
    const auto config = base::Config::parse(yaml, "t");
    if (!config) {
        return config.error().detail;
    }
    (void)accessd::read_access_config(config.value().root());
    const base::Status status = config.value().finish();
    return status ? "" : status.error().detail;
}

accessd::AccessConfig read(const std::string& yaml) {
    const auto config = base::Config::parse(yaml, "t");
    return accessd::read_access_config(config.value().root());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(access_config)

BOOST_AUTO_TEST_CASE(least_configuration_is_enough) {
    BOOST_TEST(problem(kLeast + kListen) == "");
    const accessd::AccessConfig config = read(kLeast + kListen);
    BOOST_TEST(config.settings.name == "access1");
    BOOST_TEST((config.settings.insecure_auth == accessd::InsecureAuth::LoopbackOnly));
    BOOST_TEST(config.settings.append_bytes_max == 50U * 1024 * 1024);
    BOOST_TEST(!config.load_listen.has_value());
}

BOOST_AUTO_TEST_CASE(reads_every_setting) {
    const std::string yaml = kLeast +
                             "listen: {imap: [\"127.0.0.1:1143\", \"[::1]:1143\"], pop3: "
                             "[\"127.0.0.1:1110\"]}\n"
                             "load_listen: 127.0.0.1:4900\n"
                             "admin_listen: 127.0.0.1:4901\n"
                             "insecure_auth: true\n"
                             "path_helper: /usr/lib/x\n"
                             "loops: 3\n"
                             "database_connections: 9\n"
                             "password_threads: 5\n"
                             "limits: {sessions: 11, sessions_per_source: 12, message_size: 1MiB, "
                             "memory: 3MiB}\n"
                             "timeouts: {stop: 9s}\n";
    BOOST_TEST(problem(yaml) == "");
    const accessd::AccessConfig config = read(yaml);
    BOOST_TEST(config.imap_listen.size() == 2U);
    BOOST_TEST(config.pop3_listen.size() == 1U);
    BOOST_TEST(config.load_listen->port() == 4900);
    BOOST_TEST(config.admin_listen->port() == 4901);
    BOOST_TEST((config.settings.insecure_auth == accessd::InsecureAuth::Allowed));
    BOOST_TEST(config.path_helper == "/usr/lib/x");
    BOOST_TEST(config.loops == 3U);
    BOOST_TEST(config.database_connections == 9U);
    BOOST_TEST(config.password_threads == 5U);
    BOOST_TEST(config.settings.sessions_max == 11U);
    BOOST_TEST(config.settings.sessions_per_source_max == 12U);
    BOOST_TEST(config.settings.append_bytes_max == 1U << 20U);
    BOOST_TEST(config.settings.append_bytes_in_flight == 3U << 20U);
    BOOST_TEST((config.stop == std::chrono::seconds(9)));
}

BOOST_AUTO_TEST_CASE(tells_what_is_wrong) {
    BOOST_TEST(problem(kLeast) != "");
    BOOST_TEST(problem(kListen) != "");
    BOOST_TEST(problem(kLeast + kListen + "lisen: 1\n") != "");
    BOOST_TEST(problem(kLeast + kListen + "limits: {message_size: 1kB}\n") != "");
    BOOST_TEST(problem(kLeast + kListen + "limits: {memory: 1MiB}\n") != "");
    BOOST_TEST(problem(kLeast + kListen + "limits: {sessions: 0}\n") != "");
    BOOST_TEST(problem("name: a\ndatabase: b\nstate_dir: c\n" + kListen) != "");
}

BOOST_AUTO_TEST_SUITE_END()
