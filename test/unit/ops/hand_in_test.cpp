#include "ops/hand_in.h"

#include <filesystem>
#include <fstream>

#include <boost/test/unit_test.hpp>
#include <unistd.h>

#include "base/unix_socket.h"
#include "test/support/loop_runner.h"

using base::Errc;

namespace {

class Place {
  public:
    Place()
        : root(std::filesystem::temp_directory_path() / ("hand-in-" + std::to_string(::getpid()))) {
        std::filesystem::create_directories(root);
    }

    ~Place() { std::filesystem::remove_all(root); }

    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    const std::filesystem::path root;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(hand_in)

BOOST_AUTO_TEST_CASE(attributes_are_words_with_an_equals_sign) {
    const auto attributes = ops::attributes_of({"pages=3", "called=a=b", "device="});
    BOOST_REQUIRE(attributes);
    BOOST_TEST(*attributes.value().find("called") == "a=b");
    BOOST_TEST(attributes.value().size() == 3U);
    for (const char* wrong : {"pages", "=3", "Pages=3", "pages=\n"}) {
        BOOST_TEST((ops::attributes_of({wrong}).error().code == Errc::Invalid), wrong);
    }
}

BOOST_AUTO_TEST_CASE(sockets_are_those_that_are_named_or_found) {
    const Place place;
    test_support::run_in_fiber([&](base::Loop& loop) {
        ops::CommandContext context;
        context.directory = place.root.string();
        ops::Arguments arguments;
        const auto none = ops::ingest_sockets(context, arguments);
        BOOST_REQUIRE(!none);
        BOOST_TEST(none.error().detail.find("--socket") != std::string::npos);
        std::vector<std::unique_ptr<base::UnixListener>> listeners;
        for (const char* name : {"mail2", "mail1"}) {
            const std::filesystem::path directory = place.root / "state" / name;
            std::filesystem::create_directories(directory);
            listeners.push_back(base::UnixListener::create(loop,
                                                           (directory / "ingest").string(),
                                                           0600,
                                                           1,
                                                           [](base::Fd, const base::UnixPeer&) {})
                                    .take_value());
        }
        std::filesystem::create_directories(place.root / "state" / "imap1" / "ingest");
        const auto found = ops::ingest_sockets(context, arguments);
        BOOST_REQUIRE(found);
        BOOST_REQUIRE(found.value().size() == 2U);
        BOOST_TEST(found.value()[0] == (place.root / "state/mail1/ingest").string());
        arguments.values["--socket"] = {"/a", "/b"};
        BOOST_TEST(ops::ingest_sockets(context, arguments).value().size() == 2U);
        BOOST_TEST(ops::ingest_sockets(context, arguments).value()[1] == "/b");
    });
}

BOOST_AUTO_TEST_CASE(nobody_there_is_to_be_tried_again_and_nonsense_is_not) {
    ops::CommandContext context;
    mta::IngestRequest request;
    request.recipients = {"a@example.org"};
    request.message = "x\n";
    BOOST_TEST((ops::hand_in(context, {"/nonexistent/a", "/nonexistent/b"}, request).error().code ==
                Errc::Unavailable));
    BOOST_TEST((context.failure_code == std::optional(ops::kExitTryAgain)));
    request.message.clear();
    BOOST_TEST(!ops::hand_in(context, {"/nonexistent/a"}, request));
    BOOST_TEST((context.failure_code == std::optional(ops::kExitNever)));
}

BOOST_AUTO_TEST_CASE(a_message_is_a_file) {
    const Place place;
    const std::string path = (place.root / "message").string();
    std::ofstream(path) << "Subject: x\n";
    BOOST_TEST(ops::read_message(path).value() == "Subject: x\n");
    BOOST_TEST((ops::read_message(path + "2").error().code == Errc::NotFound));
}

BOOST_AUTO_TEST_SUITE_END()
