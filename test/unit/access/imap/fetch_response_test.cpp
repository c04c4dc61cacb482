#include "access/imap/fetch_response.h"

#include <string>

#include <boost/test/unit_test.hpp>

using accessd::FetchItems;
using accessd::OpenMode;
using accessd::SectionItem;
using accessd::SectionOctets;
using accessd::SelectedMailbox;

namespace {

const std::string kHeader =
    "Subject: two\r\n parts\r\nTO: a\r\nX-A: 1\r\nto: b\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
const std::string kMessage = kHeader +
                             "--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
                             "--b\r\nContent-Type: message/rfc822\r\n\r\n"
                             "Subject: inner\r\n\r\ndeep\r\n--b--\r\n";

FetchItems items(const std::string& text) {
    accessd::Cursor cursor(text);
    auto parsed = accessd::parse_fetch_items(cursor);
    BOOST_TEST_REQUIRE(bool(parsed), text);
    return std::move(parsed).take_value();
}

/// "BODY[1] {5}CRLFhello" as the response has it.
std::string section(const std::string& item, const std::string& message = kMessage) {
    const FetchItems wanted = items(item);
    const mail::Summary summary = mail::summarize(message);
    const SectionOctets octets =
        accessd::section_octets(message, summary.parts, wanted.sections.at(0));
    std::string out;
    accessd::append_section_head(out, wanted.sections[0], octets);
    return out.append(octets.octets());
}

SelectedMailbox mailbox() {
    accessd::MailboxView view;
    accessd::MailboxMessage message;
    message.uid = 7;
    message.flags = mail::Flags::Seen;
    message.size = 123;
    message.internal_date_us = 1'700'000'000'000'000;
    view.messages.push_back(message);
    view.recent_from = 100;
    return {view, OpenMode::Select};
}

std::string attributes(const std::string& wanted, const mail::Summary* summary) {
    std::string out;
    const base::Status made = accessd::append_attributes(out, mailbox(), 0, items(wanted), summary);
    return made ? out : "error " + out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(imap_fetch_response)

BOOST_AUTO_TEST_CASE(fields_are_picked_as_they_are_with_the_empty_line) {
    BOOST_TEST(section("BODY[HEADER.FIELDS (to SUBJECT)]") ==
               "BODY[HEADER.FIELDS (to SUBJECT)] {38}\r\n"
               "Subject: two\r\n parts\r\nTO: a\r\nto: b\r\n\r\n");
    BOOST_TEST(section("BODY[HEADER.FIELDS.NOT (to subject content-type)]")
                   .ends_with("{10}\r\nX-A: 1\r\n\r\n"));
    BOOST_TEST(
        section("BODY[2.HEADER.FIELDS (Subject)]").ends_with("{18}\r\nSubject: inner\r\n\r\n"));
    // A part that is no message has no header of its own (RFC 3501 6.4.5).
    BOOST_TEST(section("BODY[1.HEADER.FIELDS (Subject)]") == "BODY[1.HEADER.FIELDS (Subject)] NIL");
}

BOOST_AUTO_TEST_CASE(partial_range_is_cut_last) {
    BOOST_TEST(section("BODY[HEADER.FIELDS (X-A)]<2.4>").ends_with("<2> {4}\r\nA: 1"));
    BOOST_TEST(section("BODY[1]<0.5>") == "BODY[1]<0> {5}\r\nhello");
    BOOST_TEST(section("BODY[1]<4.9>") == "BODY[1]<4> {1}\r\no");
    BOOST_TEST(section("BODY[1]<5.9>") == "BODY[1]<5> {0}\r\n");
    BOOST_TEST(section("BODY[]<999999999999.9>") == "BODY[]<999999999999> {0}\r\n");
    BOOST_TEST(section("BODY[1]<1.999999999999999999>") == "BODY[1]<1> {4}\r\nello");
}

BOOST_AUTO_TEST_CASE(message_without_structure) {
    BOOST_TEST(section("BODY[]", "") == "BODY[] {0}\r\n");
    BOOST_TEST(section("BODY[HEADER]", "") == "BODY[HEADER] {0}\r\n");
    BOOST_TEST(section("BODY[TEXT]", "") == "BODY[TEXT] {0}\r\n");
    BOOST_TEST(section("BODY[1]", "A: b\r\n\r\nc\n") == "BODY[1] {2}\r\nc\n");
    BOOST_TEST(section("BODY[2]", "A: b\r\n\r\nc\n") == "BODY[2] NIL");
    BOOST_TEST(section("RFC822.HEADER", "A: b\r\n") == "RFC822.HEADER {6}\r\nA: b\r\n");
}

// The structure was stored apart from the octets: they are not trusted to fit together.
BOOST_AUTO_TEST_CASE(structure_beyond_the_message_reads_nothing) {
    const FetchItems wanted = items("BODY[2.1]");
    const mail::Summary summary = mail::summarize(kMessage);
    for (std::size_t size = 0; size < kMessage.size(); size += 10) {
        const SectionOctets octets = accessd::section_octets(
            std::string_view(kMessage).substr(0, size), summary.parts, wanted.sections.at(0));
        BOOST_TEST((!octets.exists || octets.octets().size() <= 4U));
    }
}

BOOST_AUTO_TEST_CASE(attributes_come_in_one_order_without_a_space_at_the_end) {
    BOOST_TEST(attributes("UID", nullptr) == "* 1 FETCH (UID 7");
    BOOST_TEST(attributes("BODY[]", nullptr) == "* 1 FETCH (");
    BOOST_TEST(attributes("FAST", nullptr) ==
               "* 1 FETCH (FLAGS (\\Seen) INTERNALDATE \"14-Nov-2023 22:13:20 +0000\" "
               "RFC822.SIZE 123");
    mail::Summary summary;
    summary.envelope = "(E)";
    summary.bodystructure = mail::summarize("\r\nx\r\n").bodystructure;
    const std::string out = attributes("(BODYSTRUCTURE BODY ENVELOPE)", &summary);
    BOOST_TEST(out.starts_with("* 1 FETCH (ENVELOPE (E) BODY (\"text\" \"plain\" "));
    BOOST_TEST(out.ends_with(" BODYSTRUCTURE " + summary.bodystructure));
}

BOOST_AUTO_TEST_CASE(stored_structure_that_is_none_is_an_error_of_this_message) {
    mail::Summary summary;
    summary.bodystructure = "((((";
    BOOST_TEST(attributes("BODY", &summary).starts_with("error "));
}

BOOST_AUTO_TEST_CASE(only_part_numbers_need_the_structure) {
    BOOST_TEST(accessd::names_parts(items("BODY[1]")));
    BOOST_TEST(accessd::names_parts(items("(BODY[] BODY.PEEK[1.MIME])")));
    BOOST_TEST(!accessd::names_parts(items("(BODY[] BODY[HEADER] RFC822.TEXT ENVELOPE)")));
}

BOOST_AUTO_TEST_SUITE_END()
