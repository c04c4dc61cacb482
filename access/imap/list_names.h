#pragma once

// The lines of LIST and LSUB: names that match a pattern, and levels above them that have to be
// shown although no mailbox has that name. Pure; values. Source: RFC 3501 6.3.8 and 6.3.9, RFC
// 3348, RFC 6154.

#include <cstdint>
#include <string>
#include <vector>

#include "access/list_pattern.h"
#include "access/mail_store.h"

namespace accessd {

enum class ListKind : std::uint8_t { Mailboxes, Subscriptions };

struct ListLine {
    std::string name;  ///< UTF-8
    bool selectable = true;
    bool has_children = false;
    std::string special_use;
};

/// By name. A level above is shown if it matches itself; with LSUB only if no name below it does
/// (the pattern ended in "%").
[[nodiscard]] std::vector<ListLine> list_lines(const std::vector<ListedMailbox>& all,
                                               const ListPattern& pattern,
                                               ListKind kind);

/// "* LIST (\HasNoChildren) "/" "name"CRLF".
void append_list_line(std::string& out, const ListLine& line, ListKind kind);

}  // namespace accessd
