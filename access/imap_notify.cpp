#include "access/imap_notify.h"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "access/imap_chars.h"
#include "access/limits.h"
#include "access/mailbox_name.h"

namespace accessd {
namespace {

using Which = NotifyGroup::Which;

enum class Of : std::uint8_t { Message, Other };

struct NamedEvent {
    std::string_view name;
    Of of;
    std::optional<NotifyEvent> event;  ///< none: known and not offered
};

constexpr std::array<NamedEvent, 8> kEvents = {{
    {"MessageNew", Of::Message, NotifyEvent::MessageNew},
    {"MessageExpunge", Of::Message, NotifyEvent::MessageExpunge},
    {"FlagChange", Of::Message, NotifyEvent::FlagChange},
    {"AnnotationChange", Of::Message, std::nullopt},
    {"MailboxName", Of::Other, NotifyEvent::MailboxName},
    {"SubscriptionChange", Of::Other, NotifyEvent::SubscriptionChange},
    {"MailboxMetadataChange", Of::Other, std::nullopt},
    {"ServerMetadataChange", Of::Other, std::nullopt},
}};

struct NamedMailboxes {
    std::string_view name;
    Which which;
};

constexpr std::array<NamedMailboxes, 5> kMailboxes = {{
    {"inboxes", Which::Inboxes},
    {"personal", Which::Personal},
    {"subscribed", Which::Subscribed},
    {"subtree", Which::Subtree},
    {"mailboxes", Which::Named},
}};

template <typename Table>
const typename Table::value_type* find_in(const Table& table, std::string_view name) {
    const auto found = std::find_if(table.begin(), table.end(), [&](const auto& known) {
        return equals_ignoring_case(known.name, name);
    });
    return found == table.end() ? nullptr : &*found;
}

/// The events of one group.
struct EventList {
    NotifyEvents events;
    bool needs_message_events = false;  ///< AnnotationChange, which nobody offers, has rules too
    bool any_other = false;             ///< of mailboxes or the server
    bool unsupported = false;
    std::optional<FetchItems> of_message;
};

base::Status read_event(Cursor& cursor, EventList& list) {
    const NamedEvent* known = find_in(kEvents, TRY(cursor.atom()));
    if (known == nullptr || !known->event) {
        list.unsupported = true;
    } else {
        list.events.add(*known->event);
    }
    if (known == nullptr) {
        return base::Done{};
    }
    list.any_other = list.any_other || known->of == Of::Other;
    list.needs_message_events = list.needs_message_events || known->name == "AnnotationChange";
    if (known->event == NotifyEvent::MessageNew && cursor.rest().starts_with(" (")) {
        TRY(cursor.space());
        list.of_message = TRY(parse_fetch_items(cursor));
    }
    return base::Done{};
}

// RFC 5465 5: who counts messages must hear of all that changes their number.
base::Status check_together(const Cursor& cursor, const EventList& list) {
    const bool both =
        list.events.has(NotifyEvent::MessageNew) && list.events.has(NotifyEvent::MessageExpunge);
    if (!both && (list.events.any_of_messages() || list.needs_message_events)) {
        return cursor.error("MessageNew and MessageExpunge together");
    }
    return base::Done{};
}

/// "NONE" / "(" event *(SP event) ")".
base::Result<EventList> read_events(Cursor& cursor) {
    EventList list;
    TRY(cursor.space());
    if (!cursor.skip('(')) {
        if (!equals_ignoring_case(TRY(cursor.atom()), "NONE")) {
            return cursor.error("events or NONE");
        }
        return list;
    }
    do {
        TRY(read_event(cursor, list));
    } while (cursor.skip(' '));
    TRY(cursor.expect(')'));
    TRY(check_together(cursor, list));
    return list;
}

/// A name that cannot exist is passed over, as one that does not (RFC 5465 3.1).
base::Status read_name(Cursor& cursor, std::vector<std::string>& names) {
    if (names.size() == kNotifyNamesMax) {
        return base::Error{base::Errc::TooLarge, "mailbox names of NOTIFY"};
    }
    auto name = mailbox_name_from_wire(TRY(cursor.astring()));
    if (name) {
        names.push_back(std::move(name).take_value());
    }
    return base::Done{};
}

base::Result<std::vector<std::string>> read_names(Cursor& cursor) {
    std::vector<std::string> names;
    TRY(cursor.space());
    if (cursor.skip('(')) {
        do {
            TRY(read_name(cursor, names));
        } while (cursor.skip(' '));
        TRY(cursor.expect(')'));
    } else {
        TRY(read_name(cursor, names));
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

base::Status read_selected(Cursor& cursor, NotifyArguments& arguments) {
    EventList list = TRY(read_events(cursor));
    if (list.any_other) {
        return cursor.error("events of messages only");
    }
    arguments.unsupported = arguments.unsupported || list.unsupported;
    arguments.wishes.selected = list.events;
    if (list.of_message) {
        // A notification is nobody's reading, whatever the client wrote (RFC 5465 5.2).
        for (SectionItem& item : list.of_message->sections) {
            item.sets_seen = false;
        }
        arguments.wishes.of_message = std::move(list.of_message);
    }
    return base::Done{};
}

base::Status read_others(Cursor& cursor, Which which, NotifyArguments& arguments) {
    NotifyGroup group;
    group.which = which;
    if (which == Which::Subtree || which == Which::Named) {
        group.names = TRY(read_names(cursor));
    }
    EventList list = TRY(read_events(cursor));
    if (list.of_message) {
        return cursor.error("FETCH items for the selected mailbox only");
    }
    arguments.unsupported = arguments.unsupported || list.unsupported;
    group.events = list.events;
    arguments.wishes.groups.push_back(std::move(group));
    return base::Done{};
}

base::Status read_group(Cursor& cursor, NotifyArguments& arguments, bool& selected_named) {
    TRY(cursor.expect('('));
    const std::string_view filter = TRY(cursor.atom());
    const bool delayed = equals_ignoring_case(filter, "selected-delayed");
    if (delayed || equals_ignoring_case(filter, "selected")) {
        if (std::exchange(selected_named, true)) {
            return cursor.error("the selected mailbox once");  // RFC 5465 6.1
        }
        arguments.wishes.delayed = delayed;
        TRY(read_selected(cursor, arguments));
    } else {
        const NamedMailboxes* known = find_in(kMailboxes, filter);
        if (known == nullptr) {
            return cursor.error("which mailboxes");
        }
        TRY(read_others(cursor, known->which, arguments));
    }
    return cursor.expect(')');
}

bool contains(const std::vector<std::string>& names, std::string_view name) {
    return std::binary_search(names.begin(), names.end(), name, std::less<>());
}

/// True if a name or a level above it is among the names.
bool is_below(const std::vector<std::string>& names, std::string_view name) {
    while (!contains(names, name)) {
        const std::size_t at = name.rfind(kHierarchySeparator);
        if (at == std::string_view::npos) {
            return false;
        }
        name = name.substr(0, at);
    }
    return true;
}

bool is_in(const NotifyGroup& group, std::string_view name, bool subscribed) {
    switch (group.which) {
        // Faxes, voicemail and what is released from a quarantine go to other mailboxes than INBOX,
        // which an operator names per account: RFC 5465 6.2 has "personal" for who cannot tell.
        case Which::Inboxes:
        case Which::Personal:
            return true;  // an account sees no mailboxes but its own
        case Which::Subscribed:
            return subscribed;
        case Which::Subtree:
            return is_below(group.names, name);
        case Which::Named:
            return contains(group.names, name);
    }
    return false;
}

}  // namespace

NotifyEvents NotifyWishes::events_of(std::string_view name, bool subscribed) const {
    NotifyEvents events;
    for (const NotifyGroup& group : groups) {
        if (is_in(group, name, subscribed)) {
            events.add(group.events);
        }
    }
    return events;
}

bool NotifyWishes::any_group() const {
    return std::any_of(groups.begin(), groups.end(), [](const NotifyGroup& group) {
        return !group.events.empty();
    });
}

base::Result<NotifyArguments> parse_notify(Cursor& cursor) {
    NotifyArguments arguments;
    TRY(cursor.space());
    const std::string_view form = TRY(cursor.atom());
    if (equals_ignoring_case(form, "NONE")) {
        TRY(cursor.end());
        return arguments;
    }
    if (!equals_ignoring_case(form, "SET")) {
        return cursor.error("SET or NONE");
    }
    arguments.is_set = true;
    TRY(cursor.space());
    if (cursor.peek() != '(') {
        if (!equals_ignoring_case(TRY(cursor.atom()), "STATUS")) {
            return cursor.error("STATUS or a list");
        }
        arguments.send_status = true;
        TRY(cursor.space());
    }
    bool selected_named = false;
    std::size_t groups = 0;
    do {
        if (++groups > kNotifyGroupsMax) {
            return base::Error{base::Errc::TooLarge, "groups of NOTIFY"};
        }
        TRY(read_group(cursor, arguments, selected_named));
    } while (cursor.skip(' '));
    TRY(cursor.end());
    return arguments;
}

std::string notify_event_names() {
    std::string names;
    for (const NamedEvent& known : kEvents) {
        if (known.event) {
            names.append(names.empty() ? "" : " ").append(known.name);
        }
    }
    return names;
}

}  // namespace accessd
