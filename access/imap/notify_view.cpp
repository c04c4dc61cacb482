#include "access/imap/notify_view.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <unordered_map>
#include <utility>

#include <fmt/core.h>

#include "access/mailbox_name.h"

namespace accessd {
namespace {

/// Calls `visit` with each level above a name, the nearest first.
template <typename Visit>
void for_levels_above(std::string_view name, Visit visit) {
    for (std::size_t at = name.rfind(kHierarchySeparator); at != std::string_view::npos && at > 0;
         at = name.rfind(kHierarchySeparator, at - 1)) {
        visit(name.substr(0, at));
    }
}

bool is_at_or_below(std::string_view name, std::string_view level) {
    return name.starts_with(level) &&
           (name.size() == level.size() || name[level.size()] == kHierarchySeparator);
}

}  // namespace

NotifyView::Names NotifyView::names_of(const std::vector<ListedMailbox>& listed) {
    Names names;
    for (const ListedMailbox& line : listed) {
        Known& known = names[line.info.name];
        known.id = line.info.id;
        known.subscribed = line.subscribed;
        known.uid_validity = line.info.uid_validity;
        known.uid_next = line.info.uid_next;
        known.modseq = line.info.highest_modseq;
        known.messages = line.info.messages;
        known.unseen = line.info.unseen;
    }
    return names;
}

struct NotifyView::Update {
    const NotifyWishes& wishes;
    const Names& before;
    const Names& now;
    std::unordered_map<std::int64_t, Names::const_iterator> by_id_before;
    std::unordered_map<std::int64_t, Names::const_iterator> by_id_now;
    std::set<std::string_view> with_children;
    std::map<std::string_view, std::string_view> special_use;

    Update(const NotifyWishes& a_wishes, const Names& a_before, const Names& a_now)
        : wishes(a_wishes), before(a_before), now(a_now) {
        index(before, by_id_before);
        index(now, by_id_now);
        for (const auto& [name, known] : now) {
            if (known.exists()) {
                for_levels_above(name,
                                 [&](std::string_view level) { with_children.insert(level); });
            }
        }
    }

    static void index(const Names& names,
                      std::unordered_map<std::int64_t, Names::const_iterator>& by_id) {
        for (auto at = names.begin(); at != names.end(); ++at) {
            if (at->second.id != MailboxId{}) {
                by_id.emplace(storage::number(at->second.id), at);
            }
        }
    }

    [[nodiscard]] static const Known* look_up(const Names& names, std::string_view name) {
        const auto found = names.find(name);
        return found == names.end() ? nullptr : &found->second;
    }

    /// What this mailbox was before, whatever it was called; null: it is new to the client.
    [[nodiscard]] const Names::value_type* was(MailboxId id) const {
        const auto found = by_id_before.find(storage::number(id));
        return found == by_id_before.end() ? nullptr : &*found->second;
    }

    /// The name under which the client knows a mailbox that has another now; empty: none.
    [[nodiscard]] std::string_view old_name(std::string_view name, const Known& known) const {
        const Names::value_type* old = was(known.id);
        return old == nullptr || old->first == name ? std::string_view() : old->first;
    }

    /// True if a name is gone because its mailbox has another one, whose response names this one.
    [[nodiscard]] bool is_told_as_renamed(const Known& old) const {
        const auto found = by_id_now.find(storage::number(old.id));
        return old.id != MailboxId{} && found != by_id_now.end() &&
               wishes.events_of(found->second->first, found->second->second.subscribed)
                   .has(NotifyEvent::MailboxName);
    }

    /// RFC 5465 5.4.
    [[nodiscard]] bool tells_name(std::string_view name, const Known& old, const Known& is) const {
        if (!old.exists() && !is.exists()) {
            return false;
        }
        if (old.exists() && !is.exists()) {
            return !is_told_as_renamed(old);
        }
        return !old.exists() || (old.id != is.id && !old.own) || !old_name(name, is).empty();
    }

    void append_list(std::string& out, std::string_view name, const Known& is) const {
        out.append("* LIST (");
        if (!is.exists()) {
            out.append("\\NonExistent ");
        }
        if (is.subscribed) {
            out.append("\\Subscribed ");
        }
        out.append(with_children.contains(name) ? "\\HasChildren" : "\\HasNoChildren");
        if (const auto use = special_use.find(name); use != special_use.end()) {
            out.append(" ").append(use->second);
        }
        out.append(") \"/\" ");
        append_mailbox_name(out, name);
        if (const std::string_view old = old_name(name, is); !old.empty()) {
            out.append(" (\"OLDNAME\" (");
            append_mailbox_name(out, old);
            out.append("))");
        }
        out.append("\r\n");
    }

    void tell_name(std::string& out, std::string_view name) const {
        static const Known kNothing;
        const Known* had = look_up(before, name);
        const Known* has = look_up(now, name);
        const Known& old = had == nullptr ? kNothing : *had;
        const Known& is = has == nullptr ? kNothing : *has;
        // Also who leaves the subscribed ones is told of it.
        const NotifyEvents events = wishes.events_of(name, old.subscribed || is.subscribed);
        if ((events.has(NotifyEvent::MailboxName) && tells_name(name, old, is)) ||
            (events.has(NotifyEvent::SubscriptionChange) && old.subscribed != is.subscribed)) {
            append_list(out, name, is);
        }
    }

    /// RFC 5465 5.1 to 5.3, for mailboxes that are not selected.
    [[nodiscard]] bool tells_messages(std::string_view name,
                                      const Known& is,
                                      NotifyEvents events) const {
        const Names::value_type* same = was(is.id);
        const Known* own = look_up(before, name);
        if (same == nullptr && (own == nullptr || !own->own)) {
            return true;
        }
        // One that comes to match now: the client knows no numbers of it.
        if (same != nullptr &&
            !wishes.events_of(same->first, same->second.subscribed).any_of_messages()) {
            return true;
        }
        const Known& old = same == nullptr ? *own : same->second;
        return (same != nullptr && old.uid_validity != is.uid_validity) ||
               old.uid_next != is.uid_next || old.messages != is.messages ||
               (events.has(NotifyEvent::FlagChange) && old.modseq != is.modseq);
    }
};

void NotifyView::start(const std::vector<ListedMailbox>& listed) {
    names_ = names_of(listed);
}

void NotifyView::append_status(std::string& out, std::string_view name, const Known& now) const {
    out.append("* STATUS ");
    append_mailbox_name(out, name);
    fmt::format_to(std::back_inserter(out),
                   " (MESSAGES {} UIDNEXT {} UIDVALIDITY {}",
                   now.messages,
                   std::min<std::uint64_t>(now.uid_next, UINT32_MAX),
                   now.uid_validity);
    if (wishes_.events_of(name, now.subscribed).has(NotifyEvent::FlagChange)) {
        fmt::format_to(
            std::back_inserter(out), " UNSEEN {} HIGHESTMODSEQ {}", now.unseen, now.modseq);
    }
    out.append(")\r\n");
}

void NotifyView::append_statuses(std::string& out, MailboxId selected) const {
    for (const auto& [name, known] : names_) {
        if (known.id != MailboxId{} && known.id != selected &&
            wishes_.events_of(name, known.subscribed).any_of_messages()) {
            append_status(out, name, known);
        }
    }
}

void NotifyView::update(const std::vector<ListedMailbox>& listed,
                        MailboxId selected,
                        std::string& out) {
    const Names now = names_of(listed);
    Update update(wishes_, names_, now);
    for (const ListedMailbox& line : listed) {
        if (!line.info.special_use.empty()) {
            update.special_use[line.info.name] = line.info.special_use;
        }
    }
    for (const auto& [name, old] : names_) {
        if (!now.contains(name)) {
            update.tell_name(out, name);
        }
    }
    for (const auto& [name, is] : now) {
        update.tell_name(out, name);
        const NotifyEvents events = wishes_.events_of(name, is.subscribed);
        if (is.id != MailboxId{} && is.id != selected && events.any_of_messages() &&
            update.tells_messages(name, is, events)) {
            append_status(out, name, is);
        }
    }
    names_ = now;
}

std::vector<MailboxId> NotifyView::watched(const std::vector<ListedMailbox>& listed) const {
    std::vector<MailboxId> mailboxes;
    for (const ListedMailbox& line : listed) {
        if (line.info.id != MailboxId{} &&
            wishes_.events_of(line.info.name, line.subscribed).any_of_messages()) {
            mailboxes.push_back(line.info.id);
        }
    }
    std::sort(mailboxes.begin(), mailboxes.end());
    return mailboxes;
}

void NotifyView::note_created(std::string_view name) {
    const auto make = [&](std::string_view made) {
        Known& known = names_[std::string(made)];
        known.own = known.own || known.id == MailboxId{};
    };
    make(name);
    for_levels_above(name, make);
}

void NotifyView::note_removed(std::string_view name) {
    const auto found = names_.find(name);
    if (found == names_.end()) {
        return;
    }
    if (!found->second.subscribed) {
        names_.erase(found);
        return;
    }
    found->second = {};
    found->second.subscribed = true;
}

void NotifyView::note_renamed(std::string_view from, std::string_view to) {
    note_created(to);
    if (from == "INBOX") {
        return;  // it stays, and nothing below it is renamed
    }
    std::vector<std::pair<std::string, Known>> moved;
    for (auto at = names_.lower_bound(from); at != names_.end() && at->first.starts_with(from);
         ++at) {
        if (at->second.exists() && is_at_or_below(at->first, from)) {
            moved.emplace_back(std::string(to) + at->first.substr(from.size()), at->second);
        }
    }
    for (const auto& [name, known] : moved) {
        note_removed(std::string(from) + name.substr(to.size()));
    }
    for (auto& [name, known] : moved) {
        // A subscription is to a name and stays with it.
        Known& target = names_[name];
        known.subscribed = target.subscribed;
        target = known;
    }
}

void NotifyView::note_subscribed(std::string_view name, bool subscribed) {
    const auto found = names_.find(name);
    if (found == names_.end()) {
        if (subscribed) {
            names_[std::string(name)].subscribed = true;
        }
        return;
    }
    found->second.subscribed = subscribed;
    if (!subscribed && !found->second.exists()) {
        names_.erase(found);
    }
}

// Only what follows on what the client knows is all its own.
void NotifyView::note_placed(std::string_view name,
                             const std::vector<std::uint32_t>& uids,
                             std::uint64_t modseq) {
    const auto found = names_.find(name);
    if (found == names_.end() || uids.empty()) {
        return;
    }
    Known& known = found->second;
    if (known.uid_next != uids.front() || uids.back() - uids.front() + 1 != uids.size()) {
        return;
    }
    known.uid_next = std::uint64_t{uids.back()} + 1;
    known.messages += uids.size();
    if (known.modseq + 1 == modseq) {
        known.modseq = modseq;
    }
}

void NotifyView::note_appended(std::string_view name, std::uint32_t uid) {
    if (const auto found = names_.find(name); found != names_.end()) {
        note_placed(name, {uid}, found->second.modseq + 1);
    }
}

void NotifyView::note_left(const SelectedMailbox& mailbox) {
    for (auto& [name, known] : names_) {
        if (known.id == mailbox.id()) {
            known.uid_validity = mailbox.uid_validity();
            known.uid_next = mailbox.uid_next();
            known.modseq = mailbox.modseq();
            known.messages = mailbox.count_present();
        }
    }
}

}  // namespace accessd
