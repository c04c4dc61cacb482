#include "base/check.h"

#include <csignal>
#include <string>

#include <boost/test/unit_test.hpp>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

struct Ended {
    int status = 0;
    std::string said;
};

// Runs CHECK(number == 1) in a child, which may die of it.
Ended checked(int number) {
    int ends[2] = {-1, -1};
    BOOST_REQUIRE(::pipe(ends) == 0);
    const pid_t child = ::fork();
    BOOST_REQUIRE(child >= 0);
    if (child == 0) {
        const rlimit no_core{0, 0};
        (void)::setrlimit(RLIMIT_CORE, &no_core);
        (void)::signal(SIGABRT, SIG_DFL);
        (void)::dup2(ends[1], STDERR_FILENO);
        CHECK(number == 1);
        ::_exit(0);
    }
    ::close(ends[1]);
    Ended ended;
    char buffer[512];
    for (ssize_t size = 0; (size = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
        ended.said.append(buffer, static_cast<std::size_t>(size));
    }
    ::close(ends[0]);
    BOOST_REQUIRE(::waitpid(child, &ended.status, 0) == child);
    return ended;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(check)

BOOST_AUTO_TEST_CASE(a_promise_that_holds_costs_nothing) {
    const Ended ended = checked(1);
    BOOST_TEST(WIFEXITED(ended.status));
    BOOST_TEST(ended.said.empty());
}

BOOST_AUTO_TEST_CASE(a_broken_promise_says_where_and_ends_the_process) {
    const Ended ended = checked(2);
    BOOST_REQUIRE(WIFSIGNALED(ended.status));
    BOOST_TEST(WTERMSIG(ended.status) == SIGABRT);
    BOOST_TEST(ended.said.find("check_test.cpp:") != std::string::npos);
    BOOST_TEST(ended.said.find("CHECK failed: number == 1") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
