#include "mail/kind_detect.h"

#include <boost/test/unit_test.hpp>

#include "mail/summary.h"

using mail::Kind;
using mail::KindFinding;

namespace {

KindFinding find(const std::string& message) {
    return mail::summarize_with_kind(message).finding;
}

std::string text_of(const KindFinding& finding) {
    std::string text(mail::kind_name(finding.kind));
    for (const mail::Attribute& attribute : finding.attributes) {
        text += " " + attribute.name + "=" + attribute.value;
    }
    return text;
}

std::string multipart(const std::string& type, const std::vector<std::string>& parts) {
    std::string message = "Content-Type: multipart/" + type + "; boundary=b\r\n\r\n";
    for (const std::string& part : parts) {
        message += "--b\r\n" + part + "\r\n\r\nAAAA\r\n";
    }
    return message + "--b--\r\n";
}

const std::string kPage = "Content-Type: image/tiff; Application=FaxBW";
const std::string kText = "Content-Type: text/plain";
const std::string kHtml = "Content-Type: text/html";
const std::string kVoice =
    "Content-Type: audio/32kadpcm\r\nContent-Disposition: inline; voice=Voice-Message\r\n"
    "Content-Duration: 17";

}  // namespace

BOOST_AUTO_TEST_SUITE(kind_detect)

BOOST_AUTO_TEST_CASE(kinds_by_structure) {
    struct Case {
        std::string message;
        Kind kind;
    };

    const Case cases[] = {
        {"Subject: x\r\n\r\nhello\r\n", Kind::Email},
        {"", Kind::Email},
        {kPage + "\r\n\r\nII\r\n", Kind::Fax},
        {"Content-Type: image/tiff; application=faxcolor\r\n\r\nII\r\n", Kind::Fax},
        {"Content-Type: image/tiff\r\n\r\nII\r\n", Kind::Email},
        {"Content-Type: image/png; application=faxbw\r\n\r\nII\r\n", Kind::Email},
        {multipart("mixed", {kPage}), Kind::Fax},
        {multipart("fax-message", {kPage, kPage}), Kind::Fax},
        // Cover notes of gateways are passed over, other media are not.
        {multipart("mixed", {kText, kPage}), Kind::Fax},
        {multipart("mixed", {kPage, kHtml, kPage}), Kind::Fax},
        {multipart("mixed", {kText, kVoice}), Kind::Voicemail},
        {multipart("mixed", {kText}), Kind::Email},
        {multipart("mixed", {kText, kHtml}), Kind::Email},
        {multipart("mixed", {kText, kPage, "Content-Type: application/pdf"}), Kind::Email},
        {multipart("mixed", {kText, kPage, "Content-Type: image/png"}), Kind::Email},
        {multipart("mixed", {kText, "Content-Type: image/tiff"}), Kind::Email},
        {multipart("mixed", {kText, "Content-Type: audio/mpeg"}), Kind::Email},
        {multipart("mixed", {kText, kVoice, kPage}), Kind::Email},
        {multipart("mixed", {kText, multipart("mixed", {kPage})}), Kind::Email},
        {"In-Reply-To: <a@b>\r\n" + multipart("mixed", {kText, kPage}), Kind::Email},
        {"References: <a@b>\r\n" + multipart("mixed", {kText, kVoice}), Kind::Email},
        {"References: <a@b>\r\n" + multipart("mixed", {kPage}), Kind::Fax},
        {multipart("mixed", {}), Kind::Email},
        {multipart("alternative", {kPage}), Kind::Email},
        {multipart("mixed", {multipart("mixed", {kPage})}), Kind::Email},
        {multipart("mixed", std::vector<std::string>(100, kPage)), Kind::Email},
        {multipart("voice-message", {kVoice}), Kind::Voicemail},
        {multipart("Voice-Message", {}), Kind::Voicemail},
        {multipart("mixed", {kVoice}), Kind::Voicemail},
        {multipart("mixed", {kVoice, kPage}), Kind::Email},
        {kVoice + "\r\n\r\nAAAA\r\n", Kind::Voicemail},
        {"Content-Type: audio/wav\r\n\r\nAAAA\r\n", Kind::Email}};
    for (const Case& each : cases) {
        BOOST_TEST(mail::kind_name(find(each.message).kind) == mail::kind_name(each.kind),
                   each.message);
    }
}

BOOST_AUTO_TEST_CASE(the_context_counts_most) {
    const std::pair<std::string, Kind> contexts[] = {
        {"fax-message", Kind::Fax},
        {" (sent by (x) Voice-Message ; draft", Kind::Voicemail},
        {"VOICE-MESSAGE", Kind::Voicemail},
        {"\r\n fax-message", Kind::Fax},
        {"text-message", Kind::Email},
        {"fax-messages", Kind::Email},
        {"(fax-message", Kind::Email},
        {"", Kind::Email}};
    for (const auto& [value, kind] : contexts) {
        BOOST_TEST(mail::kind_name(find("Message-Context: " + value + "\r\n\r\nx\r\n").kind) ==
                       mail::kind_name(kind),
                   value);
    }
    BOOST_TEST(text_of(find("Message-Context: voice-message\r\n" + kPage + "\r\n\r\nII\r\n")) ==
               "voicemail");
}

BOOST_AUTO_TEST_CASE(attributes_of_a_fax) {
    BOOST_TEST(text_of(find("From: Fax <+49.30.1234@gw.test>\r\n"
                            "To: \"FAX=+12027653000/T33S=1387\"@host.test\r\n"
                            "X-Fax-Pages: 3\r\nX-Fax-Sender-ID: =?utf-8?q?M=C3=BCller?=\r\n"
                            "X-Fax-Device: a\tb\r\n" +
                            kPage + "\r\nContent-Duration: 61\r\n\r\nII\r\n")) ==
               "fax called=+12027653000 caller=+49.30.1234 device=a b duration=61 pages=3 "
               "sender-id=M\xc3\xbcller subaddress=1387");
    // A field counts more than an address; what is no number of seconds says nothing.
    BOOST_TEST(text_of(find("From: 12345@gw.test\r\nX-Fax-Caller: 99\r\nContent-Duration: 1e9\r\n"
                            "To: a12b34@host.test\r\n" +
                            kPage + "\r\n\r\nII\r\n")) == "fax caller=99");
}

BOOST_AUTO_TEST_CASE(attributes_of_a_voicemail) {
    BOOST_TEST(text_of(find("From: =?utf-8?q?J=C3=BCrgen?= <+4930123@vm.test>\r\n"
                            "To: VOICE=12345@vm.test\r\nImportance: High\r\n" +
                            multipart("voice-message", {"Content-Type: text/plain", kVoice}))) ==
               "voicemail called=12345 caller=+4930123 caller-name=J\xc3\xbcrgen duration=17 "
               "urgent=1");
}

BOOST_AUTO_TEST_CASE(an_email_has_no_attributes_and_nobody_can_name_a_key) {
    BOOST_TEST(text_of(find("X-Fax-Pages: 3\r\nFrom: 12345@x\r\n\r\nx\r\n")) == "email");
    BOOST_TEST(text_of(find("X-Fax-Key: k\r\nX-Fax-Verdict: clean\r\n" + kPage + "\r\n\r\nx")) ==
               "fax");
}

BOOST_AUTO_TEST_CASE(long_values_are_cut) {
    const KindFinding finding =
        find("X-Fax-Device: " + std::string(100'000, 'x') + "\r\n" + kPage + "\r\n\r\nx");
    BOOST_REQUIRE(finding.attributes.find("device") != nullptr);
    BOOST_TEST(finding.attributes.find("device")->size() == 1'000U);
}

BOOST_AUTO_TEST_CASE(knows_what_asterisk_stores_by_imap) {
    const auto stored = [](const std::string& type, const std::string& caller) {
        return "X-Asterisk-VM-Context: default\r\nX-Asterisk-VM-Extension: 1234\r\n"
               "X-Asterisk-VM-Flag: Urgent\r\nX-Asterisk-VM-Caller-ID-Num: " +
               caller +
               "\r\nX-Asterisk-VM-Caller-ID-Name: Anna Lee\r\nX-Asterisk-VM-Duration: 7\r\n"
               "X-Asterisk-VM-Message-Type: " +
               type + "\r\nFrom: \"PBX\" <asterisk@pbx1>\r\n" +
               multipart("mixed", {"Content-Type: text/plain", "Content-Type: audio/x-wav"});
    };
    BOOST_TEST(text_of(find(stored("Message", "5550100"))) ==
               "voicemail called=1234 caller=5550100 caller-name=Anna Lee duration=7 urgent=1");
    BOOST_TEST(text_of(find(stored("Message", "(null)"))) ==
               "voicemail called=1234 caller-name=Anna Lee duration=7 urgent=1");
    BOOST_TEST(text_of(find(stored("unavail", "5550100"))) == "email");
}

BOOST_AUTO_TEST_SUITE_END()
