#include "mta/fax/hylafax_job.h"

#include <cstdlib>
#include <filesystem>
#include <string>

#include <boost/test/unit_test.hpp>

#include "base/file.h"

namespace {

std::string job(int id, const std::string& tag, int state, const std::string& status) {
    return "tts:0\nkilltime:1795740000\nretrytime:0\nstate:" + std::to_string(state) +
           "\nnpages:2\njobid:" + std::to_string(id) +
           "\nexternal:+4930\nnumber:+4930\njobtag:" + tag + "\nstatus:" + status + "\nmodem:any\n";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(hylafax_job)

BOOST_AUTO_TEST_CASE(reads_a_file_of_the_queue) {
    const auto read = mta::parse_hylafax_job(job(12, "fax-out/abc", 7, "ok: all sent")).value();
    BOOST_TEST(read.id == 12);
    BOOST_TEST(read.tag == "fax-out/abc");
    BOOST_TEST(read.number == "+4930");
    BOOST_TEST(read.pages == 2);
    BOOST_TEST((read.state == mta::HylafaxState::Done));
    BOOST_TEST(read.status == "ok: all sent");
    BOOST_TEST(
        (mta::parse_hylafax_job(job(1, "", 8, "")).value().state == mta::HylafaxState::Failed));
    BOOST_TEST(
        (mta::parse_hylafax_job(job(1, "", 3, "")).value().state == mta::HylafaxState::Waiting));
    BOOST_TEST(
        (mta::parse_hylafax_job(job(1, "", 6, "")).value().state == mta::HylafaxState::Active));
    for (const char* wrong : {"", "jobid:\n", "jobid:x\n", "no colon\n", "jobid:-4"}) {
        BOOST_TEST(!mta::parse_hylafax_job(wrong));
    }
}

BOOST_AUTO_TEST_CASE(finds_a_job_by_its_tag_waiting_done_or_gone) {
    std::string name = std::filesystem::temp_directory_path() / "roundtable-sendq-XXXXXX";
    const std::string spool = ::mkdtemp(name.data());
    BOOST_TEST(!mta::HylafaxQueue::read(spool));
    std::filesystem::create_directories(spool + "/sendq");
    std::filesystem::create_directories(spool + "/doneq");
    std::filesystem::create_directories(spool + "/etc");
    const auto write = [&](const std::string& file, const std::string& text) {
        BOOST_REQUIRE(base::write_file_atomic(spool + file, text, 0600));
    };
    write("/sendq/q1", job(1, "fax-out/a", 3, ""));
    write("/doneq/q2", job(2, "fax-out/b", 7, ""));
    write("/doneq/seqf", job(3, "fax-out/b", 8, ""));
    write("/doneq/q4", job(4, "somebody else's", 8, ""));
    // faxqclean has taken c, d and e away; a has failed once and is tried again.
    const auto line =
        [](const std::string& kind, int id, const std::string& tag, const std::string& reason) {
            return "11/25/26 22:49\t" + kind + "\t000000007\tttyS1\t" + std::to_string(id) +
                   "\t\"" + tag + "\"\ta@b.c\t\"4930\"\t\"csi\"\t1\t1\t0:01\t0:01\t\"" + reason +
                   "\"\t\"\"\t\"\"\t\"\"\t\"\"\t\"\"\n";
        };
    write("/etc/xferfaxlog",
          line("SEND", 1, "fax-out/a", "Busy") + line("SEND", 5, "fax-out/c", "Busy") +
              line("SEND", 5, "fax-out/c", "") + line("UNSENT", 6, "fax-out/d", "Kill time") +
              line("RECV", 7, "fax-out/e", "") + "SEND\t\n");
    const auto queue = mta::HylafaxQueue::read(spool).value();
    BOOST_TEST(queue.find("fax-out/a")->id == 1);
    BOOST_TEST(queue.find("fax-out/a")->status.empty());
    BOOST_TEST(queue.find("fax-out/b")->id == 2);
    BOOST_TEST((queue.find("fax-out/c")->state == mta::HylafaxState::Done));
    BOOST_TEST(queue.find("fax-out/c")->id == 5);
    BOOST_TEST((queue.find("fax-out/d")->state == mta::HylafaxState::Waiting));
    BOOST_TEST(queue.find("fax-out/d")->status == "Kill time");
    BOOST_TEST(!queue.find("fax-out/e"));
    BOOST_TEST(!queue.find("somebody else's"));
    std::filesystem::remove_all(spool);
}

BOOST_AUTO_TEST_CASE(reads_what_sendfax_prints) {
    BOOST_TEST(mta::parse_request_id("request id is 12 (group id 12) for host localhost (1 file)\n")
                   .value() == 12);
    BOOST_TEST(!mta::parse_request_id("sendfax: error"));
    BOOST_TEST(!mta::parse_request_id("request id is x"));
}

BOOST_AUTO_TEST_SUITE_END()
