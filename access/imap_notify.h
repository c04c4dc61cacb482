#pragma once

// What NOTIFY asks for, RFC 5465 8. Pure. Thread rule: values; functions of their arguments.
//
// Errors: Errc::Invalid (grammar, and events that may not stand alone, RFC 5465 5), TooLarge (over
// kNotifyGroupsMax, kNotifyNamesMax or a limit of FETCH). An event that is not offered is no error
// of the grammar: it is answered NO (RFC 5465 3.1).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/imap_cursor.h"
#include "access/imap_fetch_items.h"
#include "base/result.h"

namespace accessd {

/// Events that are offered, as bits.
enum class NotifyEvent : std::uint8_t {
    MessageNew = 1,
    MessageExpunge = 2,
    FlagChange = 4,
    MailboxName = 8,
    SubscriptionChange = 16,
};

/// A set of NotifyEvent.
class NotifyEvents {
  public:
    constexpr NotifyEvents() noexcept = default;

    [[nodiscard]] constexpr bool has(NotifyEvent event) const {
        return (bits_ & static_cast<std::uint8_t>(event)) != 0;
    }

    [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }

    /// Any of MessageNew, MessageExpunge and FlagChange.
    [[nodiscard]] constexpr bool any_of_messages() const {
        return has(NotifyEvent::MessageNew) || has(NotifyEvent::MessageExpunge) ||
               has(NotifyEvent::FlagChange);
    }

    constexpr void add(NotifyEvent event) {
        bits_ = static_cast<std::uint8_t>(bits_ | static_cast<std::uint8_t>(event));
    }

    constexpr void add(NotifyEvents other) {
        bits_ = static_cast<std::uint8_t>(bits_ | other.bits_);
    }

    bool operator==(const NotifyEvents&) const = default;

  private:
    std::uint8_t bits_ = 0;
};

/// Mailboxes and what is wished of them (RFC 5465 6.2 to 6.6).
struct NotifyGroup {
    enum class Which : std::uint8_t { Inboxes, Personal, Subscribed, Subtree, Named };

    Which which = Which::Personal;
    std::vector<std::string> names;  ///< of Subtree and Named: UTF-8, sorted, each once
    NotifyEvents events;
};

/// All that a client wishes to be told. Made empty: nothing (NOTIFY NONE).
struct NotifyWishes {
    NotifyEvents selected;                 ///< of the selected mailbox, whichever it is
    bool delayed = false;                  ///< SELECTED-DELAYED: EXPUNGE in commands only
    std::optional<FetchItems> of_message;  ///< of each new message there; never sets \Seen
    std::vector<NotifyGroup> groups;       ///< for all mailboxes but the selected one

    /// Of all groups that this name is in. Messages of the selected mailbox are `selected`'s.
    [[nodiscard]] NotifyEvents events_of(std::string_view name, bool subscribed) const;

    /// True if a group asks for anything.
    [[nodiscard]] bool any_group() const;
};

/// NOTIFY SET or NOTIFY NONE.
struct NotifyArguments {
    NotifyWishes wishes;
    bool is_set = false;
    bool send_status = false;  ///< SET STATUS
    bool unsupported = false;  ///< an event that is not offered was named
};

[[nodiscard]] base::Result<NotifyArguments> parse_notify(Cursor& cursor);

/// "MessageNew MessageExpunge ...": what is offered, for BADEVENT.
[[nodiscard]] std::string notify_event_names();

}  // namespace accessd
