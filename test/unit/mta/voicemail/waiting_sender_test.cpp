#include "mta/voicemail/waiting_sender.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <boost/test/unit_test.hpp>
#include <stdlib.h>

namespace {

namespace fs = std::filesystem;

struct Directory {
    Directory() {
        std::string pattern = (fs::temp_directory_path() / "waiting-XXXXXX").string();
        BOOST_REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        path = pattern;
    }

    ~Directory() { fs::remove_all(path); }

    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;

    [[nodiscard]] std::string script(const std::string& body) const {
        const fs::path file = path / "hook";
        std::ofstream(file) << "#!/bin/sh\n" << body;
        fs::permissions(file, fs::perms::owner_all);
        return file.string();
    }

    fs::path path;
};

mta::WaitingEvent event(mta::WaitingMethod method, const std::string& target) {
    return {1, method, target, "default", "1234", "alice@example.test", {3, 5, 1, 0}};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(voicemail_waiting_sender)

BOOST_AUTO_TEST_CASE(a_hook_gets_arguments_and_summary) {
    const Directory directory;
    const std::string out = (directory.path / "out").string();
    const std::string hook =
        directory.script("{ echo \"$@\"; cat; } > " + out + ".new && mv " + out + ".new " + out);
    const base::Status told =
        mta::tell_waiting(event(mta::WaitingMethod::Hook, hook), directory.path.string(), nullptr);
    BOOST_REQUIRE(static_cast<bool>(told));
    std::stringstream text;
    text << std::ifstream(out).rdbuf();
    BOOST_TEST(text.str() ==
               "1234@default 3 5 1\nMessages-Waiting: yes\r\n"
               "Message-Account: mailto:alice@example.test\r\nVoice-Message: 3/5 (1/0)\r\n");
}

BOOST_AUTO_TEST_CASE(a_hook_that_fails_has_not_told) {
    const Directory directory;
    const base::Status told =
        mta::tell_waiting(event(mta::WaitingMethod::Hook, directory.script("exit 3\n")),
                          directory.path.string(),
                          nullptr);
    BOOST_REQUIRE(!told);
    BOOST_TEST(told.error().detail.find("exit 3") != std::string::npos);
    BOOST_TEST(!mta::tell_waiting(
        event(mta::WaitingMethod::Hook, "/nonexistent/hook"), "/nonexistent", nullptr));
}

// The database says which hook, the machine which hooks there are.
BOOST_AUTO_TEST_CASE(a_hook_from_elsewhere_is_not_run) {
    const Directory directory;
    const std::string out = (directory.path / "out").string();
    const std::string hook = directory.script("echo > " + out + "\n");
    fs::create_directory(directory.path / "hooks");
    const std::string allowed = (directory.path / "hooks").string();
    for (const std::string& hooks : {std::string(), allowed, allowed + "/"}) {
        for (const std::string& target : {hook, allowed + "/../hook"}) {
            const base::Status told =
                mta::tell_waiting(event(mta::WaitingMethod::Hook, target), hooks, nullptr);
            BOOST_REQUIRE(!told);
            BOOST_TEST((told.error().code == base::Errc::Refused));
            BOOST_TEST(told.error().detail.find("waiting_hooks") != std::string::npos);
        }
    }
    BOOST_TEST(!fs::exists(out));
}

BOOST_AUTO_TEST_CASE(a_hook_ends_when_the_agent_does) {
    const Directory directory;
    const std::atomic<bool> stop{true};
    const base::Status told =
        mta::tell_waiting(event(mta::WaitingMethod::Hook, directory.script("exec sleep 60\n")),
                          directory.path.string(),
                          &stop);
    BOOST_REQUIRE(!told);
    BOOST_TEST((told.error().code == base::Errc::Cancelled));
}

BOOST_AUTO_TEST_CASE(a_webhook_that_is_away_has_not_been_told) {
    BOOST_TEST(
        !mta::tell_waiting(event(mta::WaitingMethod::Webhook, "http://127.0.0.1:1/"), "", nullptr));
    BOOST_TEST(
        !mta::tell_waiting(event(mta::WaitingMethod::Sip, "sip:x@pbx.example"), "", nullptr));
}

BOOST_AUTO_TEST_SUITE_END()
