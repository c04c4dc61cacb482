#include "mta/voicemail/mailcmd_message.h"

#include <string>

#include <boost/test/unit_test.hpp>

#include "base/base64.h"
#include "mail/header.h"
#include "mail/structure.h"
#include "test/unit/mta/voicemail/sample_audio.h"

namespace {

// As app_voicemail writes it, with LF.
std::string email(const std::string& extra = "", const std::string& audio = test::wav(1000)) {
    std::string body = base::base64_lines(audio);
    std::string out =
        "Date: Wed, 25 Nov 2026 10:00:05 +0000\nFrom: \"PBX\" <asterisk@pbx1>\n"
        "To: \"Alice\" <alice@example.test>\nSubject: New message 4 in mailbox 12-34\n"
        "Message-ID: <Asterisk-4-1804289383-12-34-4711@pbx1>\n" +
        extra +
        "X-Asterisk-CallerID: 5550100\nX-Asterisk-CallerIDName: Anna Lee\n"
        "MIME-Version: 1.0\n"
        "Content-Type: multipart/mixed; boundary=\"----voicemail_41\"\n\n\n"
        "This is a multi-part message in MIME format.\n\n------voicemail_41\n"
        "Content-Type: text/plain; charset=ISO-8859-1\n"
        "Content-Transfer-Encoding: 8bit\n\nDear Alice:\n\n\tJust wanted ...\n\n"
        "------voicemail_41\nContent-Type: audio/x-wav; name=\"msg0003.wav\"\n"
        "Content-Transfer-Encoding: base64\n"
        "Content-Disposition: attachment; filename=\"msg0003.wav\"\n\n";
    for (std::size_t at = 0; (at = body.find('\r', at)) != std::string::npos;) {
        body.erase(at, 1);
    }
    return out + body + "\n\n------voicemail_41--\n.\n";
}

std::string value(const std::string& message, std::string_view name) {
    return mail::unfold(mail::scan_header(message).value(name));
}

mta::VoiceMessage voice_of(const mta::MailcmdMessage& mailcmd) {
    mta::VoiceMessage voice;
    voice.text = mailcmd.text;
    voice.context = "default";
    voice.mailbox = mailcmd.mailbox;
    voice.number = mailcmd.number.value_or(0);
    voice.audio = mailcmd.audio;
    voice.info = mailcmd.info;
    return voice;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(voicemail_mailcmd_message)

BOOST_AUTO_TEST_CASE(reads_what_asterisk_pipes) {
    const auto read = mta::read_mailcmd(email());
    BOOST_REQUIRE(read);
    const mta::MailcmdMessage& mailcmd = read.value();
    BOOST_REQUIRE(mailcmd.recipients.size() == 1U);
    BOOST_TEST(mailcmd.recipients[0] == "alice@example.test");
    BOOST_TEST(mailcmd.mailbox == "12-34");
    BOOST_TEST(mailcmd.number.value() == 3);
    BOOST_TEST(mailcmd.context.empty());
    BOOST_TEST(mailcmd.text.caller().name == "Anna Lee");
    BOOST_TEST(mailcmd.text.caller().number == "5550100");
    BOOST_TEST((mailcmd.audio == test::wav(1000)));
    BOOST_TEST(mailcmd.extension == "wav");
    BOOST_TEST(mailcmd.info.value().duration_ms == 1000);
}

BOOST_AUTO_TEST_CASE(lines_end_in_crlf_and_the_dot_ends_all) {
    const std::string message = mta::read_mailcmd(email() + "behind\n").value().message;
    BOOST_TEST(message.find("behind") == std::string::npos);
    BOOST_TEST(message.ends_with("----voicemail_41--\r\n"));
    for (std::size_t at = 0; (at = message.find('\n', at)) != std::string::npos; ++at) {
        BOOST_REQUIRE(message[at - 1] == '\r');
    }
    // What has CRLF already keeps it; a CR of a template ends a line.
    BOOST_TEST(mta::read_mailcmd("A: b\r\n\r\nx\ry\r\n").value().message ==
               "A: b\r\n\r\nx\r\ny\r\n");
}

BOOST_AUTO_TEST_CASE(keeps_fields_of_asterisk_and_adds_those_that_lack) {
    const auto mailcmd = mta::read_mailcmd(email("X-Asterisk-VM-Context: sales\n"
                                                 "X-Asterisk-VM-Extension: 99\n"
                                                 "X-Asterisk-VM-Flag: Urgent\n"
                                                 "X-Asterisk-VM-Message-ID: 5-7\n"))
                             .value();
    BOOST_TEST(mailcmd.mailbox == "99");
    BOOST_TEST(mailcmd.context == "sales");
    BOOST_TEST(mailcmd.text.msg_id == "5-7");
    BOOST_TEST(mailcmd.text.is_urgent());
    const std::string message = mta::complete(mailcmd, voice_of(mailcmd));
    BOOST_TEST(value(message, "X-Asterisk-VM-Context") == "sales");
    BOOST_TEST(message.find("X-Asterisk-VM-Context") == message.rfind("X-Asterisk-VM-Context"));
    BOOST_TEST(value(message, "X-Asterisk-VM-Message-Num") == "4");
    BOOST_TEST(value(message, "X-Asterisk-VM-Duration") == "1");
    BOOST_TEST(value(message, "Message-Context") == "voice-message");
    BOOST_TEST(message.ends_with(mailcmd.message.substr(mailcmd.message.size() - 400)));
    BOOST_TEST(message.find("Content-Duration: 1\r\nContent-Type: audio/x-wav") !=
               std::string::npos);
    BOOST_TEST(mail::parse_structure(message).infos.size() == 3U);
}

BOOST_AUTO_TEST_CASE(the_key_of_a_message_with_msg_id_is_that_of_the_spool) {
    const auto mailcmd = mta::read_mailcmd(email("X-Asterisk-VM-Context: default\n"
                                                 "X-Asterisk-VM-Extension: 1234\n"
                                                 "X-Asterisk-VM-Message-ID: 5-7\n"))
                             .value();
    mta::SpoolText text;
    text.msg_id = "5-7";
    BOOST_TEST(mta::mailcmd_key(mailcmd) == mta::voicemail_key("default", "1234", text));
}

BOOST_AUTO_TEST_CASE(without_it_the_key_is_the_messages_own) {
    const std::string key = mta::mailcmd_key(mta::read_mailcmd(email()).value());
    BOOST_TEST(key == mta::mailcmd_key(mta::read_mailcmd(email()).value()));
    BOOST_TEST(key != mta::mailcmd_key(mta::read_mailcmd(email("", test::wav(900))).value()));
    // What app_voicemail writes without an id is none.
    BOOST_TEST(key == mta::mailcmd_key(
                          mta::read_mailcmd(email("X-Asterisk-VM-Message-ID: (null)\n")).value()));
}

BOOST_AUTO_TEST_CASE(takes_foreign_message_ids_for_what_they_are) {
    for (const char* id : {"",
                           "<>",
                           "<x@y>",
                           "<Asterisk-@y>",
                           "<Asterisk-0-1-2-3@y>",
                           "<Asterisk-x-1-2-3@y>",
                           "<Asterisk-4@y>",
                           "<Asterisk-4-1@y>",
                           "<Asterisk-4-1-2@y>",
                           "<Asterisk-99999999999-1-2-3@y>"}) {
        const auto read = mta::read_mailcmd("Message-ID: " + std::string(id) + "\n\nx\n");
        BOOST_REQUIRE(read);
        BOOST_TEST(read.value().mailbox.empty(), id);
    }
    // A random number with a sign.
    const auto read = mta::read_mailcmd("Message-ID: <Asterisk-1--5-100-3@y>\n\nx\n");
    BOOST_TEST(read.value().mailbox == "100");
}

BOOST_AUTO_TEST_CASE(refuses_what_is_no_message) {
    BOOST_TEST((mta::read_mailcmd("").error().code == base::Errc::Invalid));
    BOOST_TEST((mta::read_mailcmd("hello\n").error().code == base::Errc::Invalid));
    BOOST_TEST(
        (mta::read_mailcmd(std::string("A: b\n\n\0x\n", 9)).error().code == base::Errc::Invalid));
}

BOOST_AUTO_TEST_CASE(survives_every_cut) {
    const std::string whole = email();
    for (std::size_t size = 1; size < whole.size(); size += 7) {
        const auto read = mta::read_mailcmd(whole.substr(0, size));
        if (read) {
            (void)mta::complete(read.value(), voice_of(read.value()));
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
