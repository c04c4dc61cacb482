#include "base/file.h"

#include <cstdlib>
#include <filesystem>

#include <boost/test/unit_test.hpp>
#include <sys/stat.h>

using base::Errc;

namespace {

// A directory of its own for each case, gone afterwards.
struct Directory {
    std::string path = "/tmp/base_file_XXXXXX";

    Directory() { BOOST_REQUIRE(::mkdtemp(path.data()) != nullptr); }

    ~Directory() { std::filesystem::remove_all(path); }

    [[nodiscard]] std::string operator/(const std::string& name) const { return path + "/" + name; }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(file)

BOOST_AUTO_TEST_CASE(writes_and_reads_back) {
    const Directory directory;
    const std::string content = std::string("a\0b", 3) + std::string(100'000, 'x');
    BOOST_REQUIRE(base::write_file_atomic(directory / "f", content, 0640));
    auto read = base::read_file(directory / "f", content.size());
    BOOST_REQUIRE(read);
    BOOST_CHECK(read.value() == content);

    struct stat about {};

    BOOST_REQUIRE(::stat((directory / "f").c_str(), &about) == 0);
    BOOST_TEST((about.st_mode & 0777U) == 0640U);
}

BOOST_AUTO_TEST_CASE(replaces_whole_and_leaves_no_temporary_file) {
    const Directory directory;
    BOOST_REQUIRE(base::write_file_atomic(directory / "f", "old and long", 0600));
    BOOST_REQUIRE(base::write_file_atomic(directory / "f", "new", 0600));
    BOOST_TEST(base::read_file(directory / "f", 100).value() == "new");
    const std::filesystem::directory_iterator entries(directory.path);
    BOOST_TEST(std::distance(begin(entries), end(entries)) == 1);
}

BOOST_AUTO_TEST_CASE(writes_content_that_comes_in_pieces) {
    const Directory directory;
    const auto pieces = [](const base::FileSink& sink) -> base::Status {
        for (int i = 0; i < 3; ++i) {
            const base::Status written = sink(std::to_string(i) + "piece ");
            if (!written) {
                return written;
            }
        }
        return base::Done{};
    };
    BOOST_REQUIRE(base::write_file_atomic(directory / "f", pieces, 0600));
    BOOST_TEST(base::read_file(directory / "f", 100).value() == "0piece 1piece 2piece ");
    // Who fails half-way leaves the old file, and nothing else.
    const auto failing = [](const base::FileSink& sink) -> base::Status {
        (void)sink("half");
        return base::Error{Errc::Invalid, "no more"};
    };
    BOOST_TEST(
        (base::write_file_atomic(directory / "f", failing, 0600).error().code == Errc::Invalid));
    BOOST_TEST(base::read_file(directory / "f", 100).value() == "0piece 1piece 2piece ");
    const std::filesystem::directory_iterator entries(directory.path);
    BOOST_TEST(std::distance(begin(entries), end(entries)) == 1);
}

BOOST_AUTO_TEST_CASE(a_failed_write_keeps_the_old_file) {
    const Directory directory;
    // A directory in the way makes the rename fail, after the temporary file was written.
    BOOST_REQUIRE(base::ensure_dir(directory / "f/inside"));
    BOOST_TEST(!base::write_file_atomic(directory / "f", "new", 0600));
    BOOST_TEST(std::filesystem::is_directory(directory / "f/inside"));
    const std::filesystem::directory_iterator entries(directory.path);
    BOOST_TEST(std::distance(begin(entries), end(entries)) == 1);
}

BOOST_AUTO_TEST_CASE(refuses_files_over_the_limit) {
    const Directory directory;
    BOOST_REQUIRE(base::write_file_atomic(directory / "f", "12345", 0600));
    BOOST_TEST(base::read_file(directory / "f", 5).value() == "12345");
    auto over = base::read_file(directory / "f", 4);
    BOOST_REQUIRE(!over);
    BOOST_CHECK(over.error().code == Errc::TooLarge);
    auto missing = base::read_file(directory / "none", 4);
    BOOST_REQUIRE(!missing);
    BOOST_CHECK(missing.error().code == Errc::NotFound);
}

BOOST_AUTO_TEST_CASE(makes_directories_with_their_parents) {
    const Directory directory;
    BOOST_REQUIRE(base::ensure_dir(directory / "a/b/c"));
    BOOST_REQUIRE(base::ensure_dir(directory / "a/b/c/"));
    BOOST_TEST(std::filesystem::is_directory(directory / "a/b/c"));
    BOOST_REQUIRE(base::write_file_atomic(directory / "f", "", 0600));
    BOOST_TEST(!base::ensure_dir(directory / "f"));
    BOOST_TEST(!base::ensure_dir(directory / "f/a"));
}

BOOST_AUTO_TEST_CASE(a_lock_is_held_by_one_and_freed_with_it) {
    const Directory directory;
    {
        auto first = base::LockFile::acquire(directory / "lock");
        BOOST_REQUIRE(first);
        auto second = base::LockFile::acquire(directory / "lock");
        BOOST_REQUIRE(!second);
        BOOST_CHECK(second.error().code == Errc::Busy);
    }
    BOOST_TEST(bool(base::LockFile::acquire(directory / "lock")));
}

BOOST_AUTO_TEST_SUITE_END()
