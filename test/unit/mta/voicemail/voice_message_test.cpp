#include "mta/voicemail/voice_message.h"

#include <string>

#include <boost/test/unit_test.hpp>

#include "mail/decode.h"
#include "mail/header.h"
#include "mail/structure.h"
#include "test/unit/mta/voicemail/sample_audio.h"

namespace {

mta::VoiceMessage sample() {
    mta::VoiceMessage voice;
    voice.text.callerid = "\"Anna Lee\" <5550100>";
    voice.text.callerchan = "SIP/a-1";
    voice.text.origtime = 1795600800;
    voice.text.origdate = "Wed Nov 25 10:00:00 2026";
    voice.text.msg_id = "1795600800-00000007";
    voice.text.duration_s = 4;
    voice.text.priority = 2;
    voice.context = "default";
    voice.mailbox = "1234";
    voice.recipient = "alice@example.test";
    voice.server = "pbx1";
    voice.number = 3;
    voice.audio = test::wav(2400);
    voice.extension = "wav";
    voice.info = mta::probe_audio(voice.audio, "wav").value();
    return voice;
}

std::string value(const std::string& message, std::string_view name) {
    return mail::unfold(mail::scan_header(message).value(name));
}

// What app_voicemail's reader of header fields takes: what stands behind "Name: " where the name
// first occurs, up to the line's end.
std::string as_asterisk_reads(const std::string& message, const std::string& name) {
    const std::size_t at = message.find(name + ":");
    BOOST_REQUIRE(at != std::string::npos);
    const std::string rest = message.substr(at + name.size() + 2);
    return rest.substr(0, rest.find('\r'));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(voicemail_voice_message)

BOOST_AUTO_TEST_CASE(composes_text_and_recording) {
    const std::string message = mta::compose(sample());
    const mail::Structure structure = mail::parse_structure(message);
    BOOST_REQUIRE(structure.infos.size() == 3U);
    BOOST_TEST(structure.infos[2].type == "audio");
    BOOST_TEST(structure.infos[2].subtype == "x-wav");
    // Asterisk takes the first parameter for the file's name.
    BOOST_TEST(structure.infos[2].parameters.at(0).value == "msg0003.wav");
    const mail::PartNode& node = structure.tree.nodes()[2];
    const std::string audio =
        mail::decode_transfer(std::string_view(message).substr(node.body_offset(), node.body_size),
                              node.encoding,
                              1U << 20U);
    BOOST_TEST((audio == sample().audio));
    const std::string part = message.substr(node.header_offset, node.header_size);
    BOOST_TEST(value(part, "Content-Duration") == "2");
    BOOST_TEST(value(message, "Subject") == "Voicemail from Anna Lee (5550100), 0:02");
    BOOST_TEST(value(message, "Message-Context") == "voice-message");
    BOOST_TEST(value(message, "To") == "<alice@example.test>");
    BOOST_TEST(value(message, "Date") == "Wed, 25 Nov 2026 10:00:00 +0000");
    BOOST_TEST(message == mta::compose(sample()));
}

BOOST_AUTO_TEST_CASE(asterisk_finds_its_fields) {
    const std::string message = mta::compose(sample());
    BOOST_TEST(as_asterisk_reads(message, "X-Asterisk-VM-Context") == "default");
    BOOST_TEST(as_asterisk_reads(message, "X-Asterisk-VM-Extension") == "1234");
    BOOST_TEST(as_asterisk_reads(message, "X-Asterisk-VM-Message-Num") == "4");
    BOOST_TEST(as_asterisk_reads(message, "X-Asterisk-VM-Caller-ID-Num") == "5550100");
    BOOST_TEST(as_asterisk_reads(message, "X-Asterisk-VM-Caller-ID-Name") == "Anna Lee");
    BOOST_TEST(as_asterisk_reads(message, "X-Asterisk-VM-Duration") == "2");
    BOOST_TEST(as_asterisk_reads(message, "X-Asterisk-VM-Orig-time") == "1795600800");
    BOOST_TEST(as_asterisk_reads(message, "X-Asterisk-VM-Message-ID") == "1795600800-00000007");
    // Empty, and still one line.
    BOOST_TEST(as_asterisk_reads(message, "X-Asterisk-VM-Category").empty());
    BOOST_TEST(as_asterisk_reads(message, "X-Asterisk-VM-Flag").empty());
}

BOOST_AUTO_TEST_CASE(a_caller_cannot_write_header_fields) {
    mta::VoiceMessage voice = sample();
    voice.text.callerid =
        "\"x\r\nBcc: eve@example.test\r\n\r\nX-Asterisk-VM-Context: evil\r\n--=_voicemail_\" "
        "<1\r\n2>";
    voice.text.category = "a\nb";
    voice.mailbox = "1\r\nX: 2";
    voice.extension = "w\"\r\nX: 3";
    const std::string message = mta::compose(voice);
    const mail::Header header = mail::scan_header(message);
    BOOST_TEST(header.find("Bcc") == nullptr);
    BOOST_TEST(header.find("X") == nullptr);
    BOOST_TEST(value(message, "Message-Context") == "voice-message");
    BOOST_TEST(as_asterisk_reads(message, "X-Asterisk-VM-Context") == "default");
    BOOST_TEST(mail::parse_structure(message).infos.size() == 3U);
    for (std::size_t at = 0; (at = message.find_first_of("\r\n", at)) != std::string::npos;
         at += 2) {
        BOOST_REQUIRE(message.compare(at, 2, "\r\n") == 0);
    }
}

BOOST_AUTO_TEST_CASE(names_of_all_scripts_come_through) {
    mta::VoiceMessage voice = sample();
    std::string name;
    for (int i = 0; i < 40; ++i) {
        name += "J\xC3\xBCrgen ";
    }
    voice.text.callerid = "\"" + name + "\" <1>";
    const std::string message = mta::compose(voice);
    const std::string subject =
        mail::decode_header_text(mail::scan_header(message).value("Subject"));
    BOOST_TEST(subject.find("J\xC3\xBCrgen J\xC3\xBCrgen") != std::string::npos);
    const mail::Header header = mail::scan_header(message);
    for (std::size_t i = 0; i < header.size; ++i) {
        BOOST_REQUIRE(static_cast<unsigned char>(message[i]) < 0x80);
    }
    std::size_t line = 0;
    for (std::size_t i = 0; i < header.size; ++i) {
        line = message[i] == '\n' ? 0 : line + 1;
        BOOST_REQUIRE(line < 998);
    }
}

BOOST_AUTO_TEST_CASE(an_unreadable_recording_is_kept_and_marked) {
    mta::VoiceMessage voice = sample();
    voice.audio = "not audio";
    voice.info.reset();
    const std::string message = mta::compose(voice);
    BOOST_TEST(message.find("as the telephone system measured it") != std::string::npos);
    BOOST_TEST(as_asterisk_reads(message, "X-Asterisk-VM-Duration") == "4");
    voice.text.duration_s.reset();
    BOOST_TEST(mta::compose(voice).find("Content-Duration") == std::string::npos);
    BOOST_TEST((mta::voice_attributes(voice).find("duration") == nullptr));
}

BOOST_AUTO_TEST_CASE(says_what_the_catalog_records) {
    mta::VoiceMessage voice = sample();
    voice.text.flag = "Urgent";
    const mail::Attributes attributes = mta::voice_attributes(voice);
    BOOST_TEST(*attributes.find("called") == "1234");
    BOOST_TEST(*attributes.find("caller") == "5550100");
    BOOST_TEST(*attributes.find("caller-name") == "Anna Lee");
    BOOST_TEST(*attributes.find("duration") == "2");
    BOOST_TEST(*attributes.find("urgent") == "1");
    BOOST_TEST(value(mta::compose(voice), "Importance") == "high");
}

BOOST_AUTO_TEST_CASE(writes_clock_times) {
    BOOST_TEST(mta::clock_text(0) == "0:00");
    BOOST_TEST(mta::clock_text(83) == "1:23");
    BOOST_TEST(mta::clock_text(3723) == "1:02:03");
    BOOST_TEST(mta::clock_text(-1) == "0:00");
}

BOOST_AUTO_TEST_SUITE_END()
