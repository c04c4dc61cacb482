#include "storage/path/helper_files.h"

#include <boost/test/unit_test.hpp>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/hash.h"
#include "test/unit/storage/path/temp_dir.h"
#include "test/unit/storage/segment/segment_fixture.h"

using namespace storage;
using namespace storage::helper;
using namespace storage_test;

namespace {

const StorageServerId kStore(uuid_of(3, 1));

struct Root {
    TempDir dir;
    RootFiles files{dir.path(), kStore.text()};

    Root() { write_identity(dir.path(), kStore); }
};

std::span<const std::byte> bytes_of(std::string_view text) {
    return base::as_bytes(text);
}

std::string read_text(RootFiles& files,
                      const std::string& path,
                      std::uint64_t at,
                      std::size_t size) {
    std::string text(size, '\0');
    const auto got = files.read(path, at, std::as_writable_bytes(std::span(text)));
    BOOST_REQUIRE(got);
    text.resize(got.value());
    return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(storage_helper_files)

BOOST_AUTO_TEST_CASE(a_root_without_our_identity_is_refused) {
    const TempDir bare;
    RootFiles files(bare.path(), kStore.text());
    BOOST_CHECK(files.probe().error().code == base::Errc::Refused);
    BOOST_CHECK(files.create(1, "segments/1/a", {}).error().code == base::Errc::Refused);
    BOOST_CHECK(files.probe_write("probe/x").error().code == base::Errc::Refused);
    BOOST_TEST(std::filesystem::is_empty(bare.path()));  // an unmounted mount point takes nothing

    write_identity(bare.path(), StorageServerId(uuid_of(3, 2)));
    BOOST_CHECK(files.probe().error().code == base::Errc::Refused);
    BOOST_CHECK(files.remove("roundtable-store").error().code == base::Errc::Refused);

    write_identity(bare.path(), kStore);
    BOOST_TEST(files.probe().operator bool());
    BOOST_TEST(files.probe().value().total > 0U);

    RootFiles nowhere("/nonexistent/root", kStore.text());
    // Not NotFound: a list would then say that nothing is there.
    BOOST_CHECK(nowhere.probe().error().code == base::Errc::Refused);
    BOOST_CHECK(nowhere.list("segments", "", Flag::None).error().code == base::Errc::Refused);
}

BOOST_AUTO_TEST_CASE(files_are_made_once_and_written_where_asked) {
    Root root;
    BOOST_REQUIRE(root.files.create(7, "segments/20261122/a.1.seg", bytes_of("head")));
    BOOST_REQUIRE(root.files.write(7, 4, bytes_of("body"), Flag::Sync));
    BOOST_TEST(file_text(root.dir / "segments/20261122/a.1.seg") == "headbody");
    BOOST_CHECK(root.files.create(8, "segments/20261122/a.1.seg", {}).error().code ==
                base::Errc::Exists);
    BOOST_REQUIRE(root.files.close(7));
    BOOST_CHECK(root.files.write(7, 8, bytes_of("x"), Flag::Sync).error().code ==
                base::Errc::Unavailable);
    BOOST_CHECK(root.files.sync(7).error().code == base::Errc::Unavailable);
}

BOOST_AUTO_TEST_CASE(nothing_outside_the_root_is_touched) {
    Root root;
    const TempDir other;
    for (const std::string& path :
         {std::string("../x"), other.path() + "/x", std::string("a/../b")}) {
        BOOST_CHECK(root.files.create(1, path, {}).error().code == base::Errc::Invalid);
        BOOST_CHECK(root.files.remove(path).error().code == base::Errc::Invalid);
        BOOST_CHECK(root.files.stat(path).error().code == base::Errc::Invalid);
        BOOST_CHECK(root.files.list(path, "", Flag::None).error().code == base::Errc::Invalid);
        std::array<std::byte, 1> out{};
        BOOST_CHECK(root.files.read(path, 0, out).error().code == base::Errc::Invalid);
    }
}

BOOST_AUTO_TEST_CASE(reads_open_afresh_and_stop_at_the_end) {
    Root root;
    BOOST_REQUIRE(root.files.create(1, "a", bytes_of("0123456789")));
    BOOST_TEST(read_text(root.files, "a", 3, 4) == "3456");
    BOOST_TEST(read_text(root.files, "a", 8, 4) == "89");
    BOOST_TEST(read_text(root.files, "a", 50, 4).empty());
    std::filesystem::remove(root.dir / "a");
    std::array<std::byte, 1> out{};
    BOOST_CHECK(root.files.read("a", 0, out).error().code == base::Errc::NotFound);
}

BOOST_AUTO_TEST_CASE(folders_are_listed_in_pages_by_name) {
    Root root;
    std::filesystem::create_directory(root.dir / "d");
    std::filesystem::create_directory(root.dir / "d/.hidden");
    const std::size_t count = kListMax + 10;
    for (std::size_t i = 0; i < count; ++i) {
        std::ofstream(root.dir / ("d/f" + std::to_string(100'000 + (i * 7'919) % count))) << "x";
    }
    const auto first = root.files.list("d", "", Flag::None);
    BOOST_REQUIRE(first);
    BOOST_TEST(first.value().entries.size() == kListMax);
    BOOST_TEST(!first.value().complete);
    BOOST_TEST(first.value().entries.front().name == "f100000");
    const auto second = root.files.list("d", first.value().entries.back().name, Flag::Detail);
    BOOST_REQUIRE(second);
    BOOST_TEST(second.value().entries.size() == 10U);
    BOOST_TEST(second.value().complete);
    BOOST_TEST(second.value().entries.back().size == 1U);
    const auto top = root.files.list("", "", Flag::Detail);
    BOOST_REQUIRE(top);
    BOOST_TEST(top.value().entries.size() == 2U);
    BOOST_TEST(top.value().entries[0].is_folder);
    BOOST_CHECK(root.files.list("none", "", Flag::None).error().code == base::Errc::NotFound);
}

BOOST_AUTO_TEST_CASE(stat_and_remove) {
    Root root;
    BOOST_REQUIRE(root.files.create(1, "x/a", bytes_of("12345")));
    const auto info = root.files.stat("x/a");
    BOOST_REQUIRE(info);
    BOOST_TEST(info.value().size == 5U);
    BOOST_TEST(info.value().name == "a");
    BOOST_TEST(info.value().modified_s > 1'700'000'000);
    BOOST_REQUIRE(root.files.remove("x/a"));
    BOOST_CHECK(root.files.remove("x/a").error().code == base::Errc::NotFound);
    BOOST_CHECK(root.files.stat("x/a").error().code == base::Errc::NotFound);
}

BOOST_AUTO_TEST_CASE(a_write_probe_leaves_nothing_and_sweeps_old_probes) {
    Root root;
    std::filesystem::create_directory(root.dir / "probe");
    std::ofstream(root.dir / "probe/old") << "x";
    std::ofstream(root.dir / "probe/young") << "x";
    const timeval long_ago[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
    BOOST_REQUIRE(::utimes((root.dir / "probe/old").c_str(), long_ago) == 0);
    BOOST_REQUIRE(root.files.probe_write("probe/mine"));
    BOOST_TEST(!std::filesystem::exists(root.dir / "probe/mine"));
    BOOST_TEST(!std::filesystem::exists(root.dir / "probe/old"));
    BOOST_TEST(std::filesystem::exists(root.dir / "probe/young"));
}

BOOST_AUTO_TEST_CASE(a_full_disk_is_an_error_and_ends_the_file) {
    BOOST_REQUIRE_MESSAGE(::geteuid() == 0, "this test mounts a file system: run it as root");
    Root outer;
    const std::string mount_point = outer.dir / "full";
    std::filesystem::create_directory(mount_point);
    BOOST_REQUIRE(::mount("tmpfs", mount_point.c_str(), "tmpfs", 0, "size=256k") == 0);
    write_identity(mount_point, kStore);
    RootFiles files(mount_point, kStore.text());
    BOOST_REQUIRE(files.create(1, "segments/d/a", bytes_of("head")));
    const std::string much(1U << 20U, 'x');
    const auto written = files.write(1, 4, bytes_of(much), Flag::Sync);
    BOOST_TEST(!written);
    BOOST_CHECK(written.error().code == base::Errc::Io);
    BOOST_TEST(written.error().detail.find("No space") != std::string::npos);
    // Nothing is ever written to it again, although a small write would fit.
    BOOST_CHECK(files.write(1, 4, bytes_of("y"), Flag::Sync).error().code ==
                base::Errc::Unavailable);
    BOOST_TEST(files.probe().value().free < (256U << 10U));
    BOOST_REQUIRE(::umount2(mount_point.c_str(), MNT_DETACH) == 0);
    // The mount is gone, its mount point is there: it takes no mail.
    BOOST_CHECK(files.create(2, "segments/d/b", {}).error().code == base::Errc::Refused);
}

BOOST_AUTO_TEST_SUITE_END()
