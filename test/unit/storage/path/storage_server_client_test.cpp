#include "storage/path/storage_server_client.h"

#include <csignal>

#include <boost/test/unit_test.hpp>
#include <sys/mount.h>
#include <unistd.h>

#include "test/unit/storage/path/loop_fixture.h"

using namespace storage;
using namespace storage_test;

namespace {

// One store with real helpers, healthy.
struct Store {
    TempDir dir;
    StorageServerClient client;

    explicit Store(base::Loop& loop, PathOptions options = quick_options())
        : client(loop, make_store(1, dir.path()), std::move(options)) {
        client.start();
        BOOST_REQUIRE(eventually([&] { return client.health().is_healthy(); }));
    }

    [[nodiscard]] pid_t helper() const { return client.helper_pids()[0]; }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(storage_server_client)

BOOST_AUTO_TEST_CASE(files_are_created_written_read_listed_and_removed) {
    run_in_fiber([](base::Loop& loop) {
        Store store(loop);
        const auto file = create(store.client, "segments/20261122/a.1.seg", "head");
        BOOST_REQUIRE(file);
        BOOST_REQUIRE(write(store.client, file.value(), 4, "body"));
        BOOST_TEST(read(store.client, "segments/20261122/a.1.seg", 2, 4).value() == "adbo");
        BOOST_CHECK(code_of(create(store.client, "segments/20261122/a.1.seg", "")) ==
                    base::Errc::Exists);
        BOOST_CHECK(code_of(read(store.client, "segments/20261122/a.1.seg", 4, 5)) ==
                    base::Errc::Corrupt);  // short
        BOOST_CHECK(code_of(read(store.client, "segments/20261122/none", 0, 5)) ==
                    base::Errc::NotFound);

        base::Completion<Listing> listed;
        store.client.list("segments/20261122",
                          "",
                          StorageServerClient::ListDetail::NamesSizesTimes,
                          in(5'000),
                          [listed](base::Result<Listing> r) { listed.fulfil(std::move(r)); });
        const auto listing = listed.await(in(10'000));
        BOOST_REQUIRE(listing);
        BOOST_REQUIRE(listing.value().entries.size() == 1U);
        BOOST_TEST(listing.value().entries[0].name == "a.1.seg");
        BOOST_TEST(listing.value().entries[0].size == 8U);
        BOOST_TEST(listing.value().complete);

        base::Completion<FileInfo> known;
        store.client.stat("segments/20261122/a.1.seg",
                          in(5'000),
                          [known](base::Result<FileInfo> r) { known.fulfil(std::move(r)); });
        BOOST_TEST(known.await(in(10'000)).value().size == 8U);

        store.client.close(file.value());
        BOOST_CHECK(code_of(write(store.client, file.value(), 8, "x")) == base::Errc::Unavailable);
        base::Completion<base::Done> removed;
        store.client.remove("segments/20261122/a.1.seg", in(5'000), [removed](base::Status s) {
            removed.fulfil(std::move(s));
        });
        BOOST_TEST(removed.await(in(10'000)).operator bool());
        BOOST_TEST(!std::filesystem::exists(store.dir / "segments/20261122/a.1.seg"));
    });
}

BOOST_AUTO_TEST_CASE(data_of_any_size_passes_through_the_slots) {
    run_in_fiber([](base::Loop& loop) {
        Store store(loop);
        std::string text(21U << 20U, '\0');
        for (std::size_t i = 0; i < text.size(); ++i) {
            text[i] = static_cast<char>(i * 2'654'435'761U >> 13U);
        }
        const auto file = create(store.client, "big", "");
        BOOST_REQUIRE(file);
        BOOST_REQUIRE(write(store.client, file.value(), 0, text));
        const auto back =
            read(store.client, "big", 0, static_cast<std::uint32_t>(text.size()), in(20'000));
        BOOST_REQUIRE(back);
        BOOST_CHECK(back.value() == text);
        BOOST_CHECK(read(store.client, "big", 3U << 20U, 5).value() == text.substr(3U << 20U, 5));
        BOOST_CHECK(code_of(read(store.client, "big", 0, (64U << 20U) + 1)) ==
                    base::Errc::TooLarge);
        BOOST_CHECK(code_of(create(store.client, "big2", text)) == base::Errc::TooLarge);
        BOOST_TEST(store.client.path_counters()[0].syncs >= 2U);
    });
}

BOOST_AUTO_TEST_CASE(paths_that_lead_elsewhere_are_refused) {
    run_in_fiber([](base::Loop& loop) {
        Store store(loop);
        BOOST_CHECK(code_of(create(store.client, "../x", "")) == base::Errc::Invalid);
        BOOST_CHECK(code_of(read(store.client, "/etc/passwd", 0, 1)) == base::Errc::Invalid);
    });
}

BOOST_AUTO_TEST_CASE(a_root_without_identity_is_out_until_it_has_one) {
    run_in_fiber([](base::Loop& loop) {
        TempDir dir;
        StorageServerConfig config = make_store(1, dir.path());
        std::filesystem::remove(dir / std::string(kIdentityFile));
        StorageServerClient client(loop, config, quick_options());
        int changes = 0;
        client.set_on_health_change([&] { ++changes; });
        BOOST_TEST(client.health().reason == "not probed yet");
        client.start();
        BOOST_REQUIRE(eventually(
            [&] { return client.health().reason.find("no identity") != std::string::npos; }));
        BOOST_CHECK(client.health().state == StoreState::Out);
        BOOST_CHECK(code_of(create(client, "a", "")) == base::Errc::Unavailable);
        BOOST_CHECK(code_of(read(client, "a", 0, 1)) == base::Errc::Unavailable);
        write_identity(dir.path(), store_id(2));
        BOOST_REQUIRE(eventually(
            [&] { return client.health().reason.find("another store") != std::string::npos; }));
        write_identity(dir.path(), store_id(1));
        BOOST_REQUIRE(eventually([&] { return client.health().is_healthy(); }));
        BOOST_REQUIRE(eventually([&] { return changes == 1; }));
        // It is unmounted again: nothing may be created in what is left.
        std::filesystem::remove(dir / std::string(kIdentityFile));
        BOOST_TEST(!create(client, "segments/x/a", ""));
        BOOST_TEST(!std::filesystem::exists(dir / "segments"));
        BOOST_REQUIRE(eventually([&] { return client.health().state == StoreState::Out; }));
    });
}

BOOST_AUTO_TEST_CASE(a_killed_helper_costs_its_requests_and_its_files_only) {
    run_in_fiber([](base::Loop& loop) {
        Store store(loop);
        const auto file = create(store.client, "a", "head");
        BOOST_REQUIRE(file);
        const pid_t before = store.helper();
        stop_process(before);
        base::Completion<base::Done> written;
        store.client.write(file.value(),
                           4,
                           bytes_of("lost or not"),
                           Durability::Sync,
                           in(10'000),
                           [written](base::Status s) { written.fulfil(std::move(s)); });
        BOOST_REQUIRE(::kill(before, SIGKILL) == 0);
        BOOST_CHECK(code_of(written.await(in(10'000))) == base::Errc::Unavailable);
        BOOST_TEST(!store.client.is_open(file.value()));
        BOOST_CHECK(code_of(write(store.client, file.value(), 4, "x")) == base::Errc::Unavailable);
        BOOST_REQUIRE(eventually([&] { return store.client.health().is_healthy(); }));
        BOOST_TEST(store.helper() != before);
        BOOST_TEST(read(store.client, "a", 0, 4).value() == "head");
        BOOST_TEST(store.client.path_counters()[0].helpers_lost == 1U);
    });
}

BOOST_AUTO_TEST_CASE(a_hung_helper_is_abandoned_and_replaced) {
    run_in_fiber([](base::Loop& loop) {
        Store store(loop);
        BOOST_REQUIRE(create(store.client, "a", "0123456789"));
        const pid_t before = store.helper();
        stop_process(before);
        const base::Instant start = base::monotonic_now();
        BOOST_CHECK(code_of(read(store.client, "a", 0, 4, in(150))) == base::Errc::Timeout);
        const base::Duration waited = base::monotonic_now() - start;
        BOOST_TEST(std::chrono::duration_cast<milliseconds>(waited).count() < 500);
        BOOST_CHECK(store.client.health().state == StoreState::Suspect);
        BOOST_CHECK(code_of(create(store.client, "b", "")) == base::Errc::Unavailable);
        BOOST_REQUIRE(eventually([&] { return store.client.health().is_healthy(); }));
        BOOST_TEST(store.helper() != before);
        BOOST_TEST(read(store.client, "a", 2, 4).value() == "2345");
        BOOST_TEST(store.client.path_counters()[0].helpers_abandoned == 1U);
        BOOST_REQUIRE(eventually([&] { return ::kill(before, 0) != 0; }));  // and reaped
    });
}

BOOST_AUTO_TEST_CASE(a_helper_that_was_only_slow_stays) {
    run_in_fiber([](base::Loop& loop) {
        PathOptions options = quick_options();
        options.hang_after = milliseconds(10'000);
        Store store(loop, options);
        BOOST_REQUIRE(create(store.client, "a", "0123456789"));
        const pid_t before = store.helper();
        stop_process(before);
        BOOST_CHECK(code_of(read(store.client, "a", 0, 4, in(60))) == base::Errc::Timeout);
        BOOST_CHECK(store.client.health().state == StoreState::Suspect);
        BOOST_REQUIRE(::kill(before, SIGCONT) == 0);
        BOOST_REQUIRE(eventually([&] { return store.client.health().is_healthy(); }));
        BOOST_TEST(store.helper() == before);
        BOOST_TEST(read(store.client, "a", 2, 4).value() == "2345");
    });
}

BOOST_AUTO_TEST_CASE(a_file_created_too_late_is_closed_again) {
    run_in_fiber([](base::Loop& loop) {
        PathOptions options = quick_options();
        options.hang_after = milliseconds(10'000);
        Store store(loop, options);
        const pid_t helper = store.helper();
        const auto open_files = [&] {
            std::size_t count = 0;
            for (const auto& entry :
                 std::filesystem::directory_iterator("/proc/" + std::to_string(helper) + "/fd")) {
                std::error_code gone;  // closed while we look
                count += std::filesystem::read_symlink(entry, gone) == store.dir / "late" ? 1U : 0U;
            }
            return count;
        };
        stop_process(helper);
        BOOST_CHECK(code_of(create(store.client, "late", "x", in(60))) == base::Errc::Timeout);
        BOOST_REQUIRE(::kill(helper, SIGCONT) == 0);
        BOOST_REQUIRE(eventually([&] { return std::filesystem::exists(store.dir / "late"); }));
        BOOST_REQUIRE(eventually([&] { return store.client.health().is_healthy(); }));
        BOOST_REQUIRE(eventually([&] { return open_files() == 0; }));
    });
}

BOOST_AUTO_TEST_CASE(reads_and_new_files_go_to_the_next_path) {
    run_in_fiber([](base::Loop& loop) {
        TempDir dir;
        TempDir links;
        StorageServerConfig config = make_store(1, dir.path());
        for (const char* name : {"p1", "p2"}) {
            std::filesystem::create_symlink(dir.path(), links / name);
        }
        config.paths = {{"p1", links / "p1"}, {"p2", links / "p2"}};
        StorageServerClient client(loop, config, quick_options());
        client.start();
        BOOST_REQUIRE(eventually([&] {
            const auto health = client.path_health();
            return health[0].is_healthy() && health[1].is_healthy();
        }));
        BOOST_TEST(client.health().path == "p1");
        BOOST_REQUIRE(create(client, "a", "0123"));
        BOOST_TEST(client.path_counters()[0].syncs == 1U);

        // The first path hangs: a read is answered by the second within its deadline.
        const pid_t first = client.helper_pids()[0];
        stop_process(first);
        BOOST_TEST(read(client, "a", 0, 4, in(400)).value() == "0123");
        BOOST_TEST(client.health().is_healthy());
        BOOST_TEST(client.health().path == "p2");
        BOOST_REQUIRE(create(client, "b", "4567"));
        BOOST_TEST(client.path_counters()[1].syncs == 1U);

        // It comes back, and is preferred again.
        BOOST_REQUIRE(eventually([&] { return client.path_health()[0].is_healthy(); }));
        BOOST_REQUIRE(create(client, "c", "89"));
        BOOST_TEST(client.path_counters()[0].syncs == 2U);
        // Both are gone.
        for (const char* name : {"p1", "p2"}) {
            std::filesystem::remove(links / name);
        }
        BOOST_REQUIRE(eventually([&] { return client.health().state == StoreState::Out; }));
        BOOST_CHECK(code_of(read(client, "a", 0, 4)) == base::Errc::Unavailable);
    });
}

BOOST_AUTO_TEST_CASE(a_full_disk_takes_the_store_out_and_it_can_still_be_read) {
    BOOST_REQUIRE_MESSAGE(::geteuid() == 0, "this test mounts a file system: run it as root");
    run_in_fiber([](base::Loop& loop) {
        TempDir dir;
        BOOST_REQUIRE(::mount("tmpfs", dir.path().c_str(), "tmpfs", 0, "size=512k") == 0);
        {
            StorageServerClient client(loop, make_store(1, dir.path()), quick_options());
            client.start();
            BOOST_REQUIRE(eventually([&] { return client.health().is_healthy(); }));
            const auto file = create(client, "a", "head");
            BOOST_REQUIRE(file);
            BOOST_CHECK(code_of(write(client, file.value(), 4, std::string(900U << 10U, 'x'))) ==
                        base::Errc::Io);
            BOOST_CHECK(client.health().state != StoreState::Healthy);
            BOOST_CHECK(code_of(write(client, file.value(), 4, "x")) == base::Errc::Unavailable);
            BOOST_REQUIRE(eventually([&] { return client.health().state == StoreState::Out; }));
            BOOST_TEST(client.health().reason.find("No space") != std::string::npos);
            BOOST_TEST(read(client, "a", 0, 4).value() == "head");
            std::filesystem::remove(dir / "a");
            BOOST_REQUIRE(eventually([&] { return client.health().is_healthy(); }));
        }
        BOOST_REQUIRE(::umount2(dir.path().c_str(), MNT_DETACH) == 0);
    });
}

BOOST_AUTO_TEST_CASE(too_little_free_space_takes_the_store_out) {
    run_in_fiber([](base::Loop& loop) {
        TempDir dir;
        PathOptions options = quick_options();
        options.free_bytes_min = UINT64_MAX;
        StorageServerClient client(loop, make_store(1, dir.path()), options);
        client.start();
        BOOST_REQUIRE(
            eventually([&] { return client.health().reason.find("full") != std::string::npos; }));
        BOOST_TEST(client.health().free_bytes > 0U);
        BOOST_CHECK(code_of(read(client, "none", 0, 4)) == base::Errc::NotFound);
    });
}

BOOST_AUTO_TEST_CASE(the_queue_is_bounded) {
    run_in_fiber([](base::Loop& loop) {
        PathOptions options = quick_options();
        options.requests_max = 50;
        Store store(loop, options);
        BOOST_REQUIRE(create(store.client, "a", "0123"));
        stop_process(store.helper());
        int busy = 0;
        int other = 0;
        for (int i = 0; i < 100; ++i) {
            store.client.read("a", 0, 4, in(200), [&](const base::Result<Bytes>& result) {
                ++(code_of(result) == base::Errc::Busy ? busy : other);
            });
        }
        BOOST_TEST(busy == 0);  // nothing is answered inside the call
        BOOST_REQUIRE(eventually([&] { return busy + other == 100; }));
        BOOST_TEST(busy >= 50);
        BOOST_TEST(busy <= 52);
    });
}

BOOST_AUTO_TEST_CASE(a_missing_helper_program_is_said) {
    run_in_fiber([](base::Loop& loop) {
        TempDir dir;
        PathOptions options = quick_options();
        options.helper_program = "/nonexistent/helper";
        StorageServerClient client(loop, make_store(1, dir.path()), options);
        client.start();
        BOOST_TEST(client.health().reason.find("helper") != std::string::npos);
        BOOST_CHECK(code_of(create(client, "a", "")) == base::Errc::Unavailable);
    });
}

BOOST_AUTO_TEST_CASE(a_destroyed_client_answers_nobody) {
    run_in_fiber([](base::Loop& loop) {
        bool answered = false;
        pid_t helper = 0;
        {
            Store store(loop);
            helper = store.helper();
            store.client.read(
                "a", 0, 4, in(1'000), [&](const base::Result<Bytes>&) { answered = true; });
            store.client.read(
                "../a", 0, 4, in(1'000), [&](const base::Result<Bytes>&) { answered = true; });
        }
        BOOST_REQUIRE(eventually([&] {
            (void)base::reap_abandoned();
            return ::kill(helper, 0) != 0;
        }));
        BOOST_TEST(!answered);
    });
}

BOOST_AUTO_TEST_CASE(a_file_whose_write_was_late_is_not_left_open_in_the_helper) {
    run_in_fiber([](base::Loop& loop) {
        Store store(loop);
        const auto files_open = [&] {
            std::size_t count = 0;
            for (const auto& entry : std::filesystem::directory_iterator(
                     "/proc/" + std::to_string(store.helper()) + "/fd")) {
                std::error_code closed;  // between the listing and this
                const auto target = std::filesystem::read_symlink(entry, closed);
                count += target.string().ends_with("/a") ? 1U : 0U;
            }
            return count;
        };
        const auto file = create(store.client, "a", "head");
        BOOST_REQUIRE(file);
        BOOST_TEST(files_open() == 1U);
        stop_process(store.helper());
        BOOST_CHECK(code_of(write(store.client, file.value(), 4, "late", in(100))) ==
                    base::Errc::Timeout);
        store.client.close(file.value());
        BOOST_REQUIRE(::kill(store.helper(), SIGCONT) == 0);
        BOOST_TEST(eventually([&] { return files_open() == 0U; }));
    });
}

BOOST_AUTO_TEST_SUITE_END()
