#include "base/config.h"

#include <boost/test/unit_test.hpp>

using base::Config;
using base::ConfigSection;
using base::Errc;
using base::Status;
using namespace std::chrono_literals;

namespace {

Config parse(std::string_view yaml) {
    auto parsed = Config::parse(yaml, "test.yaml");
    BOOST_REQUIRE_MESSAGE(bool(parsed), (parsed ? std::string() : parsed.error().detail));
    return std::move(parsed).take_value();
}

std::string parse_problem(std::string_view yaml) {
    auto parsed = Config::parse(yaml, "test.yaml");
    BOOST_REQUIRE(!parsed);
    BOOST_CHECK(parsed.error().code == Errc::Invalid);
    return parsed.error().detail;
}

std::string problem_of(const Config& config) {
    Status status = config.finish();
    return status ? std::string() : status.error().detail;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(config)

BOOST_AUTO_TEST_CASE(reads_every_kind_of_setting) {
    const Config config = parse(
        "host: mx1.example.org\n"
        "workers: 4\n"
        "degraded: yes\n"
        "lease: 10s\n"
        "buffer: 64MiB\n"
        "mode: load\n"
        "listen:\n"
        "  smtp: [\"127.0.0.1:25\", \"[::1]:25\"]\n"
        "  admin: 127.0.0.1:8080\n"
        "trusted: [10.0.0.0/8, \"::1\"]\n"
        "domains: example.org\n"
        "peers:\n"
        "  - name: a\n"
        "  - name: b\n");
    const ConfigSection root = config.root();
    BOOST_TEST(root.text("host") == "mx1.example.org");
    BOOST_TEST(root.integer("workers", 1, 64) == 4);
    BOOST_TEST(root.boolean("degraded", false));
    BOOST_CHECK(root.duration("lease") == 10s);
    BOOST_TEST(root.size("buffer") == 64U * 1024 * 1024);
    BOOST_TEST(root.choice("mode", {"turns", "load"}, 0) == 1U);
    const ConfigSection listen = root.section("listen");
    BOOST_REQUIRE(listen.endpoints("smtp").size() == 2U);
    BOOST_TEST(listen.endpoints("smtp")[1].to_text() == "[::1]:25");
    BOOST_TEST(listen.endpoint("admin").port() == 8080);
    BOOST_TEST(root.networks("trusted").size() == 2U);
    BOOST_TEST(root.texts("domains").at(0) == "example.org");
    const auto peers = root.sections("peers");
    BOOST_REQUIRE(peers.size() == 2U);
    BOOST_TEST(peers[0].text("name") == "a");
    BOOST_TEST(peers[1].text("name") == "b");
    BOOST_TEST(problem_of(config) == "");
    BOOST_TEST(listen.keys().at(1) == "admin");
}

BOOST_AUTO_TEST_CASE(missing_settings_take_their_defaults) {
    const Config config = parse("empty:\n");
    const ConfigSection root = config.root();
    BOOST_TEST(root.text("a", "x") == "x");
    BOOST_TEST(root.integer("b", 0, 9, 5) == 5);
    BOOST_TEST(!root.boolean("c", false));
    BOOST_CHECK(root.duration("d", 3s) == 3s);
    BOOST_TEST(root.size("e", 7) == 7U);
    BOOST_TEST(root.texts("f").empty());
    BOOST_TEST(root.sections("g").empty());
    BOOST_TEST(root.section("h").text("i", "y") == "y");
    BOOST_TEST(!root.has("empty"));
    BOOST_TEST(problem_of(config) == "");
    const Config nothing = parse("");
    BOOST_TEST(nothing.root().text("a", "x") == "x");
    BOOST_TEST(problem_of(nothing) == "");
}

BOOST_AUTO_TEST_CASE(an_unknown_key_is_an_error_with_its_place) {
    const Config config = parse("host: a\nlisten:\n  smtp: x\n  lisen: y\n");
    const ConfigSection root = config.root();
    (void)root.text("host");
    (void)root.section("listen").text("smtp");
    BOOST_TEST(problem_of(config) == "test.yaml:4:3: unknown key 'lisen'");
    const Config listed = parse("peers:\n  - name: a\n    nme: b\n");
    BOOST_TEST(listed.root().sections("peers").at(0).text("name") == "a");
    BOOST_TEST(problem_of(listed) == "test.yaml:3:5: unknown key 'nme'");
}

BOOST_AUTO_TEST_CASE(a_missing_required_setting_is_an_error) {
    const Config config = parse("a: 1\nlisten:\n  smtp: x\n");
    (void)config.root().text("a");
    (void)config.root().section("listen").text("smtp");
    (void)config.root().section("listen").endpoint("admin");
    BOOST_TEST(problem_of(config) == "test.yaml:3:3: missing 'listen.admin'");
    const Config bare = parse("a: 1\n");
    (void)bare.root().text("a");
    (void)bare.root().section("database").text("conninfo");
    BOOST_TEST(problem_of(bare) == "test.yaml:1:1: missing 'database.conninfo'");
}

BOOST_AUTO_TEST_CASE(the_first_problem_of_the_file_is_reported) {
    const Config config = parse("z: x\nb: 70000\na: -1\n");
    (void)config.root().integer("a", 0, 9);
    (void)config.root().integer("b", 0, 65535);
    BOOST_TEST(problem_of(config) == "test.yaml:1:1: unknown key 'z'");
    (void)config.root().text("z");
    BOOST_TEST(problem_of(config) == "test.yaml:2:4: 'b': expected a whole number from 0 to 65535");
    config.root().problem("z", "is not wanted");
    BOOST_TEST(problem_of(config) == "test.yaml:1:4: 'z': is not wanted");
}

BOOST_AUTO_TEST_CASE(a_missing_setting_is_shown_only_if_nothing_else_is_wrong) {
    const Config misspelt = parse("listen:\n  smtp: x\ndomian: y\n");
    (void)misspelt.root().section("listen").text("smtp");
    (void)misspelt.root().text("domain");
    BOOST_TEST(problem_of(misspelt) == "test.yaml:3:1: unknown key 'domian'");
    const Config wrong = parse("a: -1\n");
    (void)wrong.root().text("b");
    (void)wrong.root().integer("a", 0, 9);
    BOOST_TEST(problem_of(wrong) == "test.yaml:1:4: 'a': expected a whole number from 0 to 9");
}

BOOST_AUTO_TEST_CASE(what_a_caller_misses_is_shown_after_an_unknown_key) {
    const Config config = parse("lisen: 127.0.0.1:25\n");
    config.root().problem("listen", "needs at least one address");
    BOOST_TEST(problem_of(config) == "test.yaml:1:1: unknown key 'lisen'");
}

BOOST_AUTO_TEST_CASE(wrong_values_are_errors) {
    struct Case {
        const char* yaml;
        void (*read)(const ConfigSection&);
    };

    for (const Case& c : {
             Case{"k: 1x", [](const ConfigSection& s) { (void)s.integer("k", 0, 9); }},
             Case{"k: ", [](const ConfigSection& s) { (void)s.integer("k", 0, 9); }},
             Case{"k: 1.5", [](const ConfigSection& s) { (void)s.integer("k", 0, 9); }},
             Case{"k: [1]", [](const ConfigSection& s) { (void)s.integer("k", 0, 9); }},
             Case{"k: maybe", [](const ConfigSection& s) { (void)s.boolean("k", true); }},
             Case{"k: 10", [](const ConfigSection& s) { (void)s.duration("k"); }},
             Case{"k: 10 s", [](const ConfigSection& s) { (void)s.duration("k"); }},
             Case{"k: -1s", [](const ConfigSection& s) { (void)s.duration("k"); }},
             Case{"k: 9999999999d", [](const ConfigSection& s) { (void)s.duration("k"); }},
             Case{"k: 10mb", [](const ConfigSection& s) { (void)s.size("k"); }},
             Case{"k: 99999999999999TiB", [](const ConfigSection& s) { (void)s.size("k"); }},
             Case{"k: localhost:1", [](const ConfigSection& s) { (void)s.endpoint("k"); }},
             Case{"k: [1.2.3.4]", [](const ConfigSection& s) { (void)s.endpoints("k"); }},
             Case{"k: 1.2.3.4/40", [](const ConfigSection& s) { (void)s.networks("k"); }},
             Case{"k: c",
                  [](const ConfigSection& s) {
                      (void)s.choice("k", {"a", "b"}, 0);
                  }},
             Case{"k: {a: b}", [](const ConfigSection& s) { (void)s.texts("k"); }},
             Case{"k: [[a]]", [](const ConfigSection& s) { (void)s.texts("k"); }},
             Case{"k: a", [](const ConfigSection& s) { (void)s.section("k"); }},
             Case{"k: a", [](const ConfigSection& s) { (void)s.sections("k"); }},
             Case{"k: [a]", [](const ConfigSection& s) { (void)s.sections("k"); }},
             Case{"k: ''", [](const ConfigSection& s) { (void)s.text("k"); }},
         }) {
        const Config config = parse(c.yaml);
        c.read(config.root());
        BOOST_TEST(problem_of(config) != "", c.yaml);
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_yaml_names_its_place) {
    BOOST_TEST(parse_problem("a: [1\nb: 2\n").starts_with("test.yaml:"));
    BOOST_TEST(parse_problem("a: 1\n b: 2\n").starts_with("test.yaml:"));
    BOOST_TEST(parse_problem("- a\n") == "test.yaml:1:1: expected settings");
    BOOST_TEST(parse_problem("a: 1\n---\nb: 2\n").find("second document") != std::string::npos);
    const Config twice = parse("a: 1\na: 2\n");
    (void)twice.root().text("a");
    BOOST_TEST(problem_of(twice) == "test.yaml:2:1: key 'a' is there twice");
}

BOOST_AUTO_TEST_CASE(hostile_files_are_refused_in_bounds) {
    BOOST_TEST(parse_problem(std::string(100'000, '[')) != "");
    std::string nested = "a";
    for (int i = 0; i < 40; ++i) {
        nested = "{a: " + nested + "}";
    }
    BOOST_TEST(parse_problem(nested).find("nested") != std::string::npos);
    std::string laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
    for (int i = 1; i < 9; ++i) {
        const std::string ref = "*a" + std::to_string(i - 1);
        laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
        for (int j = 0; j < 9; ++j) {
            laughs += ref + ",";
        }
        laughs += ref + "]\n";
    }
    BOOST_TEST(parse_problem(laughs).find("too many") != std::string::npos);
    auto large = Config::parse(std::string(2'000'000, '#'), "test.yaml");
    BOOST_REQUIRE(!large);
    BOOST_CHECK(large.error().code == Errc::TooLarge);
    auto missing = Config::load("/nonexistent/x.yaml");
    BOOST_REQUIRE(!missing);
    BOOST_CHECK(missing.error().code == Errc::NotFound);
}

BOOST_AUTO_TEST_CASE(durations_and_sizes_have_units) {
    BOOST_CHECK(base::parse_duration("250ms").value() == 250ms);
    BOOST_CHECK(base::parse_duration("5m").value() == 5min);
    BOOST_CHECK(base::parse_duration("2h").value() == 2h);
    BOOST_CHECK(base::parse_duration("7d").value() == 168h);
    BOOST_CHECK(base::parse_duration("0").value() == 0s);
    BOOST_TEST(base::parse_size("512").value() == 512U);
    BOOST_TEST(base::parse_size("20MB").value() == 20'000'000U);
    BOOST_TEST(base::parse_size("2GiB").value() == 2'147'483'648U);
    BOOST_TEST(!base::parse_size(""));
    BOOST_TEST(!base::parse_duration("s"));
}

BOOST_AUTO_TEST_SUITE_END()
