#include "mta/voicemail/spool_match.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <boost/test/unit_test.hpp>
#include <stdlib.h>

#include "test/unit/mta/voicemail/sample_audio.h"

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kLeftAt = 1795600800;
constexpr std::int64_t kNowUs = (kLeftAt + 60) * 1'000'000;

// A spool with messages in two contexts that have a mailbox 1234.
struct Spool {
    Spool() {
        std::string pattern = (fs::temp_directory_path() / "spool-match-XXXXXX").string();
        BOOST_REQUIRE(::mkdtemp(pattern.data()) != nullptr);
        root = pattern;
    }

    ~Spool() { fs::remove_all(root); }

    Spool(const Spool&) = delete;
    Spool& operator=(const Spool&) = delete;

    void add(const std::string& name, const std::string& msg_id, const std::string& audio) const {
        const fs::path path = root / name;
        fs::create_directories(path.parent_path());
        std::ofstream(path.string() + ".txt")
            << "[message]\norigtime=" << kLeftAt
            << "\ncallerid=\"A\" <77>\nduration=1\nmsg_id=" << msg_id << "\n";
        std::ofstream(path.string() + ".wav", std::ios::binary) << audio;
    }

    [[nodiscard]] base::Result<std::optional<mta::SpoolMessage>> find(
        const mta::MailcmdMessage& mailcmd, std::int64_t now_us = kNowUs) const {
        return mta::find_in_spool(root.string(), mailcmd, now_us);
    }

    fs::path root;
};

mta::MailcmdMessage email(const std::string& audio) {
    mta::MailcmdMessage out;
    out.mailbox = "1234";
    out.number = 0;
    out.audio = audio;
    out.text.callerid = "\"A\" <77>";
    out.date_s = kLeftAt + 5;
    return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(voicemail_spool_match)

BOOST_AUTO_TEST_CASE(the_recording_decides) {
    const Spool spool;
    spool.add("default/1234/INBOX/msg0000", "a", test::wav(100, 8000, 1));
    spool.add("default/1234/Old/msg0007", "b", test::wav(100, 8000, 2));
    spool.add("other/1234/INBOX/msg0000", "c", test::wav(100, 8000, 3));
    BOOST_TEST(spool.find(email(test::wav(100, 8000, 2))).value()->voice.text.msg_id == "b");
    const auto other = spool.find(email(test::wav(100, 8000, 3)));
    BOOST_TEST(other.value()->voice.context == "other");
}

// The first format is attached, another one is taken from the spool.
BOOST_AUTO_TEST_CASE(any_recording_of_a_message_counts) {
    const Spool spool;
    spool.add("default/1234/INBOX/msg0003", "a", test::wav(100, 8000, 1));
    std::ofstream(spool.root / "default/1234/INBOX/msg0003.gsm") << test::gsm(5);
    BOOST_TEST(spool.find(email(test::gsm(5))).value()->voice.text.msg_id == "a");
}

BOOST_AUTO_TEST_CASE(number_and_caller_decide_where_the_recording_cannot) {
    const Spool spool;
    spool.add("default/1234/INBOX/msg0000", "a", test::wav(100));
    spool.add("default/1234/INBOX/msg0001", "b", test::wav(100));
    BOOST_TEST(spool.find(email(test::wav(100))).value()->voice.text.msg_id == "a");
    BOOST_TEST(spool.find(email("louder")).value()->voice.text.msg_id == "a");
    mta::MailcmdMessage stranger = email("louder");
    stranger.text.callerid = "<78>";
    BOOST_TEST(!spool.find(stranger).value());
    // A number that was given again since then is another message.
    BOOST_TEST(!spool.find(email("louder"), kNowUs + 3'600'000'000).value());
}

BOOST_AUTO_TEST_CASE(the_date_of_the_email_tells_a_number_from_the_same_number_later) {
    const Spool spool;
    spool.add("default/1234/INBOX/msg0000", "a", test::wav(100));
    mta::MailcmdMessage late = email("louder");
    late.date_s = kLeftAt + 1 + 119;
    BOOST_TEST(spool.find(late).value().has_value());
    late.date_s = kLeftAt + 1 + 121;
    BOOST_TEST(!spool.find(late).value());
    late.date_s.reset();
    BOOST_TEST(!spool.find(late).value());
}

// Taking one of them would be taking another's key.
BOOST_AUTO_TEST_CASE(of_several_that_are_equally_good_none_is_taken) {
    const Spool spool;
    spool.add("default/1234/INBOX/msg0000", "a", test::wav(100));
    spool.add("other/1234/INBOX/msg0000", "b", test::wav(100));
    for (const std::string& audio : {test::wav(100), std::string("louder"), std::string()}) {
        const auto found = spool.find(email(audio));
        BOOST_REQUIRE(!found);
        BOOST_TEST((found.error().code == base::Errc::Busy));
    }
    mta::MailcmdMessage known = email(test::wav(100));
    known.context = "other";
    BOOST_TEST(spool.find(known).value()->voice.text.msg_id == "b");
    // Sent to many: one recording, of which the e-mail does not say the number either.
    spool.add("third/1234/INBOX/msg0001", "c", test::wav(200));
    spool.add("third/1234/Old/msg0002", "d", test::wav(200));
    BOOST_TEST((spool.find(email(test::wav(200))).error().code == base::Errc::Busy));
    // Met twice, because Asterisk moved it meanwhile.
    spool.add("fourth/1234/INBOX/msg0003", "e", test::wav(300));
    spool.add("fourth/1234/Old/msg0000", "e", test::wav(300));
    known.context = "fourth";
    known.audio = test::wav(300);
    BOOST_TEST(spool.find(known).value()->voice.text.msg_id == "e");
}

BOOST_AUTO_TEST_CASE(what_is_locked_may_be_there) {
    const Spool spool;
    spool.add("default/1234/INBOX/msg0000", "a", test::wav(100));
    std::ofstream(spool.root / "default/1234/INBOX/.lock") << "";
    const auto found = spool.find(email(test::wav(100)));
    BOOST_REQUIRE(!found);
    BOOST_TEST((found.error().code == base::Errc::Busy));
}

BOOST_AUTO_TEST_CASE(another_mailbox_is_no_match) {
    const Spool spool;
    spool.add("default/1235/INBOX/msg0000", "a", test::wav(100));
    BOOST_TEST(!spool.find(email(test::wav(100))).value());
    BOOST_TEST((mta::find_in_spool("/nonexistent", email(""), kNowUs).error().code ==
                base::Errc::NotFound));
}

BOOST_AUTO_TEST_SUITE_END()
