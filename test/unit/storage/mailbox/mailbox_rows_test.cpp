#include "storage/mailbox/mailbox_rows.h"

#include <boost/test/unit_test.hpp>

#include "test/support/catalog_database.h"

using namespace storage;
using base::Errc;
using test_support::CatalogDatabase;

namespace {

// Rows as the statements of Mailboxes give them.
constexpr const char* kMailbox =
    "SELECT 0, 7::bigint, 12::bigint, 40::bigint, 2::bigint, 1::bigint, 1::bigint, 900::bigint, "
    "'Work', '\\Sent'";

std::string message(const std::string& uid, const std::string& id, const std::string& keywords) {
    return " UNION ALL SELECT 1, " + uid + ", 9, 33, 450, 1795000000123456, 0, 0, '" + id + "', '" +
           keywords + "'";
}

constexpr const char* kId = "01000000-0000-7000-8000-000000000901";

}  // namespace

BOOST_FIXTURE_TEST_SUITE(storage_mailbox_rows, CatalogDatabase)

BOOST_AUTO_TEST_CASE(rows_become_a_mailbox_and_keyword_lists_are_shared) {
    MailboxRows rows(MailboxId{5});
    BOOST_REQUIRE(rows.read(sql(kMailbox + message("3", kId, "{a,b}") + message("4", kId, "{}") +
                                message("5", kId, "{a,b}") + message("4294967295", kId, "{c}"))));
    const MailboxView view = std::move(rows).take_view();
    BOOST_CHECK(view.info.id == MailboxId{5});
    BOOST_TEST(view.info.uid_validity == 7U);
    BOOST_TEST(view.info.uid_next == 12U);
    BOOST_TEST(view.info.highest_modseq == 40U);
    BOOST_TEST(view.info.messages == 2U);
    BOOST_TEST(view.info.bytes == 900U);
    BOOST_TEST(view.info.name == "Work");
    BOOST_TEST(view.info.special_use == "\\Sent");
    BOOST_REQUIRE(view.messages.size() == 4U);
    BOOST_TEST(view.messages[0].uid == 3U);
    BOOST_CHECK(view.messages[0].flags == (mail::Flags::Seen | mail::Flags::Deleted));
    BOOST_TEST(view.messages[0].modseq == 33U);
    BOOST_TEST(view.messages[0].size == 450U);
    BOOST_TEST(view.messages[0].internal_date_us == 1'795'000'000'123'456);
    BOOST_TEST(view.messages[0].id.text() == kId);
    BOOST_TEST(view.messages[3].uid == 4'294'967'295U);
    BOOST_TEST(view.keywords.size() == 3U);
    BOOST_TEST(view.messages[1].keywords == 0U);
    BOOST_TEST(view.messages[0].keywords == view.messages[2].keywords);
    BOOST_CHECK((view.keywords[view.messages[0].keywords] == std::vector<std::string>{"a", "b"}));
}

BOOST_AUTO_TEST_CASE(expunges_become_a_set) {
    MailboxRows rows(MailboxId{5});
    BOOST_REQUIRE(rows.read(sql(
        std::string(kMailbox) + " UNION ALL SELECT 2, 8, 0,0,0,0,0,0, '', ''" +
        " UNION ALL SELECT 2, 9, 0,0,0,0,0,0, '', '' UNION ALL SELECT 2, 2, 0,0,0,0,0,0, '', ''")));
    BOOST_TEST(std::move(rows).take_changes().expunged.text() == "2,8:9");
}

BOOST_AUTO_TEST_CASE(a_mailbox_without_its_row_is_gone) {
    MailboxRows rows(MailboxId{5});
    const auto read = rows.read(sql("SELECT 1 WHERE false"));
    BOOST_REQUIRE(!read);
    BOOST_CHECK(read.error().code == Errc::NotFound);
}

BOOST_AUTO_TEST_CASE(rows_that_cannot_be_are_corrupt) {
    for (const std::string& bad :
         {message("0", kId, "{}"), message("4294967296", kId, "{}"), message("1", "no id", "{}")}) {
        MailboxRows rows(MailboxId{5});
        BOOST_TEST(!rows.read(sql(kMailbox + bad)));
    }
}

BOOST_AUTO_TEST_CASE(errors_say_what_the_caller_can_do) {
    const auto code = [](Errc given, const char* detail) {
        return mailbox_error({given, detail}).code;
    };
    BOOST_CHECK(code(Errc::Io, "RT002: over quota") == Errc::TooLarge);
    BOOST_CHECK(code(Errc::Io, "RT004: no mailbox") == Errc::NotFound);
    BOOST_CHECK(code(Errc::Io, "RT005: there") == Errc::Exists);
    BOOST_CHECK(code(Errc::Io, "RT006: INBOX") == Errc::Refused);
    BOOST_CHECK(code(Errc::Io, "RT007: too many") == Errc::TooLarge);
    BOOST_CHECK(code(Errc::Io, "RT003: lacks commit") == Errc::Busy);
    BOOST_CHECK(code(Errc::Invalid, "violates \"mailbox_name_check\"") == Errc::Refused);
    BOOST_CHECK(code(Errc::Invalid, "mailbox_message_keywords_check") == Errc::TooLarge);
    BOOST_CHECK(code(Errc::UnknownOutcome, "lost") == Errc::UnknownOutcome);
}

BOOST_AUTO_TEST_SUITE_END()
