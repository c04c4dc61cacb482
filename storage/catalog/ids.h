#pragma once

// Strong ids of rows: accounts and mailboxes. Thread rule: values.

#include <cstdint>

namespace storage {

/// directory.account. 0: none.
enum class AccountId : std::int64_t {};
/// catalog.mailbox. 0: none.
enum class MailboxId : std::int64_t {};

[[nodiscard]] constexpr std::int64_t number(AccountId id) noexcept {
    return static_cast<std::int64_t>(id);
}

[[nodiscard]] constexpr std::int64_t number(MailboxId id) noexcept {
    return static_cast<std::int64_t>(id);
}

}  // namespace storage
