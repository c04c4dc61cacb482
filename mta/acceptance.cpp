#include "mta/acceptance.h"

#include <string>
#include <utility>

namespace mta {

namespace {

// The claims of a receipt are looked at once more on this side: a success without an id or a copy
// is a bug of ours, and what follows from a bug of ours is never 250.
bool is_complete(const storage::Receipt& receipt) {
    return receipt.copies > 0 && !receipt.id.is_nil();
}

Acceptance refused(base::Error error, ReplyPhase phase) {
    Acceptance acceptance;
    acceptance.reply = reply_for_error(error, phase);
    acceptance.error = std::move(error);
    return acceptance;
}

}  // namespace

Acceptance accept_mail(const StoreMail& store, ReceivedMail mail, base::Deadline deadline) {
    const ReplyPhase phase =
        mail.envelope.recipients.size() > 1 ? ReplyPhase::StoreMany : ReplyPhase::Store;
    storage::Submission submission;
    submission.kind = mail.kind;
    submission.received_us = mail.received_us;
    submission.envelope = std::move(mail.envelope);
    submission.message = std::move(mail.message);
    // mail.share stays here: it pays for the message until the store is done with it.
    base::Result<storage::Receipt> stored = store(std::move(submission), deadline);
    if (!stored) {
        return refused(std::move(stored).take_error(), phase);
    }
    if (!is_complete(stored.value())) {
        return refused({base::Errc::Unavailable, "stored without an id or a copy"}, phase);
    }
    Acceptance acceptance;
    acceptance.receipt = std::move(stored).take_value();
    acceptance.reply = Reply{250,
                             "2.0.0",
                             acceptance.receipt->id.text() +
                                 " stored, copies: " + std::to_string(acceptance.receipt->copies)};
    return acceptance;
}

}  // namespace mta
