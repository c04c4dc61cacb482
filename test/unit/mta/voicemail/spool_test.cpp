#include "mta/voicemail/spool.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <boost/test/unit_test.hpp>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "test/unit/mta/voicemail/sample_audio.h"

namespace {

namespace fs = std::filesystem;

// A spool of its own, gone with the test.
struct Spool {
    Spool() {
        std::string pattern = (fs::temp_directory_path() / "spool-test-XXXXXX").string();
        BOOST_REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        root = pattern;
    }

    ~Spool() { fs::remove_all(root); }

    Spool(const Spool&) = delete;
    Spool& operator=(const Spool&) = delete;

    void write(const std::string& name, const std::string& content) const {
        const fs::path path = root / name;
        fs::create_directories(path.parent_path());
        std::ofstream(path, std::ios::binary) << content;
    }

    // A message as Asterisk lays it out.
    void add(const std::string& folder, int number, const std::string& msg_id) const {
        char name[32];
        (void)std::snprintf(name, sizeof name, "/msg%04d", number);
        write(folder + name + std::string(".txt"),
              "[message]\norigtime=1795600800\ncallerid=\"A\" <1>\nduration=1\nmsg_id=" + msg_id +
                  "\n");
        write(folder + name + std::string(".wav"), test::wav(1000, 8000, msg_id.back()));
    }

    [[nodiscard]] mta::SpoolScan scan() const {
        const mta::SpoolFolders places = mta::spool_folders(root.string()).value();
        mta::SpoolScan all;
        all.skipped = places.skipped;
        for (const mta::SpoolItem& place : places.folders) {
            const mta::SpoolScan one = mta::scan_folder(place);
            all.items.insert(all.items.end(), one.items.begin(), one.items.end());
            all.skipped.insert(all.skipped.end(), one.skipped.begin(), one.skipped.end());
        }
        return all;
    }

    fs::path root;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(voicemail_spool)

BOOST_AUTO_TEST_CASE(finds_the_messages_of_every_mailbox) {
    const Spool spool;
    spool.add("default/1234/INBOX", 1, "b");
    spool.add("default/1234/INBOX", 0, "a");
    spool.add("default/1234/Old", 0, "c");
    spool.add("other/77/Urgent", 12345, "d");
    spool.write("default/1234/unavail.wav", "greeting");
    spool.write("default/1234/tmp/msg0000.txt", "[message]\nduration=1\n");
    spool.write("default/1234/Deleted/msg0000.txt", "[message]\nduration=1\n");
    spool.write("default/1234/INBOX/msg0002.wav", "no text yet");
    spool.write("default/1234/INBOX/msgintro0000.wav", "x");
    spool.write("default/1234/INBOX/msg-001.txt", "x");
    spool.write("default/1234/INBOX/msg1234567.txt", "x");
    const mta::SpoolScan scan = spool.scan();
    BOOST_REQUIRE(scan.items.size() == 4U);
    BOOST_TEST(scan.items[0].name() == "default/1234/INBOX/msg0000");
    BOOST_TEST(scan.items[1].name() == "default/1234/INBOX/msg0001");
    BOOST_TEST(scan.items[2].name() == "default/1234/Old/msg0000");
    BOOST_TEST(scan.items[3].name() == "other/77/Urgent/msg12345");
    BOOST_TEST(scan.skipped.empty());
    BOOST_TEST(mta::scan_spool(spool.root.string(), "77").value().items.size() == 1U);
    BOOST_TEST(mta::scan_spool(spool.root.string(), "..").value().items.empty());
    BOOST_TEST(mta::scan_spool(spool.root.string(), "a/b").value().items.empty());
    BOOST_TEST(mta::scan_spool(spool.root.string(), "9").value().items.empty());
}

BOOST_AUTO_TEST_CASE(reads_text_and_recording) {
    const Spool spool;
    spool.add("default/1234/INBOX", 3, "a");
    const auto message = mta::read_spool_message(spool.scan().items.at(0));
    BOOST_REQUIRE(message);
    BOOST_TEST(message.value().voice.number == 3);
    BOOST_TEST(message.value().voice.mailbox == "1234");
    BOOST_TEST(message.value().voice.info.value().duration_ms == 1000);
    BOOST_TEST(message.value().key ==
               mta::voicemail_key("default", "1234", message.value().voice.text));
}

BOOST_AUTO_TEST_CASE(the_key_outlives_renumbering_and_folders) {
    const Spool spool;
    spool.add("default/1234/INBOX", 3, "a");
    const std::string before = mta::read_spool_message(spool.scan().items.at(0)).value().key;
    fs::create_directories(spool.root / "default/1234/Old");
    for (const char* extension : {".txt", ".wav"}) {
        fs::rename(spool.root / ("default/1234/INBOX/msg0003" + std::string(extension)),
                   spool.root / ("default/1234/Old/msg0000" + std::string(extension)));
    }
    BOOST_TEST(mta::read_spool_message(spool.scan().items.at(0)).value().key == before);
}

BOOST_AUTO_TEST_CASE(leaves_a_locked_folder_alone) {
    const Spool spool;
    spool.add("default/1234/INBOX", 0, "a");
    const mta::SpoolItem item = spool.scan().items.at(0);
    spool.write("default/1234/INBOX/.lock", "");
    BOOST_TEST(spool.scan().items.empty());
    BOOST_TEST(spool.scan().skipped.size() == 1U);
    BOOST_TEST((mta::read_spool_message(item).error().code == base::Errc::Busy));
    BOOST_TEST((mta::read_spool_text(item).error().code == base::Errc::Busy));
    // Nobody holds a lock for an hour.
    fs::last_write_time(spool.root / "default/1234/INBOX/.lock",
                        fs::file_time_type::clock::now() - std::chrono::hours(1));
    BOOST_TEST(spool.scan().items.size() == 1U);
}

BOOST_AUTO_TEST_CASE(knows_the_other_lock_mode) {
    const Spool spool;
    spool.add("default/1234/INBOX", 0, "a");
    spool.write("default/1234/INBOX/lock", "");
    BOOST_TEST(spool.scan().items.size() == 1U);
    const base::Fd held(
        ::open((spool.root / "default/1234/INBOX/lock").c_str(), O_RDONLY | O_CLOEXEC));
    BOOST_REQUIRE(::flock(held.get(), LOCK_EX) == 0);
    BOOST_TEST(spool.scan().items.empty());
}

BOOST_AUTO_TEST_CASE(takes_the_recording_that_can_be_read) {
    const Spool spool;
    spool.add("default/1234/INBOX", 0, "a");
    spool.write("default/1234/INBOX/msg0000.gsm", test::gsm(100));
    BOOST_TEST(mta::read_spool_message(spool.scan().items.at(0)).value().voice.extension == "wav");
    spool.write("default/1234/INBOX/msg0000.wav", "broken");
    const auto other = mta::read_spool_message(spool.scan().items.at(0));
    BOOST_TEST(other.value().voice.extension == "gsm");
    BOOST_TEST(other.value().voice.info.value().duration_ms == 2000);
    fs::remove(spool.root / "default/1234/INBOX/msg0000.gsm");
    const auto broken = mta::read_spool_message(spool.scan().items.at(0));
    BOOST_TEST(broken.value().voice.audio == "broken");
    BOOST_TEST(!broken.value().voice.info);
    BOOST_TEST(broken.value().voice.duration_s().value() == 1);
    fs::remove(spool.root / "default/1234/INBOX/msg0000.wav");
    const auto none = mta::read_spool_message(spool.scan().items.at(0));
    BOOST_TEST((none.error().code == base::Errc::NotFound));
}

BOOST_AUTO_TEST_CASE(follows_no_links_and_opens_no_pipes) {
    const Spool spool;
    spool.add("default/1234/INBOX", 0, "a");
    fs::create_directory_symlink(spool.root / "default/1234", spool.root / "default/9999");
    fs::create_symlink("/etc/passwd", spool.root / "default/1234/INBOX/msg0001.txt");
    BOOST_TEST(spool.scan().items.size() == 1U);
    fs::remove(spool.root / "default/1234/INBOX/msg0000.wav");
    fs::create_symlink("/etc/passwd", spool.root / "default/1234/INBOX/msg0000.wav");
    BOOST_TEST(!mta::read_spool_message(spool.scan().items.at(0)));
    fs::remove(spool.root / "default/1234/INBOX/msg0000.wav");
    BOOST_REQUIRE(::mkfifo((spool.root / "default/1234/INBOX/msg0000.wav").c_str(), 0600) == 0);
    const auto pipe = mta::read_spool_message(spool.scan().items.at(0));
    BOOST_TEST((pipe.error().code == base::Errc::Corrupt));
}

BOOST_AUTO_TEST_CASE(the_folder_urgent_makes_urgent) {
    const Spool spool;
    spool.add("default/1234/Urgent", 0, "a");
    BOOST_TEST(mta::read_spool_message(spool.scan().items.at(0)).value().voice.text.is_urgent());
}

BOOST_AUTO_TEST_CASE(a_spool_that_is_not_there_is_an_error) {
    BOOST_TEST((mta::spool_folders("/nonexistent/voicemail").error().code == base::Errc::NotFound));
}

// One full folder takes nothing from those behind it.
BOOST_AUTO_TEST_CASE(the_limit_is_that_of_a_folder) {
    const Spool spool;
    const fs::path full = spool.root / "default/1000/INBOX";
    fs::create_directories(full);
    for (std::size_t n = 0; n <= mta::kSpoolMessagesMax; ++n) {
        std::ofstream(full / ("msg" + std::to_string(100'000 + n) + ".txt"));
    }
    spool.add("default/2000/INBOX", 0, "a");
    const mta::SpoolFolders places = mta::spool_folders(spool.root.string()).value();
    BOOST_REQUIRE(places.folders.size() == 2U);
    const mta::SpoolScan first = mta::scan_folder(places.folders[0]);
    BOOST_TEST(first.truncated);
    BOOST_TEST(first.items.size() == mta::kSpoolMessagesMax);
    const mta::SpoolScan second = mta::scan_folder(places.folders[1]);
    BOOST_TEST(!second.truncated);
    BOOST_TEST(second.items.size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
