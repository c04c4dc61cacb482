#include "mta/acceptance.h"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/clock.h"
#include "test/support/errors.h"

namespace {

using base::Errc;

mta::ReceivedMail mail_for(mta::ByteBudget& budget, std::size_t recipients) {
    mta::ReceivedMail mail{{}, 1'700'000'000'000'000, "Subject: x\r\n\r\n", mta::ByteShare(budget)};
    BOOST_REQUIRE(mail.share.cover(mail.message.size()));
    mail.envelope.sender = "alice@client.example";
    mail.envelope.recipients.resize(recipients);
    return mail;
}

storage::Receipt receipt() {
    storage::Receipt out;
    out.id = mail::MessageId::make(1'700'000'000'000U, {1, 2});
    out.copies = 2;
    return out;
}

mta::Acceptance accept(const base::Result<storage::Receipt>& outcome, std::size_t recipients = 1) {
    mta::ByteBudget budget(1'000'000);
    return mta::accept_mail([&](storage::Submission, base::Deadline) { return outcome; },
                            mail_for(budget, recipients),
                            base::Deadline::after(std::chrono::seconds(1)));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(acceptance)

BOOST_AUTO_TEST_CASE(a_receipt_is_250_with_the_message_id) {
    const mta::Acceptance got = accept(receipt());
    BOOST_TEST(got.reply.code == 250);
    BOOST_TEST(got.reply.enhanced == "2.0.0");
    BOOST_TEST(got.reply.text.starts_with(receipt().id.text()));
    BOOST_TEST(got.receipt.has_value());
}

BOOST_AUTO_TEST_CASE(a_receipt_that_is_not_catalogued_yet_is_250) {
    storage::Receipt later = receipt();
    later.catalog = storage::CatalogState::ToBeCatalogued;
    BOOST_TEST(accept(later).reply.code == 250);
}

BOOST_AUTO_TEST_CASE(no_error_is_ever_250) {
    for (const Errc code : test_support::kAllErrors) {
        for (const std::size_t recipients : {1U, 2U}) {
            const mta::Acceptance got = accept(base::Error{code, "why"}, recipients);
            BOOST_TEST_CONTEXT("errc " << base::errc_name(code)) {
                BOOST_TEST(got.reply.code >= 400);
                BOOST_TEST(!got.receipt.has_value());
                BOOST_TEST((got.error && got.error->code == code));
                if (base::is_temporary(code)) {
                    BOOST_TEST(got.reply.code < 500);
                }
            }
        }
    }
    BOOST_TEST(accept(base::Error{Errc::Unavailable, ""}).reply.code == 451);
    BOOST_TEST(accept(base::Error{Errc::Refused, ""}, 1).reply.code == 552);
    BOOST_TEST(accept(base::Error{Errc::Refused, ""}, 2).reply.code == 452);
}

BOOST_AUTO_TEST_CASE(a_receipt_without_an_id_or_a_copy_is_not_believed) {
    storage::Receipt no_id = receipt();
    no_id.id = {};
    BOOST_TEST(accept(no_id).reply.code == 451);
    storage::Receipt no_copy = receipt();
    no_copy.copies = 0;
    BOOST_TEST(accept(no_copy).reply.code == 451);
}

BOOST_AUTO_TEST_CASE(
    the_message_is_handed_over_whole_and_its_share_is_held_until_the_store_is_done) {
    mta::ByteBudget budget(1'000'000);
    storage::Submission seen;
    std::size_t held = 0;
    (void)mta::accept_mail(
        [&](storage::Submission submission, base::Deadline) {
            seen = std::move(submission);
            held = budget.used_bytes();
            return receipt();
        },
        mail_for(budget, 2),
        base::Deadline::after(std::chrono::seconds(1)));
    BOOST_TEST(seen.message == "Subject: x\r\n\r\n");
    BOOST_TEST(seen.received_us == 1'700'000'000'000'000);
    BOOST_TEST(seen.envelope.sender == "alice@client.example");
    BOOST_TEST(seen.envelope.recipients.size() == 2U);
    BOOST_TEST(!seen.kind);  // the message itself says it
    BOOST_TEST(held > 0U);
    BOOST_TEST(budget.used_bytes() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
