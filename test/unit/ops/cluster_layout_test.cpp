#include "ops/cluster_layout.h"

#include <filesystem>
#include <fstream>
#include <set>

#include <boost/test/unit_test.hpp>

namespace {

// A file that goes when the test ends.
class TemporaryFile {
  public:
    explicit TemporaryFile(const std::string& content)
        : path_((std::filesystem::temp_directory_path() /
                 ("layout-" + std::to_string(::getpid()) + ".yaml"))
                    .string()) {
        std::ofstream(path_) << content;
    }

    ~TemporaryFile() { std::filesystem::remove(path_); }

    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;

    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    std::string path_;
};

std::string default_text() {
    return ops::format_layout(ops::default_layout("/srv/rt", ops::Ports::High).value());
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const std::size_t at = text.find(from);
    BOOST_REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

}  // namespace

BOOST_AUTO_TEST_CASE(default_layout_mirrors_in_a_ring) {
    const auto layout = ops::default_layout("/srv/rt", ops::Ports::Standard);
    BOOST_REQUIRE(layout);
    BOOST_REQUIRE_EQUAL(layout.value().mail_servers.size(), 3U);
    BOOST_TEST(layout.value().mail_servers[0].peers == std::vector<std::string>{"mail2"});
    BOOST_TEST(layout.value().mail_servers[2].peers == std::vector<std::string>{"mail1"});
    BOOST_TEST(layout.value().mail_servers[1].smtp_port == 25);
    BOOST_TEST(layout.value().mail_servers[1].address.to_text() == "127.0.1.2");
    BOOST_TEST(layout.value().access_servers[1].address.to_text() == "127.0.2.2");
    BOOST_TEST(layout.value().storage_servers[2].directories[0] == "/srv/rt/stores/store3");
    BOOST_TEST(layout.value().host_name("mail1") == "mail1.example.test");
}

BOOST_AUTO_TEST_CASE(free_ports_of_one_address_differ) {
    const auto layout = ops::default_layout("/srv/rt", ops::Ports::Free);
    BOOST_REQUIRE(layout);
    const auto& server = layout.value().access_servers[0];
    const std::set<std::uint16_t> ports = {server.imap_port, server.pop3_port, server.load_port};
    BOOST_TEST(ports.size() == 3U);
    BOOST_TEST(*ports.rbegin() < 32768U);  // the first that Linux gives to a client
}

BOOST_AUTO_TEST_CASE(what_is_written_is_read_back) {
    const TemporaryFile file(default_text());
    const auto read = ops::load_layout(file.path());
    BOOST_REQUIRE_MESSAGE(read, (read ? "" : read.error().detail));
    BOOST_TEST(ops::format_layout(read.value()) == default_text());
}

BOOST_AUTO_TEST_CASE(scanners_are_kept) {
    auto layout = ops::default_layout("/srv/rt", ops::Ports::High).take_value();
    layout.clamd = {"unix:/run/clamd", "127.0.0.1:3310"};
    layout.scan_timeout = std::chrono::seconds(7);
    layout.message_size = 3U << 20U;
    const TemporaryFile file(ops::format_layout(layout));
    const auto read = ops::load_layout(file.path());
    BOOST_REQUIRE(read);
    BOOST_TEST(read.value().clamd == layout.clamd);
    BOOST_TEST((read.value().scan_timeout == layout.scan_timeout));
    BOOST_TEST(read.value().message_size == layout.message_size);
}

BOOST_AUTO_TEST_CASE(refuses_what_does_not_hold_together) {
    const struct {
        const char* from;
        const char* to;
        const char* complaint;
    } cases[] = {
        {"peers: [mail2]", "peers: [mail1]", "cannot mirror to 'mail1'"},
        {"peers: [mail2]", "peers: [mail9]", "cannot mirror to 'mail9'"},
        {"storage_server: store1", "storage_server: store9", "'store9', which is not listed"},
        {"name: mail2", "name: mail1", "used twice"},
        {"name: mail2", "name: Mail_2", "is not of a-z"},
        {"address: 127.0.1.1", "address: mail1", "is not an IP address"},
        {"smtp_port: 2525", "smtp_port: 70000", "smtp_port"},
        {"ports: high", "ports: odd", "ports"},
        {"domain: ", "domian: ", "domian"},
    };

    for (const auto& c : cases) {
        const TemporaryFile file(replaced(default_text(), c.from, c.to));
        const auto read = ops::load_layout(file.path());
        BOOST_TEST_CONTEXT(c.to) {
            BOOST_REQUIRE(!read);
            BOOST_TEST(read.error().detail.find(c.complaint) != std::string::npos,
                       read.error().detail);
        }
    }
}
