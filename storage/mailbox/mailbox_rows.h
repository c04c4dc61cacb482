#pragma once

// Rows of the statements of Mailboxes, as values: the columns are the same in all of them, so that
// one statement, and so one snapshot of the database, holds a mailbox and what is in it.
//
//   part  0 the mailbox   uid_validity, uid_next, highest_modseq, messages, unseen, deleted, bytes;
//                         name, special use
//         1 a message     uid, flags, modseq, size, microseconds, -, -; id, keywords
//         2 an expunge    uid, -...
//
// Thread rule: functions of their arguments.

#include <string>
#include <unordered_map>

#include "base/db.h"
#include "base/result.h"
#include "storage/mailbox/mailbox_view.h"

namespace storage {

/// Text of a statement's part for the mailbox with the id $1.
inline constexpr const char* kMailboxPart =
    "SELECT 0 AS part, b.uid_validity AS n1, b.uid_next AS n2, b.highest_modseq AS n3, "
    "b.messages AS n4, b.unseen AS n5, b.deleted AS n6, b.bytes AS n7, b.name AS t1, "
    "b.special_use AS t2 FROM catalog.mailbox b WHERE b.id = $1";

/// Collects the rows of one statement. Errors: NotFound (no row of the mailbox), TooLarge, Corrupt
/// (a row that the catalog cannot have written).
class MailboxRows {
  public:
    explicit MailboxRows(MailboxId mailbox) noexcept : mailbox_(mailbox) {}

    [[nodiscard]] base::Status read(const base::Rows& rows);

    [[nodiscard]] MailboxView take_view() &&;
    [[nodiscard]] MailboxChanges take_changes() &&;

  private:
    [[nodiscard]] base::Status read_message(const base::Row& row);
    [[nodiscard]] std::uint32_t keyword_list(const base::Row& row);

    MailboxId mailbox_;
    MailboxInfo info_;
    bool found_ = false;
    std::vector<MailboxMessage> messages_;
    KeywordLists keywords_{{}};
    std::unordered_map<std::string, std::uint32_t> keyword_index_;
    std::vector<mail::UidRange> expunged_;
};

/// A row whose columns are those of part 0, from column `first` on.
[[nodiscard]] MailboxInfo mailbox_info(const base::Row& row, int first);

/// What an error of a mailbox statement means for its caller: see Mailboxes.
[[nodiscard]] base::Error mailbox_error(base::Error error);

}  // namespace storage
