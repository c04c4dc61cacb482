#include "mta/fax/outgoing.h"

#include <string>

#include <boost/test/unit_test.hpp>

namespace {

using base::Errc;

const std::string kMixed =
    "From: a@b.c\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; "
    "boundary=\"q\"\r\n\r\n--q\r\nContent-Type: text/plain\r\n\r\nHello\r\n--q\r\nContent-Type: "
    "application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERi0=\r\n--q\r\nContent-Type: "
    "image/TIFF\r\nContent-Transfer-Encoding: base64\r\n\r\nSUkq\r\n--q\r\nContent-Type: "
    "application/msword\r\n\r\nword\r\n--q--\r\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(fax_outgoing)

BOOST_AUTO_TEST_CASE(documents_are_sent_and_the_text_only_without_any) {
    const auto documents = mta::fax_documents(kMixed).value();
    BOOST_REQUIRE_EQUAL(documents.size(), 2U);
    BOOST_TEST(documents[0].suffix == ".pdf");
    BOOST_TEST(documents[0].octets == "%PDF-");
    BOOST_TEST(documents[1].suffix == ".tif");
    BOOST_TEST(documents[1].octets == "II*");
    const auto text = mta::fax_documents("Subject: x\r\n\r\nJust text\r\n").value();
    BOOST_REQUIRE_EQUAL(text.size(), 1U);
    BOOST_TEST(text[0].suffix == ".txt");
    BOOST_TEST(text[0].octets == "Just text\r\n");
}

BOOST_AUTO_TEST_CASE(a_message_without_anything_to_send_is_unsupported) {
    for (const char* message : {"Subject: x\r\n\r\n",
                                "Content-Type: image/png\r\n\r\nabc\r\n",
                                "Content-Type: text/html\r\n\r\n<p>x</p>\r\n"}) {
        const auto documents = mta::fax_documents(message);
        BOOST_REQUIRE(!documents);
        BOOST_TEST((documents.error().code == Errc::Unsupported));
    }
    std::string many = "Content-Type: multipart/mixed; boundary=q\r\n\r\n";
    for (std::size_t i = 0; i <= mta::kFaxDocumentsMax; ++i) {
        many += "--q\r\nContent-Type: application/pdf\r\n\r\nx\r\n";
    }
    BOOST_TEST((mta::fax_documents(many + "--q--\r\n").error().code == Errc::TooLarge));
}

BOOST_AUTO_TEST_CASE(our_mark_stands_above_one_that_the_sender_wrote) {
    const std::string key = mta::outgoing_key("a@b.c", "+4930", kMixed);
    const std::string other = mta::outgoing_key("a@b.c", "+4931", kMixed);
    BOOST_TEST(key != other);
    BOOST_TEST(key == mta::outgoing_key("a@b.c", "+4930", kMixed));
    BOOST_TEST(mta::outgoing_key("a", "bc", "") != mta::outgoing_key("ab", "c", ""));
    const std::string forged = "X-Fax-Job: " + other + "\r\n" + kMixed;
    BOOST_TEST(mta::key_of_marked(mta::marked_outgoing(key, forged)) == key);
    BOOST_TEST(mta::key_of_marked(kMixed) == "");
    BOOST_TEST(mta::key_of_marked("X-Fax-Job: else\r\n\r\n") == "");
    BOOST_TEST(mta::marked_outgoing("k", "a\nb\r\n\nc") == "X-Fax-Job: k\r\na\r\nb\r\n\r\nc");
}

BOOST_AUTO_TEST_CASE(names_of_a_message_are_safe_to_repeat) {
    const auto names = mta::names_of_outgoing(
        "Message-ID:\r\n <1@client.test>\r\nSubject: =?utf-8?q?Gr=C3=BC=0D=0ABcc:_x?=\r\n\r\nx");
    BOOST_TEST(names.message_id == "<1@client.test>");
    BOOST_TEST(names.subject.starts_with("Gr\xc3\xbc"));
    BOOST_TEST(names.subject.find('\n') == std::string::npos);
    for (const std::string& id : {std::string("1@x"),
                                  std::string("<a b@x>"),
                                  std::string("<a@x> <b@x>"),
                                  std::string("<a\xff@x>"),
                                  std::string("<>"),
                                  "<" + std::string(400, 'a') + ">"}) {
        BOOST_TEST(mta::names_of_outgoing("Message-ID: " + id + "\r\n\r\n").message_id.empty(), id);
    }
    BOOST_TEST(
        mta::names_of_outgoing("Subject: " + std::string(5000, 'x') + "\r\n\r\n").subject.size() <=
        303U);
    BOOST_TEST(mta::names_of_outgoing("").subject.empty());
}

BOOST_AUTO_TEST_SUITE_END()
