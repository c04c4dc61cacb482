#include "access/imap/list_names.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_set>

#include "access/mailbox_name.h"

namespace accessd {
namespace {

bool is_wanted(const ListedMailbox& mailbox, ListKind kind) {
    return kind == ListKind::Subscriptions ? mailbox.subscribed : mailbox.info.id != MailboxId{};
}

}  // namespace

std::vector<ListLine> list_lines(const std::vector<ListedMailbox>& all,
                                 const ListPattern& pattern,
                                 ListKind kind) {
    std::map<std::string_view, ListLine> lines;
    std::unordered_set<std::string_view> parents;  // of anything that is wanted
    std::unordered_set<std::string_view> shown_above;
    for (const ListedMailbox& mailbox : all) {
        if (!is_wanted(mailbox, kind)) {
            continue;
        }
        const std::string_view name = mailbox.info.name;
        const bool matches = pattern.matches(name);
        if (matches) {
            lines[name] = {std::string(name), true, false, mailbox.info.special_use};
        }
        for (std::size_t at = name.rfind(kHierarchySeparator);
             at != std::string_view::npos && at > 0;
             at = name.rfind(kHierarchySeparator, at - 1)) {
            const std::string_view above = name.substr(0, at);
            parents.insert(above);
            if (kind == ListKind::Mailboxes || !matches) {
                shown_above.insert(above);
            }
        }
    }
    for (const std::string_view above : shown_above) {
        if (!lines.contains(above) && pattern.matches(above)) {
            lines[above] = {std::string(above), false, true, ""};
        }
    }
    std::vector<ListLine> sorted;
    sorted.reserve(lines.size());
    for (auto& [name, line] : lines) {
        line.has_children = parents.contains(name);
        sorted.push_back(std::move(line));
    }
    return sorted;
}

void append_list_line(std::string& out, const ListLine& line, ListKind kind) {
    out.append(kind == ListKind::Mailboxes ? "* LIST (" : "* LSUB (");
    if (!line.selectable) {
        out.append("\\Noselect ");
    }
    out.append(line.has_children ? "\\HasChildren" : "\\HasNoChildren");
    if (!line.special_use.empty()) {
        out.append(" ").append(line.special_use);
    }
    out.append(") \"/\" ");
    append_mailbox_name(out, line.name);
    out.append("\r\n");
}

}  // namespace accessd
