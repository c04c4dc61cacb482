#include "dns/control/name_server.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <sstream>

#include <boost/test/unit_test.hpp>

#include "base/hash.h"
#include "base/resolver.h"
#include "base/stream.h"
#include "base/worker_pool.h"
#include "dns/account_view.h"
#include "dns/control/priority_report.h"
#include "dns/wire.h"
#include "test/unit/dns/control/control_fixture.h"
#include "test/unit/dns/control/load_server.h"
#include "test/unit/dns/directory/directory_database.h"
#include "test/unit/dns/packet_text.h"
#include "test/unit/dns/query_builder.h"
#include "test/unit/dns/udp_client.h"

namespace {

using dns::RrType;
using dns_test::DirectoryDatabase;
using dns_test::LoadServer;
using dns_test::LogCapture;
using dns_test::PacketText;
using dns_test::QueryBuilder;
using dns_test::StateDir;
using dns_test::wait_until;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A moment for a change to be seen. The promise is one second; a test machine may be busy.
constexpr base::Duration kSoon = seconds(5);

// One life of a name server: made, run on this thread, saved, gone.
class Life {
  public:
    Life(base::Loop& loop, dns::NameServer& server, const bool& ready)
        : loop_(loop), server_(server), ready_(ready) {}

    [[nodiscard]] bool is_ready() const { return ready_; }

    [[nodiscard]] base::Loop& loop() const { return loop_; }

    [[nodiscard]] dns::NameServer& server() const { return server_; }

    /// Over UDP; the threads that answer are the server's own.
    [[nodiscard]] PacketText ask(const std::string& name, RrType type) const {
        dns_test::UdpClient client(server_.public_endpoints().at(0));
        client.send(QueryBuilder().question(name, type).opt().bytes());
        return dns_test::read_packet(client.receive().value_or(std::vector<std::byte>()));
    }

    [[nodiscard]] PacketText ask_tcp(const std::string& name, RrType type) const {
        auto stream =
            base::SocketStream::connect(
                loop_, server_.public_endpoints().at(0), base::Deadline::after(seconds(5)))
                .take_value();
        const QueryBuilder query = QueryBuilder().question(name, type);
        const std::string size = {static_cast<char>(query.bytes().size() >> 8),
                                  static_cast<char>(query.bytes().size())};
        BOOST_REQUIRE(stream->write(size + std::string(base::as_text(query.bytes()))));
        const auto limit = base::Deadline::after(seconds(5));
        std::size_t wanted = 2;
        while (stream->buffered().size() < wanted) {
            BOOST_REQUIRE(stream->fill(limit));
            if (stream->buffered().size() >= 2) {
                wanted = 2U + dns::load_u16(base::as_bytes(stream->buffered()).data());
            }
        }
        return dns_test::read_packet(base::as_bytes(stream->buffered()).subspan(2));
    }

    /// A question to the internal view: its rcode.
    [[nodiscard]] int verify(const std::string& local_part) const {
        const auto servers = server_.internal_endpoints();
        const auto reply =
            base::dns_query(servers,
                            base::to_hex(dns::account_digest(local_part)) + "._account.mail.test",
                            base::DnsType::Txt,
                            base::Deadline::after(seconds(10)));
        return reply ? static_cast<int>(reply.value().rcode) : -1;
    }

    [[nodiscard]] std::uint32_t serial(const std::string& zone) const {
        const std::string soa = ask(zone, RrType::Soa).answer.at(0);
        std::istringstream fields(soa.substr(soa.find(" SOA ") + 5));
        std::string primary;
        std::string contact;
        std::uint32_t number = 0;
        fields >> primary >> contact >> number;
        return number;
    }

    // "10 mail1 20 mail2": the MX answer in order of preference, then host.
    [[nodiscard]] std::string mx() const {
        std::vector<std::string> records;
        for (const std::string& record : ask("mail.test", RrType::Mx).answer) {
            const std::string data = record.substr(record.find(" MX ") + 4);
            records.push_back(data.substr(0, data.find('.')));
        }
        std::ranges::sort(records);
        std::string text;
        for (const std::string& record : records) {
            text += (text.empty() ? "" : " ") + record;
        }
        return text;
    }

    bool soon(const std::function<bool()>& condition) const { return wait_until(condition, kSoon); }

  private:
    base::Loop& loop_;
    dns::NameServer& server_;
    const bool& ready_;
};

struct World {
    World() {
        database.fill();
        database.sql("UPDATE directory.domain SET policy = 'static' WHERE name = 'mail.test'");
    }

    [[nodiscard]] dns::NameServerConfig config() const {
        dns::NameServerConfig made;
        made.name = "ns1";
        made.database = conninfo.empty() ? database.conninfo() : conninfo;
        made.state_dir = state.path();
        made.listen = {base::Endpoint::parse("127.0.0.1:0").take_value()};
        made.internal_listen = made.listen;
        made.internal_acl = {base::Network::parse("127.0.0.0/8").take_value()};
        made.threads = 2;
        return made;
    }

    /// Three mail servers that answer probes, for as long as the life lasts.
    std::vector<std::unique_ptr<LoadServer>> serve_loads(base::Loop& loop) {
        std::vector<std::unique_ptr<LoadServer>> servers;
        for (int i = 1; i <= 3; ++i) {
            const std::string name = "mail" + std::to_string(i);
            std::uint16_t& port = load_ports.at(static_cast<std::size_t>(i - 1));
            servers.push_back(std::make_unique<LoadServer>(loop, name, port));
            port = servers.back()->port();
            database.sql(
                "UPDATE directory.mail_server SET address = '127.0.0.1', load_port = $1 "
                "WHERE name = $2",
                {port, name});
        }
        return servers;
    }

    enum class Await { Ready, Nothing };

    void live(const std::function<void(Life&)>& body, Await await = Await::Ready) {
        const auto loop = base::Loop::create("test").take_value();
        auto loads = serve_loads(*loop);
        bool ready = false;
        auto made = dns::NameServer::create(*loop, config(), [&ready] { ready = true; });
        BOOST_REQUIRE_MESSAGE(bool(made), (made ? "" : made.error().detail));
        const auto server = std::move(made).take_value();
        bool done = false;
        mail_servers = &loads;
        BOOST_REQUIRE(base::spawn(*loop, "test", [&] {
            Life life(*loop, *server, ready);
            if (await == Await::Nothing || wait_until([&] { return ready; })) {
                body(life);
                done = true;
            }
            loads.clear();
            loop->stop();
        }));
        loop->run();
        server->save();
        BOOST_TEST(bool(server->outcome()));
        BOOST_TEST(done);
    }

    std::string one(const std::string& sql) {
        const auto rows = database.sql(sql);
        return rows.empty() ? "(none)" : rows[0].string(0);
    }

    void override_mx(const std::string& values) {
        database.sql(
            "INSERT INTO directory.mx_override (action, server, value, author, reason, expires_at) "
            "VALUES (" +
            values + ")");
    }

    DirectoryDatabase database;
    StateDir state;
    std::string conninfo;                       // empty: of the database
    std::array<std::uint16_t, 3> load_ports{};  // the same in each life
    std::vector<std::unique_ptr<LoadServer>>* mail_servers = nullptr;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(name_server, World)

BOOST_AUTO_TEST_CASE(answers_over_udp_and_tcp_once_it_is_ready) {
    live([](Life& life) {
        BOOST_TEST(life.mx() == "10 mail1 20 mail2 30 mail3");
        BOOST_TEST(life.ask("mail.test", RrType::Mx).authoritative);
        BOOST_TEST(life.ask("www.mail.test", RrType::A).answer.size() == 1U);
        BOOST_TEST(life.ask("nothing.mail.test", RrType::A).rcode == 3U);
        BOOST_TEST(life.ask("other.test", RrType::A).rcode == 5U);
        BOOST_TEST(life.ask_tcp("mail.test", RrType::Mx).answer.size() == 3U);
    });
}

BOOST_AUTO_TEST_CASE(starts_from_its_files_while_the_database_is_away) {
    database.add_account("alice");
    std::uint32_t serial = 0;
    live([&](Life& life) {
        serial = life.serial("mail.test");
        BOOST_TEST(life.soon([&] { return life.verify("alice") == 0; }));
        BOOST_TEST(life.verify("bob") == 3, "the view is sure");
    });
    conninfo = "host=/nowhere connect_timeout=1";
    live([&](Life& life) {
        BOOST_TEST(life.ask("mail.test", RrType::Mx).answer.size() == 3U);
        BOOST_TEST(life.serial("mail.test") == serial + 1, "not behind what was published");
        BOOST_TEST(life.soon([&] { return life.verify("alice") == 0; }));
        BOOST_TEST(life.verify("bob") == 2, "it may have come in the meantime");
    });
}

BOOST_AUTO_TEST_CASE(waits_for_the_database_when_it_has_no_files) {
    database.set_reach(DirectoryDatabase::Reach::Away);
    live(
        [this](Life& life) {
            BOOST_TEST(!wait_until([&] { return life.is_ready(); }, milliseconds(300)));
            BOOST_TEST(life.server().public_endpoints().empty());
            BOOST_TEST(life.verify("alice") == 2, "the internal view answers from the start");
            database.set_reach(DirectoryDatabase::Reach::Back);
            BOOST_TEST(wait_until([&] { return life.is_ready(); }, seconds(30)));
            BOOST_TEST(life.mx() == "10 mail1 20 mail2 30 mail3");
        },
        Await::Nothing);
}

BOOST_AUTO_TEST_CASE(takes_a_change_within_a_second_of_its_notice) {
    live([this](Life& life) {
        // Listening by now: the first change may have been found by polling.
        BOOST_REQUIRE(wait_until([this] {
            return database
                       .sql(
                           "SELECT count(*) FROM pg_stat_activity WHERE datname = "
                           "current_database() AND query ILIKE 'listen%'")[0]
                       .int64(0) == 1;
        }));
        base::Duration quickest = seconds(60);
        for (int i = 1; i <= 5; ++i) {
            const std::string name = "new" + std::to_string(i);
            database.sql(
                "INSERT INTO directory.record (domain_id, owner, type, rdata) "
                "SELECT id, $1, 'A', '192.0.2.9' FROM directory.domain WHERE name = 'mail.test'",
                {name});
            const auto start = base::monotonic_now();
            BOOST_REQUIRE(life.soon(
                [&] { return life.ask(name + ".mail.test", RrType::A).answer.size() == 1U; }));
            quickest = std::min<base::Duration>(quickest, base::monotonic_now() - start);
        }
        BOOST_TEST((quickest < seconds(1)));
    });
}

BOOST_AUTO_TEST_CASE(an_override_shows_in_the_answers_and_leaves_its_trace) {
    live([this](Life& life) {
        const std::uint32_t serial = life.serial("mail.test");
        override_mx("'pin', 'mail3', 5, 'alice', 'because', NULL");
        BOOST_REQUIRE(life.soon([&] { return life.mx() == "10 mail1 20 mail2 5 mail3"; }));
        BOOST_TEST(life.serial("mail.test") == serial + 1);
        BOOST_TEST(life.soon([this] {
            return one("SELECT priority_index::text FROM directory.mail_exchange x "
                       "JOIN directory.mail_server m ON m.id = x.mail_server_id "
                       "WHERE m.name = 'mail3'") == "5";
        }));
        BOOST_TEST(one("SELECT name_server || ' ' || cause FROM directory.steering_commit "
                       "ORDER BY id DESC LIMIT 1") == "ns1 pin mail3 5 by alice: because");
        BOOST_TEST(
            one("SELECT h.priority_index || ' ' || h.cause FROM directory.priority_history h "
                "WHERE h.mail_server = 'mail3' AND h.setting = 'effective' "
                "AND h.to_at IS NULL") == "5 pin mail3 5 by alice: because");
        BOOST_TEST(life.soon([&] {
            return one("SELECT serial::text FROM directory.domain WHERE name = 'mail.test'") ==
                   std::to_string(serial + 1);
        }));

        override_mx("'drain', 'mail1', NULL, 'bob', 'work', NULL");
        BOOST_TEST(life.soon([&] { return life.mx() == "20 mail2 5 mail3"; }));
        database.sql("UPDATE directory.mx_override SET removed_at = now(), removed_by = 'bob'");
        BOOST_TEST(life.soon([&] { return life.mx() == "10 mail1 20 mail2 30 mail3"; }));
    });
}

BOOST_AUTO_TEST_CASE(an_override_expires_by_itself) {
    live([this](Life& life) {
        override_mx("'down', 'mail1', NULL, 'alice', 'short', now() + interval '2 seconds'");
        BOOST_REQUIRE(life.soon([&] { return life.mx() == "20 mail2 30 mail3"; }));
        BOOST_TEST(life.soon([&] { return life.mx() == "10 mail1 20 mail2 30 mail3"; }));
        BOOST_TEST(life.soon([this] {
            return one("SELECT count(*)::text FROM directory.steering_commit "
                       "WHERE cause LIKE 'expired: down mail1%'") == "1";
        }));
    });
}

BOOST_AUTO_TEST_CASE(a_server_that_dies_is_withdrawn) {
    live([this](Life& life) {
        BOOST_REQUIRE(wait_until([this] { return (*mail_servers)[1]->connections() > 0; }));
        (*mail_servers)[1]->stop();
        BOOST_TEST(wait_until([&] { return life.mx() == "10 mail1 30 mail3"; }));
        BOOST_TEST(life.soon([this] {
            return one("SELECT priority_index::text FROM directory.mail_exchange x "
                       "JOIN directory.mail_server m ON m.id = x.mail_server_id "
                       "WHERE m.name = 'mail2'") == std::to_string(dns::kWithdrawnPriority);
        }));
    });
}

BOOST_AUTO_TEST_CASE(a_domain_with_refused_records_keeps_its_zone_and_is_logged_once) {
    const LogCapture log;
    live([this](Life& life) {
        database.sql(
            "INSERT INTO directory.record (domain_id, owner, type, rdata) "
            "SELECT id, v.owner, 'A', v.data FROM directory.domain, "
            "(VALUES ('bad', 'no address'), ('good', '192.0.2.9')) v(owner, data) "
            "WHERE name = 'mail.test'");
        database.sql("INSERT INTO directory.domain (name) VALUES ('one.test')");
        BOOST_REQUIRE(life.soon([&] { return life.ask("one.test", RrType::Soa).rcode == 0U; }));
        database.sql("INSERT INTO directory.domain (name) VALUES ('two.test')");
        BOOST_REQUIRE(life.soon([&] { return life.ask("two.test", RrType::Soa).rcode == 0U; }));
        BOOST_TEST(life.ask("www.mail.test", RrType::A).answer.size() == 1U);
        BOOST_TEST(life.ask("good.mail.test", RrType::A).rcode == 3U, "all of it or nothing");
        BOOST_TEST(life.mx() == "10 mail1 20 mail2 30 mail3");
        // Operators hear of it by SQL, too, and when it is over.
        const auto problems = [this] {
            return database
                .sql(
                    "SELECT coalesce(string_agg(domain || ' ' || serves_old, ','), '') "
                    "FROM directory.zone_problem WHERE reason LIKE '%bad.mail.test.%'")[0]
                .string(0);
        };
        BOOST_TEST(life.soon([&] { return problems() == "mail.test true"; }));
        database.sql("DELETE FROM directory.record WHERE owner = 'bad'");
        BOOST_TEST(life.soon([&] { return life.ask("good.mail.test", RrType::A).rcode == 0U; }));
        BOOST_TEST(life.soon([&] { return problems().empty(); }));
    });
    BOOST_TEST(log.count("domain-refused") == 1U);
    BOOST_TEST(database
                   .sql("SELECT string_agg(kind || ' ' || subject, ',' ORDER BY id) "
                        "FROM directory.event WHERE kind LIKE 'zone%'")[0]
                   .string(0) == "zone_refused mail.test,zone_served mail.test");
}

BOOST_AUTO_TEST_CASE(a_domain_that_is_refused_and_loses_its_servers_names_no_foreign_ones) {
    live([this](Life& life) {
        database.sql(
            "DELETE FROM directory.mail_exchange x USING directory.mail_server m "
            "WHERE m.id = x.mail_server_id AND m.name <> 'mail1'");
        BOOST_REQUIRE(life.soon([&] { return life.mx() == "10 mail1"; }));
        database.sql(
            "INSERT INTO directory.mail_exchange (domain_id, mail_server_id) "
            "SELECT d.id, m.id FROM directory.domain d, directory.mail_server m "
            "WHERE d.name = 'hosts.test' AND m.name <> 'mail1'");
        database.sql(
            "INSERT INTO directory.record (domain_id, owner, type, rdata) "
            "SELECT id, 'bad', 'A', 'no address' FROM directory.domain WHERE name = 'mail.test'");
        database.sql(
            "DELETE FROM directory.mail_exchange x USING directory.domain d "
            "WHERE d.id = x.domain_id AND d.name = 'mail.test'");
        database.sql("INSERT INTO directory.domain (name) VALUES ('last.test')");
        BOOST_REQUIRE(life.soon([&] { return life.ask("last.test", RrType::Soa).rcode == 0U; }));
        BOOST_TEST(life.mx() == "10 mail1");
    });
}

BOOST_AUTO_TEST_CASE(domains_come_and_go) {
    live([this](Life& life) {
        BOOST_TEST(life.ask("new.test", RrType::Mx).rcode == 5U);
        database.sql(
            "WITH d AS (INSERT INTO directory.domain (name, policy) VALUES ('new.test', 'static') "
            "RETURNING id) INSERT INTO directory.mail_exchange (domain_id, mail_server_id) "
            "SELECT d.id, m.id FROM d, directory.mail_server m");
        BOOST_REQUIRE(
            life.soon([&] { return life.ask("new.test", RrType::Mx).answer.size() == 3U; }));
        BOOST_TEST(life.soon([this] {
            return one("SELECT count(*)::text FROM directory.mail_exchange x JOIN directory.domain "
                       "d "
                       "ON d.id = x.domain_id WHERE d.name = 'new.test' AND x.first_share > 0") ==
                   "3";
        }),
                   "its priorities are reported");
        database.sql("DELETE FROM directory.domain WHERE name = 'new.test'");
        BOOST_TEST(life.soon([&] { return life.ask("new.test", RrType::Mx).rcode == 5U; }));
        BOOST_TEST(life.mx() == "10 mail1 20 mail2 30 mail3");
    });
}

BOOST_AUTO_TEST_CASE(a_pool_that_disappears_leaves_a_domain_without_mx) {
    live([this](Life& life) {
        database.sql("DELETE FROM directory.mail_exchange");
        BOOST_REQUIRE(life.soon([&] { return life.mx().empty(); }));
        BOOST_TEST(life.ask("mail.test", RrType::Mx).rcode == 0U);
        BOOST_TEST(life.ask("imap.mail.test", RrType::A).answer.size() == 2U, "the other pool");
        database.sql(
            "INSERT INTO directory.mail_exchange (domain_id, mail_server_id) SELECT d.id, m.id "
            "FROM directory.domain d, directory.mail_server m WHERE d.name = 'mail.test'");
        BOOST_TEST(life.soon([&] { return life.mx() == "10 mail1 10 mail2 10 mail3"; }));
    });
}

BOOST_AUTO_TEST_CASE(addresses_are_verified_as_they_come_and_go) {
    live([this](Life& life) {
        BOOST_TEST(life.soon([&] { return life.verify("alice") == 3; }));
        database.add_account("alice");
        BOOST_TEST(life.soon([&] { return life.verify("alice") == 0; }));
        database.sql("DELETE FROM directory.address");
        BOOST_TEST(life.soon([&] { return life.verify("alice") == 3; }));
        BOOST_TEST(life.ask(base::to_hex(dns::account_digest("alice")) + "._account.mail.test",
                            RrType::Txt)
                           .rcode == 5U,
                   "not on the public port");
    });
}

BOOST_AUTO_TEST_CASE(answers_go_on_while_the_database_is_away_and_the_journal_waits) {
    live([this](Life& life) {
        BOOST_REQUIRE(wait_until([this] { return (*mail_servers)[1]->connections() > 0; }));
        BOOST_REQUIRE(life.soon(
            [this] { return one("SELECT count(*) > 0 FROM directory.steering_commit") == "t"; }));
        database.set_reach(DirectoryDatabase::Reach::Away);
        (*mail_servers)[1]->stop();
        BOOST_TEST(wait_until([&] { return life.mx() == "10 mail1 30 mail3"; }));
        BOOST_TEST(life.verify("bob") == 3, "still sure for a while");
        const std::string down =
            "SELECT count(*)::text FROM directory.steering_commit WHERE cause LIKE 'mail2 down%'";
        BOOST_TEST(one(down) == "0");
        database.set_reach(DirectoryDatabase::Reach::Back);
        BOOST_TEST(wait_until([&] { return one(down) == "1"; }, seconds(40)));
    });
}

BOOST_AUTO_TEST_CASE(a_corrupt_file_is_left_aside) {
    live([](Life&) {});
    BOOST_REQUIRE(base::write_file_atomic(state.file("directory"), "RTDNSNP1 and nonsense", 0600));
    const LogCapture log;
    live([](Life& life) { BOOST_TEST(life.mx() == "10 mail1 20 mail2 30 mail3"); });
    BOOST_TEST(log.count("snapshot-refused") == 1U);
    BOOST_TEST(log.count("starting-from-file") == 0U);
    live([](Life& life) { BOOST_TEST(life.mx() == "10 mail1 20 mail2 30 mail3"); });
    BOOST_TEST(log.count("starting-from-file") == 1U, "it was written anew");
}

BOOST_AUTO_TEST_CASE(files_are_written_when_something_changed_and_only_then) {
    const auto written = [this](const char* name) {
        std::error_code none;
        return std::filesystem::last_write_time(state.file(name), none);
    };
    live([&](Life& life) {
        BOOST_REQUIRE(wait_until([&] { return written("trims") > written("nothing"); }));
        BOOST_REQUIRE(life.soon([&] {
            return one("SELECT serial::text FROM directory.domain WHERE name = 'mail.test'") ==
                   std::to_string(life.serial("mail.test"));
        }));
        // With the next reading comes the serial that was published: a change.
        const auto first = written("directory");
        database.sql("UPDATE directory.record SET ttl = 121");
        BOOST_REQUIRE(wait_until([&] { return written("directory") > first; }));
        const auto second = written("directory");
        const auto trims = written("trims");
        const auto accounts = written("accounts");
        database.add_account("bob");
        BOOST_REQUIRE(wait_until([&] { return written("accounts") > accounts; }));
        BOOST_TEST((written("directory") == second));
        BOOST_TEST((written("trims") == trims));
    });
}

// A name server of its own, on a thread of its own: a thread has one at most. `outcome`: of
// create(), or of its life.
base::Status live_beside(const dns::NameServerConfig& config) {
    base::WorkerPool thread("second", 1, 1);
    return thread.run(
        [config]() -> base::Status {
            const auto loop = base::Loop::create("second").take_value();
            const auto second = TRY(dns::NameServer::create(*loop, config, [] {}));
            loop->run();
            return second->outcome();
        },
        base::Deadline::after(seconds(30)));
}

BOOST_AUTO_TEST_CASE(a_public_address_in_use_ends_the_loop_and_is_the_outcome) {
    live([this](Life& life) {
        auto taken = config();
        taken.listen = life.server().public_endpoints();
        taken.internal_listen.clear();
        taken.state_dir = state.path() + "/second";
        const base::Status outcome = live_beside(taken);
        BOOST_REQUIRE(!outcome);
        BOOST_CHECK(outcome.error().code == base::Errc::Exists);
    });
}

BOOST_AUTO_TEST_CASE(an_internal_address_in_use_fails_at_once) {
    live([this](Life& life) {
        auto taken = config();
        taken.internal_listen = life.server().internal_endpoints();
        taken.state_dir = state.path() + "/second";
        const base::Status outcome = live_beside(taken);
        BOOST_REQUIRE(!outcome);
        BOOST_CHECK(outcome.error().code == base::Errc::Exists);
    });
}

BOOST_AUTO_TEST_SUITE_END()
