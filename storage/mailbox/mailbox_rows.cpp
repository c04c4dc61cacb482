#include "storage/mailbox/mailbox_rows.h"

#include <array>
#include <utility>

#include "storage/catalog/lineage.h"

namespace storage {
namespace {

using base::Errc;
using base::Error;
using base::Status;

constexpr std::int64_t kUidMax = 4'294'967'295;

std::uint64_t count_of(const base::Row& row, int column) {
    return static_cast<std::uint64_t>(row.int64(column));
}

}  // namespace

MailboxInfo mailbox_info(const base::Row& row, int first) {
    MailboxInfo info;
    info.uid_validity = static_cast<std::uint32_t>(row.int64(first));
    info.uid_next = count_of(row, first + 1);
    info.highest_modseq = count_of(row, first + 2);
    info.messages = count_of(row, first + 3);
    info.unseen = count_of(row, first + 4);
    info.deleted = count_of(row, first + 5);
    info.bytes = count_of(row, first + 6);
    info.name = row.string(first + 7);
    info.special_use = row.string(first + 8);
    return info;
}

Status MailboxRows::read(const base::Rows& rows) {
    messages_.reserve(rows.size());
    for (const base::Row row : rows) {
        switch (row.int64(0)) {
            case 0:
                info_ = mailbox_info(row, 1);
                info_.id = mailbox_;
                found_ = true;
                break;
            case 1:
                TRY(read_message(row));
                break;
            default: {
                const auto uid = static_cast<std::uint32_t>(row.int64(1));
                expunged_.push_back({uid, uid});
                break;
            }
        }
    }
    if (!found_) {
        return Error{Errc::NotFound, "the mailbox is gone"};
    }
    if (messages_.size() > kMailboxMessagesMax) {
        return Error{Errc::TooLarge, "too many messages in the mailbox"};
    }
    return base::Done{};
}

Status MailboxRows::read_message(const base::Row& row) {
    const std::int64_t uid = row.int64(1);
    if (uid < 1 || uid > kUidMax) {
        return Error{Errc::Corrupt, "a UID that is none"};
    }
    MailboxMessage& message = messages_.emplace_back();
    message.uid = static_cast<std::uint32_t>(uid);
    message.flags = TRY(mail::flags_from_bits(row.int64(2)));
    message.modseq = count_of(row, 3);
    message.size = static_cast<std::uint32_t>(row.int64(4));
    message.internal_date_us = row.int64(5);
    message.id = TRY(mail::MessageId::parse(row.text(8)));
    message.keywords = keyword_list(row);
    return base::Done{};
}

std::uint32_t MailboxRows::keyword_list(const base::Row& row) {
    const std::string_view text = row.text(9);
    if (text.empty() || text == "{}") {
        return 0;
    }
    const auto [at, is_new] =
        keyword_index_.try_emplace(std::string(text), static_cast<std::uint32_t>(keywords_.size()));
    if (is_new) {
        keywords_.push_back(row.string_array(9));
    }
    return at->second;
}

MailboxView MailboxRows::take_view() && {
    MailboxView view;
    view.info = std::move(info_);
    view.messages = std::move(messages_);
    view.keywords = std::move(keywords_);
    return view;
}

MailboxChanges MailboxRows::take_changes() && {
    MailboxChanges changes;
    changes.info = std::move(info_);
    changes.messages = std::move(messages_);
    changes.keywords = std::move(keywords_);
    changes.expunged = mail::UidSet::from_ranges(std::move(expunged_));
    return changes;
}

Error mailbox_error(Error error) {
    // schema/0005_mailbox.sql begins these messages with their SQLSTATE.
    static constexpr std::array<std::pair<std::string_view, Errc>, 6> kCodes{{
        {"RT002", Errc::TooLarge},
        {"RT004", Errc::NotFound},
        {"RT005", Errc::Exists},
        {"RT006", Errc::Refused},
        {"RT007", Errc::TooLarge},
        {"mailbox_message_keywords_check", Errc::TooLarge},
    }};
    for (const auto& [text, code] : kCodes) {
        if (error.detail.find(text) != std::string::npos) {
            return Error{code, std::move(error.detail)};
        }
    }
    if (wants_jump(error)) {
        // A primary that was promoted once more since we made it jump.
        return Error{Errc::Busy, std::move(error.detail)};
    }
    if (error.detail.find("RT008") != std::string::npos) {
        // The catalog is being rebuilt, which is as if it were away.
        return Error{Errc::Unavailable, std::move(error.detail)};
    }
    // A name that a check of the table refuses.
    if (error.code == Errc::Invalid && error.detail.find("_name_check") != std::string::npos) {
        return Error{Errc::Refused, std::move(error.detail)};
    }
    return error;
}

}  // namespace storage
