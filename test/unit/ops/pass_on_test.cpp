#include "ops/pass_on.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <boost/test/unit_test.hpp>
#include <unistd.h>

using base::Errc;

namespace {

// A program that writes down its arguments and what it reads.
class Program {
  public:
    explicit Program(const std::string& more = "") {
        std::filesystem::create_directories(root);
        std::ofstream(path()) << "#!/bin/sh\nprintf '[%s]' \"$@\" > " << told().string()
                              << "\ncat >> " << told().string() << "\n"
                              << more;
        std::filesystem::permissions(path(), std::filesystem::perms::owner_all);
    }

    ~Program() { std::filesystem::remove_all(root); }

    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    [[nodiscard]] std::string path() const { return (root / "program").string(); }

    [[nodiscard]] std::filesystem::path told() const { return root / "told"; }

    [[nodiscard]] std::string text() const {
        std::stringstream text;
        text << std::ifstream(told()).rdbuf();
        return text.str();
    }

  private:
    const std::filesystem::path root =
        std::filesystem::temp_directory_path() / ("pass-on-" + std::to_string(::getpid()));
};

}  // namespace

BOOST_AUTO_TEST_SUITE(pass_on)

BOOST_AUTO_TEST_CASE(a_program_is_a_path_and_words) {
    const auto words = ops::program_words(" /usr/sbin/sendmail  -i -f x@y ");
    BOOST_REQUIRE(words);
    BOOST_TEST(
        (words.value() == std::vector<std::string>{"/usr/sbin/sendmail", "-i", "-f", "x@y"}));
    for (const char* wrong : {"", " ", "sendmail", "-i /usr/sbin/sendmail"}) {
        BOOST_TEST((ops::program_words(wrong).error().code == Errc::Invalid), wrong);
    }
}

BOOST_AUTO_TEST_CASE(it_gets_message_and_recipients_and_no_shell_looks_at_them) {
    const Program program;
    std::string message = "Subject: x\r\n\r\n$(id)\r\na\rb\r\n";
    message.append(200'000, 'x');
    BOOST_REQUIRE(ops::pass_on({program.path(), "-i"}, message, {"a@b.test", "$(id);x@b.test"}));
    BOOST_TEST(program.text() == "[-i][a@b.test][$(id);x@b.test]Subject: x\n\n$(id)\na\rb\n" +
                                     std::string(200'000, 'x'));
}

BOOST_AUTO_TEST_CASE(what_did_not_work_is_said) {
    const Program program("exit 3\n");
    const auto failed = ops::pass_on({program.path()}, "x", {"a@b.test"});
    BOOST_REQUIRE(!failed);
    BOOST_TEST((failed.error().code == Errc::Unavailable));
    BOOST_TEST(failed.error().detail.find("exit 3") != std::string::npos, failed.error().detail);
    BOOST_TEST((ops::pass_on({"/nonexistent/program"}, "x", {"a@b.test"}).error().code ==
                Errc::Unavailable));
    BOOST_TEST((ops::pass_on({program.path()}, "x", {"-oQ/tmp"}).error().code == Errc::Refused));
}

BOOST_AUTO_TEST_SUITE_END()
