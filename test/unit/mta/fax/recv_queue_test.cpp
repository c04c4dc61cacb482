#include "mta/fax/recv_queue.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>

#include <boost/test/unit_test.hpp>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"

namespace {

using base::Errc;

const std::string kLine =
    "11/25/26 22:49\tRECV\t000000012\tttyS0\trecvq/fax000000012.tif\t\tfax\t\"+49 40 123456\"\t"
    "\"+49 30 111\"\t15728640\t2\t0:01:05\t0:01:01\t\"\"\t\"+4930999\"\t\"Bob Caller\"\t"
    "\"+4940123456\"\t\"\"\t\"00 46 88 00\"";

struct Spool {
    std::string path;

    Spool() {
        std::string name = std::filesystem::temp_directory_path() / "roundtable-recvq-XXXXXX";
        path = ::mkdtemp(name.data());
        std::filesystem::create_directories(path + "/recvq");
        std::filesystem::create_directories(path + "/etc");
    }

    ~Spool() { std::filesystem::remove_all(path); }

    void write(const std::string& name, const std::string& octets) const {
        BOOST_REQUIRE(base::write_file_atomic(path + "/" + name, octets, 0600));
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(recv_queue)

BOOST_AUTO_TEST_CASE(reads_a_line_of_the_log) {
    const auto record = mta::parse_xferfaxlog_line(kLine);
    BOOST_REQUIRE(record);
    BOOST_TEST(record->file == "recvq/fax000000012.tif");
    BOOST_TEST(record->communication == "000000012");
    BOOST_TEST(record->device == "ttyS0");
    BOOST_TEST(record->called == "+49 40 123456");
    BOOST_TEST(record->sender_id == "+49 30 111");
    BOOST_TEST(record->duration_s.value() == 61);
    BOOST_TEST(record->reason == "");
    BOOST_REQUIRE_EQUAL(record->call_ids.size(), 3U);
    BOOST_TEST(record->call_ids[1] == "Bob Caller");
    mta::FaxCall call;
    call.caller = "known";
    mta::complete_from_log(call, *record);
    BOOST_TEST(call.caller == "known");
    BOOST_TEST(call.called == "+4940123456");
    BOOST_TEST(call.duration_s.value() == 61);
}

BOOST_AUTO_TEST_CASE(other_lines_are_none) {
    for (const std::string& line :
         {std::string(),
          std::string(
              "11/25/26 22:49\tSEND\t1\tttyS0\t12\ttag\tme\t\"1\"\t\"\"\t1\t2\t0:01\t0:01\t\"\""),
          std::string("11/25/26 22:49\tRECV\t1\tttyS0"),
          std::string("RECV"),
          std::string(20'000, '\t'),
          kLine.substr(20)}) {
        BOOST_TEST(!mta::parse_xferfaxlog_line(line));
    }
}

BOOST_AUTO_TEST_CASE(the_last_line_of_a_file_counts) {
    std::string later = kLine;
    later.replace(later.find("000000012"), 9, "000000099");
    const auto records = mta::parse_xferfaxlog("cut line\n" + kLine + "\n" + later + "\n\n");
    BOOST_REQUIRE_EQUAL(records.size(), 1U);
    BOOST_TEST(records.at("fax000000012.tif").communication == "000000099");
}

BOOST_AUTO_TEST_CASE(of_too_many_files_the_newest_are_taken) {
    const Spool spool;
    for (const char* number : {"3", "1", "5", "2", "4"}) {
        spool.write(std::string("recvq/fax00000000") + number + ".tif", number);
    }
    const auto queue = mta::list_recv_queue(spool.path, 3).value();
    BOOST_TEST(queue.left_out == 2U);
    BOOST_REQUIRE_EQUAL(queue.files.size(), 3U);
    BOOST_TEST(queue.files[0].name == "fax000000003.tif");
    BOOST_TEST(queue.files[2].name == "fax000000005.tif");
    BOOST_TEST(mta::list_recv_queue(spool.path, 5).value().left_out == 0U);
}

BOOST_AUTO_TEST_CASE(lists_faxes_and_nothing_else) {
    const Spool spool;
    spool.write("recvq/fax000000002.tif", "ab");
    spool.write("recvq/fax000000001.tif", "a");
    spool.write("recvq/seqf", "12");
    std::filesystem::create_symlink("/etc/passwd", spool.path + "/recvq/fax000000003.tif");
    std::filesystem::create_directory(spool.path + "/recvq/fax000000004.tif");
    const auto files = mta::list_recv_queue(spool.path).value().files;
    BOOST_REQUIRE_EQUAL(files.size(), 2U);
    BOOST_TEST(files[0].name == "fax000000001.tif");
    BOOST_TEST(files[1].size == 2U);
    BOOST_TEST((mta::list_recv_queue(spool.path + "/none").error().code == Errc::NotFound));
    BOOST_TEST(mta::read_xferfaxlog(spool.path).value().empty());
    spool.write("etc/xferfaxlog", kLine + "\n");
    BOOST_TEST(mta::read_xferfaxlog(spool.path).value().size() == 1U);
    std::filesystem::remove(spool.path + "/etc/xferfaxlog");
    std::filesystem::create_directories(spool.path + "/log");
    spool.write("log/xferfaxlog", kLine + "\n");
    BOOST_TEST(mta::read_xferfaxlog(spool.path).value().size() == 1U);
    spool.write("etc/xferfaxlog", "of long ago\n");
    const std::string old = spool.path + "/etc/xferfaxlog";
    std::filesystem::last_write_time(old,
                                     std::filesystem::last_write_time(old) - std::chrono::hours(1));
    BOOST_TEST(mta::read_xferfaxlog(spool.path).value().size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_being_received_is_busy) {
    const Spool spool;
    spool.write("recvq/fax1.tif", "abc");
    const std::string path = spool.path + "/recvq/fax1.tif";
    BOOST_TEST(mta::read_file_when_written(path).value().octets == "abc");
    {
        const base::Fd receiver(::open(path.c_str(), O_RDWR | O_CLOEXEC));
        BOOST_REQUIRE(::flock(receiver.get(), LOCK_EX) == 0);
        BOOST_TEST((mta::read_file_when_written(path).error().code == Errc::Busy));
    }
    BOOST_CHECK(static_cast<bool>(mta::read_file_when_written(path)));
    BOOST_TEST((mta::read_file_when_written(spool.path).error().code == Errc::Invalid));
    BOOST_TEST((mta::read_file_when_written(path + "x").error().code == Errc::NotFound));
}

BOOST_AUTO_TEST_SUITE_END()
