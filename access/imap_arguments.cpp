#include "access/imap_arguments.h"

#include <array>

#include "access/imap_chars.h"
#include "access/limits.h"
#include "access/mailbox_name.h"

namespace accessd {
namespace {

/// A name that is no name cannot exist: the caller says NO, as to any other unknown mailbox.
base::Result<std::string> read_mailbox(Cursor& cursor) {
    const std::string wire = TRY(cursor.astring());
    auto name = mailbox_name_from_wire(wire);
    if (!name) {
        return base::Error{base::Errc::Refused, std::move(name).take_error().detail};
    }
    return name;
}

base::Result<mail::SequenceSet> read_set(Cursor& cursor) {
    return mail::SequenceSet::parse(TRY(cursor.sequence_set()));
}

base::Status read_flag(Cursor& cursor, mail::FlagList& flags) {
    const std::string_view flag = TRY(cursor.flag());
    TRY(mail::add_flag(flags, flag));
    // RFC 3501 2.3.2: clients cannot set \Recent.
    return flags.recent ? base::Status(cursor.error("a flag that clients may set"))
                        : base::Status(base::Done{});
}

/// "(" [flag *(SP flag)] ")".
base::Status read_flag_list(Cursor& cursor, mail::FlagList& flags) {
    TRY(cursor.expect('('));
    if (cursor.skip(')')) {
        return base::Done{};
    }
    do {
        TRY(read_flag(cursor, flags));
    } while (cursor.skip(' '));
    return cursor.expect(')');
}

struct NamedStatusItem {
    std::string_view name;
    StatusItem item;
};

constexpr std::array<NamedStatusItem, 6> kStatusItems = {{
    {"MESSAGES", StatusItem::Messages},
    {"RECENT", StatusItem::Recent},
    {"UIDNEXT", StatusItem::UidNext},
    {"UIDVALIDITY", StatusItem::UidValidity},
    {"UNSEEN", StatusItem::Unseen},
    {"APPENDLIMIT", StatusItem::AppendLimit},
}};

base::Status read_status_item(Cursor& cursor, StatusArguments& arguments) {
    const std::string_view name = TRY(cursor.item_name());
    for (const NamedStatusItem& known : kStatusItems) {
        if (equals_ignoring_case(name, known.name)) {
            arguments.items =
                static_cast<std::uint8_t>(arguments.items | static_cast<std::uint8_t>(known.item));
            return base::Done{};
        }
    }
    return cursor.error("a STATUS item");
}

base::Result<AppendHead> read_append_head(Cursor& cursor) {
    AppendHead head;
    head.mailbox = TRY(read_mailbox(cursor));
    TRY(cursor.space());
    if (cursor.peek() == '(') {
        TRY(read_flag_list(cursor, head.flags));
        TRY(cursor.space());
    }
    if (cursor.peek() == '"') {
        const std::string text = TRY(cursor.string());
        head.date = mail::parse_imap_date_time(text);
        if (!head.date) {
            return cursor.error("a date-time");
        }
        TRY(cursor.space());
    }
    if (cursor.peek() != '{') {
        return cursor.error("a literal");
    }
    return head;
}

}  // namespace

base::Result<CommandHead> parse_head(Cursor& cursor) {
    CommandHead head;
    head.tag = TRY(cursor.tag());
    TRY(cursor.space());
    head.name = TRY(cursor.atom());
    return head;
}

base::Result<LoginArguments> parse_login(Cursor& cursor) {
    LoginArguments arguments;
    TRY(cursor.space());
    arguments.user = TRY(cursor.astring());
    TRY(cursor.space());
    arguments.password = TRY(cursor.astring());
    TRY(cursor.end());
    return arguments;
}

base::Result<AuthenticateArguments> parse_authenticate(Cursor& cursor) {
    AuthenticateArguments arguments;
    TRY(cursor.space());
    arguments.mechanism = std::string(TRY(cursor.atom()));
    if (cursor.skip(' ')) {
        const std::string_view response = cursor.rest();
        arguments.initial_response = response == "=" ? std::string() : std::string(response);
        return arguments;
    }
    TRY(cursor.end());
    return arguments;
}

base::Result<std::string> decode_base64(std::string_view text) {
    constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const base::Error bad{base::Errc::Invalid, "base64"};
    if (text.size() % 4 != 0) {
        return bad;
    }
    std::size_t padding = 0;
    while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') {
        ++padding;
    }
    std::string out;
    out.reserve(text.size() / 4 * 3);
    std::uint32_t bits = 0;
    unsigned have = 0;
    for (const char c : text.substr(0, text.size() - padding)) {
        const std::size_t value = kAlphabet.find(c);
        if (value == std::string_view::npos) {
            return bad;
        }
        bits = ((bits << 6) | static_cast<std::uint32_t>(value)) & 0xFFFFU;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out.push_back(static_cast<char>((bits >> have) & 0xFFU));
        }
    }
    if ((bits & ((1U << have) - 1)) != 0) {
        return bad;
    }
    return out;
}

base::Result<PlainResponse> parse_plain_response(std::string_view message) {
    const std::size_t first = message.find('\0');
    const std::size_t second =
        first == std::string_view::npos ? first : message.find('\0', first + 1);
    if (second == std::string_view::npos || message.find('\0', second + 1) != message.npos) {
        return base::Error{base::Errc::Invalid, "SASL PLAIN message"};
    }
    PlainResponse response;
    response.authorization = message.substr(0, first);
    response.user = message.substr(first + 1, second - first - 1);
    response.password = message.substr(second + 1);
    if (response.user.empty() || response.password.empty()) {
        return base::Error{base::Errc::Invalid, "SASL PLAIN message"};
    }
    return response;
}

base::Result<std::string> parse_mailbox_argument(Cursor& cursor) {
    TRY(cursor.space());
    std::string name = TRY(read_mailbox(cursor));
    TRY(cursor.end());
    return name;
}

base::Result<std::pair<std::string, std::string>> parse_rename(Cursor& cursor) {
    TRY(cursor.space());
    std::string from = TRY(read_mailbox(cursor));
    TRY(cursor.space());
    std::string to = TRY(read_mailbox(cursor));
    TRY(cursor.end());
    return std::make_pair(std::move(from), std::move(to));
}

base::Result<ListArguments> parse_list(Cursor& cursor) {
    TRY(cursor.space());
    const std::string reference = TRY(cursor.astring());
    TRY(cursor.space());
    const std::string pattern = TRY(cursor.list_mailbox());
    TRY(cursor.end());
    ListArguments arguments;
    arguments.is_root = pattern.empty();
    if (!arguments.is_root) {
        // Joined before decoding: a shifted sequence cannot span the two, and wildcards are ASCII.
        arguments.pattern = TRY(decode_mutf7(reference)) + TRY(decode_mutf7(pattern));
    }
    return arguments;
}

base::Result<StatusArguments> parse_status(Cursor& cursor) {
    StatusArguments arguments;
    TRY(cursor.space());
    arguments.mailbox = TRY(read_mailbox(cursor));
    TRY(cursor.space());
    TRY(cursor.expect('('));
    do {
        TRY(read_status_item(cursor, arguments));
    } while (cursor.skip(' '));
    TRY(cursor.expect(')'));
    TRY(cursor.end());
    return arguments;
}

base::Result<FetchArguments> parse_fetch(Cursor& cursor) {
    FetchArguments arguments;
    TRY(cursor.space());
    arguments.set = TRY(read_set(cursor));
    TRY(cursor.space());
    arguments.items = TRY(parse_fetch_items(cursor));
    TRY(cursor.end());
    return arguments;
}

base::Result<StoreArguments> parse_store(Cursor& cursor) {
    StoreArguments arguments;
    TRY(cursor.space());
    arguments.set = TRY(read_set(cursor));
    TRY(cursor.space());
    if (cursor.skip('+')) {
        arguments.change = storage::FlagChange::Add;
    } else if (cursor.skip('-')) {
        arguments.change = storage::FlagChange::Remove;
    }
    const std::string_view name = TRY(cursor.item_name());
    arguments.silent = equals_ignoring_case(name, "FLAGS.SILENT");
    if (!arguments.silent && !equals_ignoring_case(name, "FLAGS")) {
        return cursor.error("FLAGS");
    }
    TRY(cursor.space());
    if (cursor.peek() == '(') {
        TRY(read_flag_list(cursor, arguments.flags));
    } else {
        do {
            TRY(read_flag(cursor, arguments.flags));
        } while (cursor.skip(' '));
    }
    TRY(cursor.end());
    return arguments;
}

base::Result<CopyArguments> parse_copy(Cursor& cursor) {
    CopyArguments arguments;
    TRY(cursor.space());
    arguments.set = TRY(read_set(cursor));
    TRY(cursor.space());
    arguments.mailbox = TRY(read_mailbox(cursor));
    TRY(cursor.end());
    return arguments;
}

base::Result<mail::SequenceSet> parse_set_argument(Cursor& cursor) {
    TRY(cursor.space());
    mail::SequenceSet set = TRY(read_set(cursor));
    TRY(cursor.end());
    return set;
}

base::Result<IdArguments> parse_id(Cursor& cursor) {
    IdArguments arguments;
    TRY(cursor.space());
    if (cursor.skip_word("NIL") || cursor.skip_word("()")) {
        TRY(cursor.end());
        return arguments;
    }
    TRY(cursor.expect('('));
    std::size_t pairs = 0;
    do {
        if (++pairs > kIdPairsMax) {
            return base::Error{base::Errc::TooLarge, "ID"};
        }
        const std::string field = TRY(cursor.string());
        TRY(cursor.space());
        std::string value;
        if (!cursor.skip_word("NIL")) {
            value = TRY(cursor.string());
        }
        if (equals_ignoring_case(field, "name")) {
            arguments.name = std::move(value);
        } else if (equals_ignoring_case(field, "version")) {
            arguments.version = std::move(value);
        }
    } while (cursor.skip(' '));
    TRY(cursor.expect(')'));
    TRY(cursor.end());
    return arguments;
}

base::Result<LiteralPlan> plan_literal(std::string_view text) {
    LiteralPlan plan;
    Cursor cursor(text);
    const auto head = parse_head(cursor);
    if (!head || !equals_ignoring_case(head.value().name, "APPEND") || !cursor.skip(' ')) {
        return plan;
    }
    // The mailbox itself may be the literal that is to come: "{5}CRLF" and nothing after.
    if (cursor.peek() == '{' && cursor.rest().find('\n') + 1 == cursor.rest().size()) {
        return plan;
    }
    plan.use = LiteralUse::Message;
    plan.append = TRY(read_append_head(cursor));
    return plan;
}

}  // namespace accessd
