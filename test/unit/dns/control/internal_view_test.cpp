#include "dns/control/internal_view.h"

#include <boost/test/unit_test.hpp>

#include "base/file.h"
#include "base/hash.h"
#include "base/resolver.h"
#include "dns/tsig.h"
#include "test/unit/dns/control/control_fixture.h"
#include "test/unit/dns/directory/directory_database.h"
#include "test/unit/dns/packet_text.h"
#include "test/unit/dns/query_builder.h"
#include "test/unit/dns/udp_client.h"

namespace {

using dns_test::LogCapture;
using dns_test::wait_until;

const std::string kSecret = "0123456789abcdef0123456789abcdef";

dns::transfer::TransferConfig config(const std::string& secret = kSecret) {
    dns::transfer::TransferConfig made;
    made.keys = {{"checker.test", "hmac-sha256", secret},
                 {"secondary.test", "hmac-sha256", secret}};
    return made;
}

dns::TsigKey key(const char* name) {
    return {dns::Name::from_text(name).take_value(),
            dns::HmacKey(dns::HmacAlgorithm::Sha256, base::as_bytes(kSecret))};
}

struct Viewing {
    Viewing() {
        database.fill();
        database.add_account("alice");
        BOOST_REQUIRE(base::ensure_dir(dir.path() + "/snapshot"));
    }

    void run(const char* acl, const std::function<void(dns::InternalView&)>& body) {
        base::DbPoolOptions options;
        options.connections = 1;
        base::DbPool pool(conninfo.empty() ? database.conninfo() : conninfo, "test", options);
        const auto loop = base::Loop::create("test").take_value();
        const auto view =
            dns::InternalView::create(*loop,
                                      pool,
                                      {{{base::Endpoint::parse("127.0.0.1:0").take_value()},
                                        {base::Network::parse(acl).take_value()}},
                                       {"checker.test"},
                                       dir.path() + "/snapshot"})
                .take_value();
        BOOST_REQUIRE(view->start());
        BOOST_REQUIRE(base::spawn(*loop, "test", [&] {
            body(*view);
            loop->stop();
        }));
        loop->run();
        view->save();
    }

    static std::string name(std::string_view local_part) {
        return base::to_hex(dns::account_digest(local_part)) + "._account.mail.test";
    }

    static unsigned ask(const dns::InternalView& view, std::string_view local_part) {
        const auto servers = view.bound();
        const auto reply = base::dns_query(servers,
                                           name(local_part),
                                           base::DnsType::Txt,
                                           base::Deadline::after(std::chrono::seconds(10)));
        return reply ? static_cast<unsigned>(reply.value().rcode) : 99;
    }

    // The RCODE of a signed query's answer. The loop has to run meanwhile.
    static unsigned ask_signed(const dns::InternalView& view, const char* key_name) {
        const dns::TsigKey mine = key(key_name);
        auto packet = dns_test::QueryBuilder().question(name("alice"), dns::RrType::Txt).bytes();
        const std::size_t size = packet.size();
        packet.resize(size + dns::tsig_record_size(mine));
        dns::TsigSigner signer(mine);
        packet.resize(
            signer.sign(packet, size, static_cast<std::uint64_t>(base::wall_us() / 1'000'000)));
        dns_test::UdpClient client(view.bound().at(0));
        client.send(packet);
        (void)base::sleep_until(base::Deadline::after(std::chrono::milliseconds(50)));
        return dns_test::read_packet(client.receive().value_or(std::vector<std::byte>())).rcode;
    }

    dns_test::DirectoryDatabase database;
    dns_test::StateDir dir;
    std::string conninfo;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(internal_view, Viewing)

BOOST_AUTO_TEST_CASE(denies_once_the_database_has_confirmed_what_there_is) {
    run("127.0.0.0/8", [](auto& view) {
        BOOST_TEST(wait_until([&] { return ask(view, "alice") == 0U; }));
        BOOST_TEST(wait_until([&] { return ask(view, "bob") == 3U; }));
    });
    conninfo = "host=/nowhere connect_timeout=1";
    run("127.0.0.0/8", [](auto& view) {
        BOOST_TEST(wait_until([&] { return ask(view, "alice") == 0U; }), "from the file");
        BOOST_TEST(ask(view, "bob") == 2U, "it may have come in the meantime");
    });
}

BOOST_AUTO_TEST_CASE(only_listed_keys_of_the_directory_open_it) {
    run("10.0.0.0/8", [](auto& view) {
        BOOST_TEST(wait_until([&] { return ask(view, "alice") == 5U; }));
        view.take_keys(config());
        BOOST_TEST(wait_until([&] { return ask_signed(view, "checker.test") == 0U; }));
        BOOST_TEST(ask_signed(view, "secondary.test") == 9U, "a key, but none of this view");
        view.take_keys(config("another secret, which is long"));
        BOOST_TEST(ask_signed(view, "checker.test") == 9U, "its secret is another now");
        const LogCapture log;
        view.take_keys({});
        view.take_keys({});
        BOOST_TEST(log.count("internal-keys-missing") == 1U);
        BOOST_TEST(ask_signed(view, "checker.test") == 5U, "and the network may not ask");
        view.take_keys(config("short"));
        BOOST_TEST(log.count("internal-key-refused") == 1U);
    });
}

BOOST_AUTO_TEST_SUITE_END()
