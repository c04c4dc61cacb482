#include "mta/recipient.h"

#include <chrono>
#include <filesystem>
#include <map>
#include <string>

#include <boost/test/unit_test.hpp>

#include "base/file.h"
#include "base/random.h"

namespace {

using base::DnsRcode;
using base::Errc;
using namespace std::chrono_literals;

base::DnsReply reply(DnsRcode rcode, std::string text = {}) {
    base::DnsReply out;
    out.rcode = rcode;
    out.ttl = 60;
    if (!text.empty()) {
        out.texts.push_back(std::move(text));
    }
    return out;
}

// An internal view with settable answers and clocks.
struct View {
    std::map<std::string, base::DnsReply> names;
    base::DnsReply otherwise = reply(DnsRcode::NxDomain);
    bool away = false;
    int questions = 0;
    std::int64_t wall_us = 1'000'000'000'000;
    base::Instant monotonic{1'000s};

    void add(const std::string& address, const std::string& text) {
        names[mail::verification_name(mail::parse_mailbox(address).value()).value()] =
            reply(DnsRcode::NoError, text);
    }

    void pass(base::Duration span) {
        wall_us += std::chrono::duration_cast<std::chrono::microseconds>(span).count();
        monotonic += std::chrono::duration_cast<base::Instant::duration>(span);
    }

    mta::RecipientVerifier verifier(std::optional<mail::Address> postmaster = std::nullopt) {
        return {[this](std::string_view name, base::Deadline) -> base::Result<base::DnsReply> {
                    ++questions;
                    if (away) {
                        return base::Error{Errc::Timeout, "nobody answers"};
                    }
                    const auto found = names.find(std::string(name));
                    return found == names.end() ? otherwise : found->second;
                },
                std::move(postmaster),
                {[this] { return wall_us; }, [this] { return monotonic; }}};
    }
};

mail::Address address(const std::string& text) {
    return mail::parse_mailbox(text).value();
}

struct TemporaryDirectory {
    TemporaryDirectory()
        : path(std::filesystem::temp_directory_path() /
               ("mta-test-" + std::to_string(base::random_u64()))) {
        std::filesystem::create_directories(path);
    }

    ~TemporaryDirectory() { std::filesystem::remove_all(path); }

    std::filesystem::path path;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(recipient)

BOOST_AUTO_TEST_CASE(a_reply_is_an_account_or_a_clear_no) {
    const auto account = [](const std::string& text) {
        const auto got = mta::read_view_reply(reply(DnsRcode::NoError, text));
        return got ? got.value().account_id : -1;
    };
    BOOST_TEST(account("v=1 account=17 state=active") == 17);
    BOOST_TEST(account("v=1 account=17 state=disabled") == 17);
    BOOST_TEST(account("v=1 future=x account=17") == 17);
    for (const char* text : {"account=17 state=active",
                             "v=2 account=17",
                             "v=1",
                             "v=1 account=",
                             "v=1 account=x",
                             "v=1 account=0",
                             "v=1 account=-1",
                             "v=1 account=17x",
                             "v=1 account=99999999999999999999",
                             " "}) {
        BOOST_TEST_CONTEXT("text " << text) {
            BOOST_TEST(account(text) == -1);
        }
    }
    BOOST_TEST((mta::read_view_reply(reply(DnsRcode::NxDomain)).error().code == Errc::NotFound));
    BOOST_TEST((mta::read_view_reply(reply(DnsRcode::Refused)).error().code == Errc::Refused));
    for (const DnsRcode rcode :
         {DnsRcode::NoError, DnsRcode::ServFail, DnsRcode::FormErr, DnsRcode::NotImp}) {
        BOOST_TEST((mta::read_view_reply(reply(rcode)).error().code == Errc::Unavailable));
    }
}

BOOST_AUTO_TEST_CASE(the_view_decides) {
    View view;
    view.add("bob@example.org", "v=1 account=7 state=active");
    auto verifier = view.verifier();
    const auto bob = verifier.verify(address("Bob@EXAMPLE.org"));
    BOOST_REQUIRE(bob);
    BOOST_TEST(bob.value().account_id == 7);
    BOOST_TEST(bob.value().address == "Bob@EXAMPLE.org");
    BOOST_TEST((verifier.verify(address("eve@example.org")).error().code == Errc::NotFound));
    view.otherwise = reply(DnsRcode::Refused);
    BOOST_TEST((verifier.verify(address("x@other.example")).error().code == Errc::Refused));
}

BOOST_AUTO_TEST_CASE(address_literals_are_not_ours) {
    View view;
    auto verifier = view.verifier();
    BOOST_TEST((verifier.verify(address("bob@[192.0.2.1]")).error().code == Errc::Refused));
    BOOST_TEST(view.questions == 0);
}

BOOST_AUTO_TEST_CASE(a_fresh_verdict_is_not_asked_for_again) {
    View view;
    view.add("bob@example.org", "v=1 account=7 state=active");
    auto verifier = view.verifier();
    (void)verifier.verify(address("bob@example.org"));
    view.pass(900ms);
    BOOST_TEST(bool(verifier.verify(address("BOB@example.org"))));
    BOOST_TEST(view.questions == 1);
    view.pass(100ms);
    BOOST_TEST(bool(verifier.verify(address("bob@example.org"))));
    BOOST_TEST(view.questions == 2);
}

BOOST_AUTO_TEST_CASE(without_an_answer_a_verdict_of_a_day_counts) {
    View view;
    view.add("bob@example.org", "v=1 account=7 state=active");
    auto verifier = view.verifier();
    (void)verifier.verify(address("bob@example.org"));
    view.away = true;
    view.pass(23h);
    const auto cached = verifier.verify(address("bob@example.org"));
    BOOST_REQUIRE(cached);
    BOOST_TEST(cached.value().account_id == 7);
    BOOST_TEST((verifier.verify(address("eve@example.org")).error().code == Errc::Unavailable));
    view.pass(1h);
    BOOST_TEST((verifier.verify(address("bob@example.org")).error().code == Errc::Unavailable));
}

BOOST_AUTO_TEST_CASE(a_verdict_from_the_future_is_not_believed) {
    View view;
    view.add("bob@example.org", "v=1 account=7 state=active");
    auto verifier = view.verifier();
    (void)verifier.verify(address("bob@example.org"));
    view.away = true;
    view.wall_us -= 1;
    BOOST_TEST((verifier.verify(address("bob@example.org")).error().code == Errc::Unavailable));
}

BOOST_AUTO_TEST_CASE(a_no_removes_the_verdict) {
    View view;
    view.add("bob@example.org", "v=1 account=7 state=active");
    auto verifier = view.verifier();
    (void)verifier.verify(address("bob@example.org"));
    view.names.clear();
    view.pass(2s);
    BOOST_TEST((verifier.verify(address("bob@example.org")).error().code == Errc::NotFound));
    view.away = true;
    BOOST_TEST((verifier.verify(address("bob@example.org")).error().code == Errc::Unavailable));
    BOOST_TEST(verifier.cached() == 0U);
}

BOOST_AUTO_TEST_CASE(a_view_that_is_away_is_not_asked_for_each_recipient) {
    View view;
    view.away = true;
    auto verifier = view.verifier();
    for (int i = 0; i < 100; ++i) {
        BOOST_TEST(
            (verifier.verify(address("u" + std::to_string(i) + "@example.org")).error().code ==
             Errc::Unavailable));
    }
    BOOST_TEST(view.questions == 1);
    view.pass(1s);
    view.away = false;
    view.add("bob@example.org", "v=1 account=7 state=active");
    BOOST_TEST(bool(verifier.verify(address("bob@example.org"))));
    BOOST_TEST(view.questions == 2);
}

BOOST_AUTO_TEST_CASE(postmaster_is_always_there) {
    View view;
    view.add("admin@example.org", "v=1 account=3 state=active");
    view.add("postmaster@own.example", "v=1 account=4 state=active");
    auto verifier = view.verifier(address("admin@example.org"));
    const mail::Address bare{"PostMaster", ""};
    BOOST_TEST(verifier.verify(bare).value().account_id == 3);
    BOOST_TEST(verifier.verify(bare).value().address == "admin@example.org");
    BOOST_TEST(verifier.verify(address("postMASTER@example.org")).value().account_id == 3);
    BOOST_TEST(verifier.verify(address("postmaster@own.example")).value().account_id == 4);
    view.otherwise = reply(DnsRcode::Refused);
    BOOST_TEST(
        (verifier.verify(address("postmaster@other.example")).error().code == Errc::Refused));
}

BOOST_AUTO_TEST_CASE(without_a_configured_postmaster_the_view_decides) {
    View view;
    auto verifier = view.verifier();
    BOOST_TEST((verifier.verify(mail::Address{"postmaster", ""}).error().code == Errc::NotFound));
}

BOOST_AUTO_TEST_CASE(verdicts_survive_a_restart) {
    const TemporaryDirectory directory;
    const std::string path = directory.path / "recipient_cache.bin";
    View view;
    view.add("bob@example.org", "v=1 account=7 state=active");
    {
        auto verifier = view.verifier();
        BOOST_TEST(bool(verifier.load(path)));
        (void)verifier.verify(address("bob@example.org"));
        BOOST_TEST(bool(verifier.save(path)));
    }
    view.away = true;
    auto verifier = view.verifier();
    BOOST_TEST(bool(verifier.load(path)));
    BOOST_TEST(verifier.verify(address("bob@example.org")).value().account_id == 7);
}

BOOST_AUTO_TEST_CASE(a_damaged_file_is_reported_and_not_believed) {
    const TemporaryDirectory directory;
    const std::string path = directory.path / "recipient_cache.bin";
    BOOST_REQUIRE(bool(base::write_file_atomic(path, "RTRECIP1 but not really", 0600)));
    View view;
    auto verifier = view.verifier();
    BOOST_TEST((verifier.load(path).error().code == Errc::Corrupt));
    BOOST_TEST(verifier.cached() == 0U);
}

BOOST_AUTO_TEST_CASE(an_unchanged_cache_is_not_written_again) {
    const TemporaryDirectory directory;
    const std::string path = directory.path / "recipient_cache.bin";
    View view;
    view.add("bob@example.org", "v=1 account=7 state=active");
    auto verifier = view.verifier();
    (void)verifier.verify(address("bob@example.org"));
    BOOST_REQUIRE(bool(verifier.save(path)));
    std::filesystem::remove(path);
    BOOST_TEST(bool(verifier.save(path)));
    BOOST_TEST(!std::filesystem::exists(path));
    view.pass(2s);
    (void)verifier.verify(address("bob@example.org"));
    BOOST_TEST(!verifier.save("/nonexistent/x"));
    BOOST_TEST(bool(verifier.save(path)));
    BOOST_TEST(std::filesystem::exists(path));
}

BOOST_AUTO_TEST_SUITE_END()
