// The service and the client of the ingest socket, over a real socket.

#include "mta/ingest/ingest_service.h"

#include <chrono>
#include <filesystem>

#include <boost/test/unit_test.hpp>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/worker_pool.h"
#include "mta/ingest/ingest_client.h"
#include "test/support/loop_runner.h"
#include "test/unit/mta/session_world.h"

using base::Deadline;
using base::Errc;
using namespace std::chrono_literals;

namespace {

struct Service : mta::test::SessionWorld {
    explicit Service(base::Loop& loop)
        : path((std::filesystem::temp_directory_path() / ("ingest-" + std::to_string(::getpid())))
                   .string()) {
        auto made = mta::IngestService::create(
            loop, path, {parts, [](const std::string&, Deadline) {
                             return base::Result<std::optional<storage::KeyHolder>>(std::nullopt);
                         }});
        BOOST_REQUIRE(made);
        service = std::move(made).take_value();
    }

    ~Service() { service->drain(Deadline::after(5s)); }

    static mta::IngestRequest request() {
        mta::IngestRequest request;
        request.kind = mail::Kind::Voicemail;
        request.key = "k";
        request.recipients = {"bob@example.org"};
        request.message = "Subject: x\n\nbare\rends";
        return request;
    }

    // The client blocks: on a thread of its own.
    base::Result<mta::IngestReceipt> ask(mta::IngestRequest wanted) {
        return workers.run(
            [this, wanted] { return mta::ingest(path, wanted, Deadline::after(20s)); },
            Deadline::after(30s));
    }

    const std::string path;
    base::WorkerPool workers{"client", 1, 4};
    std::unique_ptr<mta::IngestService> service;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(ingest_service)

BOOST_AUTO_TEST_CASE(a_message_goes_through_with_line_ends_made_right) {
    test_support::run_in_fiber([](base::Loop& loop) {
        Service service(loop);
        struct stat found {};
        BOOST_REQUIRE(::stat(service.path.c_str(), &found) == 0);
        BOOST_TEST((found.st_mode & 0777U) == 0660U);
        const auto receipt = service.ask(Service::request());
        BOOST_REQUIRE(receipt);
        BOOST_TEST(receipt.value().copies == 2U);
        BOOST_TEST(!receipt.value().again);
        BOOST_REQUIRE(service.stored.size() == 1U);
        BOOST_TEST(service.stored[0].message.ends_with("Subject: x\r\n\r\nbare\r\nends\r\n"));
        BOOST_TEST((service.stored[0].kind == std::optional(mail::Kind::Voicemail)));
    });
}

BOOST_AUTO_TEST_CASE(large_messages_and_early_answers) {
    test_support::run_in_fiber([](base::Loop& loop) {
        Service service(loop);
        mta::IngestRequest request = Service::request();
        request.message = std::string(3'000'000, 'x');
        BOOST_TEST(bool(service.ask(request)));
        BOOST_TEST(service.stored.at(0).message.size() > 3'000'000U);
        // Answered while it is still being sent.
        request.recipients = {"eve@example.org"};
        const auto unknown = service.ask(request);
        BOOST_REQUIRE(!unknown);
        BOOST_TEST((unknown.error().code == Errc::NotFound));
        service.parts.engine.size_max_bytes = 1'000;
        const auto large = service.ask(request);
        BOOST_REQUIRE(!large);
        BOOST_TEST((large.error().code == Errc::TooLarge), large.error().detail);
        service.outcome = base::Error{Errc::Busy, "full"};
        const auto busy = service.ask(Service::request());
        BOOST_REQUIRE(!busy);
        BOOST_TEST(base::is_temporary(busy.error().code));
    });
}

BOOST_AUTO_TEST_CASE(nobody_there_is_try_again_and_nonsense_is_never) {
    mta::IngestRequest request = Service::request();
    const auto away = mta::ingest("/nonexistent/ingest", request, Deadline::after(1s));
    BOOST_REQUIRE(!away);
    BOOST_TEST((away.error().code == Errc::Unavailable));
    request.message = std::string("a\0b", 3);
    BOOST_TEST((mta::ingest("/x", request, Deadline::after(1s)).error().code == Errc::Invalid));
    request.message.clear();
    BOOST_TEST((mta::ingest("/x", request, Deadline::after(1s)).error().code == Errc::Invalid));
}

BOOST_AUTO_TEST_CASE(sessions_are_bounded) {
    test_support::run_in_fiber([](base::Loop& loop) {
        Service service(loop);
        std::vector<base::Fd> idle;
        for (std::size_t n = 0; n < mta::IngestService::kSessionsMax; ++n) {
            idle.push_back(base::connect_unix(service.path, Deadline::after(1s)).take_value());
            (void)base::sleep_until(Deadline::after(0ms));
        }
        while (service.service->sessions() < mta::IngestService::kSessionsMax) {
            BOOST_REQUIRE(base::sleep_until(Deadline::after(1ms)));
        }
        const auto turned_away = service.ask(Service::request());
        BOOST_REQUIRE(!turned_away);
        BOOST_TEST(turned_away.error().detail.find("too many sessions") != std::string::npos,
                   turned_away.error().detail);
        idle.clear();
        while (service.service->sessions() > 0) {
            BOOST_REQUIRE(base::sleep_until(Deadline::after(1ms)));
        }
        BOOST_TEST(bool(service.ask(Service::request())));
    });
}

BOOST_AUTO_TEST_SUITE_END()
