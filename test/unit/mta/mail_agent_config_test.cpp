#include "mta/mail_agent_config.h"

#include <chrono>
#include <string>
#include <utility>

#include <boost/test/unit_test.hpp>

#include "base/config.h"

namespace {

using namespace std::chrono_literals;

const std::string kLeast = R"(
name: mail1
database: "host=/run/postgresql dbname=roundtable"
state_dir: /var/lib/roundtable/mail1
host_name: mail1.example.org
listen: ["127.0.0.1:2525", "[::1]:2525"]
internal_view: ["127.0.0.1:5353"]
)";

struct Read {
    mta::MailAgentConfig config;
    std::string problem;  ///< empty: none
};

Read read(const std::string& yaml) {
    const auto parsed = base::Config::parse(yaml, "mtad.yaml");
    BOOST_REQUIRE(parsed);
    Read out{mta::read_mail_agent_config(parsed.value().root()), {}};
    const base::Status finished = parsed.value().finish();
    if (!finished) {
        out.problem = finished.error().detail;
    }
    return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(mail_agent_config)

BOOST_AUTO_TEST_CASE(the_least_has_defaults_for_the_rest) {
    const Read got = read(kLeast);
    BOOST_TEST(got.problem == "");
    const mta::MailAgentConfig& config = got.config;
    BOOST_TEST(config.name == "mail1");
    BOOST_TEST(config.engine.host_name == "mail1.example.org");
    BOOST_TEST(config.listen.size() == 2U);
    BOOST_TEST(!config.load_listen.has_value());
    BOOST_TEST(!config.admin_listen.has_value());
    BOOST_TEST(config.ingest_socket == "");
    BOOST_TEST(!config.postmaster.has_value());
    BOOST_TEST(config.loops == 1U);
    BOOST_TEST(config.admission.sessions_max == 500U);
    BOOST_TEST(config.admission.sessions_per_source_max == 50U);
    BOOST_TEST(config.admission.unlimited_sources.size() == 2U);
    BOOST_TEST(config.engine.size_max_bytes == 50U * 1024 * 1024);
    BOOST_TEST(config.engine.recipients_max == 1'000U);
    BOOST_TEST((config.times.command == 5min));
    BOOST_TEST((config.stop == 10s));
    BOOST_TEST(config.path_helper.ends_with("/roundtable-path-helper"));
}

BOOST_AUTO_TEST_CASE(every_setting_is_read) {
    const Read got = read(kLeast + R"(
load_listen: "127.0.0.1:4900"
admin_listen: "127.0.0.1:4901"
postmaster: admin@example.org
path_helper: /opt/helper
loops: 4
segment_size: 1MiB
limits:
  sessions: 100
  sessions_per_source: 10
  unlimited_sources: []
  message_size: 10MiB
  recipients: 200
  memory: 64MiB
  disk_free: 1GiB
timeouts:
  command: 1m
  data: 10m
  store: 5s
  greeting: 0
  stop: 3s
)");
    BOOST_TEST(got.problem == "");
    const mta::MailAgentConfig& config = got.config;
    BOOST_TEST(config.load_listen->port() == 4900);
    BOOST_TEST(config.admin_listen->port() == 4901);
    BOOST_TEST(config.postmaster->text() == "admin@example.org");
    BOOST_TEST(config.path_helper == "/opt/helper");
    BOOST_TEST(config.loops == 4U);
    BOOST_TEST(config.segment_size_bytes == 1024U * 1024);
    BOOST_TEST(config.admission.sessions_max == 100U);
    BOOST_TEST(config.admission.sessions_per_source_max == 10U);
    BOOST_TEST(config.admission.unlimited_sources.empty());
    BOOST_TEST(config.engine.size_max_bytes == 10U * 1024 * 1024);
    BOOST_TEST(config.engine.recipients_max == 200U);
    BOOST_TEST(config.memory_max_bytes == 64U * 1024 * 1024);
    BOOST_TEST(config.disk_free_min_bytes == 1024U * 1024 * 1024);
    BOOST_TEST((config.times.command == 1min));
    BOOST_TEST((config.times.data == 10min));
    BOOST_TEST((config.times.store == 5s));
    BOOST_TEST((config.times.greeting == 0s));
    BOOST_TEST((config.stop == 3s));
}

BOOST_AUTO_TEST_CASE(what_cannot_work_is_a_problem) {
    for (const auto& [line, word] : {std::pair<std::string, std::string>{"lisen: []", "lisen"},
                                     {"postmaster: nobody", "postmaster"},
                                     {"loops: 0", "loops"},
                                     {"limits: {recipients: 99}", "recipients"},
                                     {"limits: {sessions: 0}", "sessions"},
                                     {"segment_size: 1KiB", "segment_size"},
                                     {"limits: {message_size: 1KiB}", "message_size"},
                                     {"limits: {message_size: 200MiB, memory: 256MiB}", "memory"},
                                     {"timeouts: {command: 2h}", "command"}}) {
        const Read got = read(kLeast + line + "\n");
        BOOST_TEST_CONTEXT("line " << line) {
            BOOST_TEST(got.problem.find(word) != std::string::npos);
        }
    }
    BOOST_TEST(read("name: x\n").problem != "");
    BOOST_TEST(read("host_name: not_a..name\n" + kLeast.substr(0, kLeast.find("host_name")) +
                    kLeast.substr(kLeast.find("listen")))
                   .problem.find("host_name") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_ingest_socket_has_a_path_that_fits) {
    const std::string path = "/run/roundtable/mail1/ingest";
    const Read got = read(kLeast + "ingest_socket: " + path + "\n");
    BOOST_TEST(got.problem == "");
    BOOST_TEST(got.config.ingest_socket == path);
    for (const std::string& wrong : {std::string("ingest"), "/" + std::string(107, 'x')}) {
        BOOST_TEST(read(kLeast + "ingest_socket: " + wrong + "\n").problem.find("ingest_socket") !=
                   std::string::npos);
    }
}

BOOST_AUTO_TEST_SUITE_END()
