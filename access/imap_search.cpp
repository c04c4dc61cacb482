#include "access/imap_search.h"

#include <array>

#include "access/imap_chars.h"
#include "access/limits.h"
#include "mail/date.h"
#include "mail/decode.h"

namespace accessd {
namespace {

enum class Argument : std::uint8_t { None, Text, FieldText, Date, Size, Keyword, Set };
enum class Sense : std::uint8_t { Plain, Inverted };

/// How a key is written and what it means.
struct KeyRule {
    std::string_view name;
    SearchOp op = SearchOp::All;
    Argument argument = Argument::None;
    mail::Flags flags = mail::Flags::None;
    std::string_view field;
    Sense sense = Sense::Plain;
};

constexpr std::array<KeyRule, 33> kKeys = {{
    {"ALL", SearchOp::All, Argument::None, mail::Flags::None, "", Sense::Plain},
    {"ANSWERED", SearchOp::Flag, Argument::None, mail::Flags::Answered, "", Sense::Plain},
    {"BCC", SearchOp::Field, Argument::Text, mail::Flags::None, "Bcc", Sense::Plain},
    {"BEFORE", SearchOp::Before, Argument::Date, mail::Flags::None, "", Sense::Plain},
    {"BODY", SearchOp::Body, Argument::Text, mail::Flags::None, "", Sense::Plain},
    {"CC", SearchOp::Field, Argument::Text, mail::Flags::None, "Cc", Sense::Plain},
    {"DELETED", SearchOp::Flag, Argument::None, mail::Flags::Deleted, "", Sense::Plain},
    {"DRAFT", SearchOp::Flag, Argument::None, mail::Flags::Draft, "", Sense::Plain},
    {"FLAGGED", SearchOp::Flag, Argument::None, mail::Flags::Flagged, "", Sense::Plain},
    {"FROM", SearchOp::Field, Argument::Text, mail::Flags::None, "From", Sense::Plain},
    {"HEADER", SearchOp::Field, Argument::FieldText, mail::Flags::None, "", Sense::Plain},
    {"KEYWORD", SearchOp::Keyword, Argument::Keyword, mail::Flags::None, "", Sense::Plain},
    {"LARGER", SearchOp::Larger, Argument::Size, mail::Flags::None, "", Sense::Plain},
    {"OLD", SearchOp::Recent, Argument::None, mail::Flags::None, "", Sense::Inverted},
    {"ON", SearchOp::On, Argument::Date, mail::Flags::None, "", Sense::Plain},
    {"RECENT", SearchOp::Recent, Argument::None, mail::Flags::None, "", Sense::Plain},
    {"SEEN", SearchOp::Flag, Argument::None, mail::Flags::Seen, "", Sense::Plain},
    {"SENTBEFORE", SearchOp::SentBefore, Argument::Date, mail::Flags::None, "", Sense::Plain},
    {"SENTON", SearchOp::SentOn, Argument::Date, mail::Flags::None, "", Sense::Plain},
    {"SENTSINCE", SearchOp::SentSince, Argument::Date, mail::Flags::None, "", Sense::Plain},
    {"SINCE", SearchOp::Since, Argument::Date, mail::Flags::None, "", Sense::Plain},
    {"SMALLER", SearchOp::Smaller, Argument::Size, mail::Flags::None, "", Sense::Plain},
    {"SUBJECT", SearchOp::Field, Argument::Text, mail::Flags::None, "Subject", Sense::Plain},
    {"TEXT", SearchOp::Text, Argument::Text, mail::Flags::None, "", Sense::Plain},
    {"TO", SearchOp::Field, Argument::Text, mail::Flags::None, "To", Sense::Plain},
    {"UID", SearchOp::Uid, Argument::Set, mail::Flags::None, "", Sense::Plain},
    {"UNANSWERED", SearchOp::Flag, Argument::None, mail::Flags::Answered, "", Sense::Inverted},
    {"UNDELETED", SearchOp::Flag, Argument::None, mail::Flags::Deleted, "", Sense::Inverted},
    {"UNDRAFT", SearchOp::Flag, Argument::None, mail::Flags::Draft, "", Sense::Inverted},
    {"UNFLAGGED", SearchOp::Flag, Argument::None, mail::Flags::Flagged, "", Sense::Inverted},
    {"UNKEYWORD", SearchOp::Keyword, Argument::Keyword, mail::Flags::None, "", Sense::Inverted},
    {"UNSEEN", SearchOp::Flag, Argument::None, mail::Flags::Seen, "", Sense::Inverted},
    {"NEW", SearchOp::Recent, Argument::None, mail::Flags::None, "", Sense::Plain},
}};

const KeyRule* find_rule(std::string_view name) {
    for (const KeyRule& rule : kKeys) {
        if (equals_ignoring_case(rule.name, name)) {
            return &rule;
        }
    }
    return nullptr;
}

/// Builds the postfix program from the keys in the order in which they come.
class ProgramBuilder {
  public:
    explicit ProgramBuilder(Cursor& cursor) : cursor_(cursor) {}

    base::Result<std::vector<SearchNode>> build();

  private:
    /// What waits for operands: the command itself, "(", NOT or OR.
    enum class Waiting : std::uint8_t { Command, List, Not, Or };

    struct Frame {
        Waiting waiting = Waiting::Command;
        unsigned operands = 0;
    };

    base::Status open(Waiting waiting);
    base::Status read_key();
    base::Status read_leaf();
    base::Status read_set();
    base::Status read_numbers(SearchNode& node);
    base::Status read_argument(const KeyRule& rule, SearchNode& node);
    base::Status read_date(SearchNode& node);
    base::Result<std::string> read_text();
    base::Status emit(SearchNode node);
    base::Status emit_op(SearchOp op);
    base::Status operand_done();

    Cursor& cursor_;
    std::vector<SearchNode> nodes_;
    std::vector<Frame> frames_;
    bool complete_ = false;
};

base::Status ProgramBuilder::open(Waiting waiting) {
    if (frames_.size() == kNestingMax) {
        return base::Error{base::Errc::TooLarge, "SEARCH nesting"};
    }
    frames_.push_back({waiting, 0});
    return base::Done{};
}

base::Result<std::vector<SearchNode>> ProgramBuilder::build() {
    TRY(open(Waiting::Command));
    while (!complete_) {
        TRY(read_key());
    }
    return std::move(nodes_);
}

base::Status ProgramBuilder::read_key() {
    if (cursor_.skip('(')) {
        return open(Waiting::List);
    }
    if (is_digit(cursor_.peek()) || cursor_.peek() == '*') {
        TRY(read_set());
    } else {
        const std::string_view name = TRY(cursor_.item_name());
        if (equals_ignoring_case(name, "NOT") || equals_ignoring_case(name, "OR")) {
            TRY(cursor_.space());
            return open(name.size() == 2 ? Waiting::Or : Waiting::Not);
        }
        const KeyRule* rule = find_rule(name);
        if (rule == nullptr) {
            return cursor_.error("a SEARCH key");
        }
        SearchNode node;
        node.op = rule->op;
        node.flags = rule->flags;
        node.field = rule->field;
        TRY(read_argument(*rule, node));
        TRY(emit(std::move(node)));
        if (rule->sense == Sense::Inverted) {
            TRY(emit_op(SearchOp::Not));
        }
        if (rule->name == "NEW") {  // RECENT UNSEEN, RFC 3501 6.4.4
            SearchNode seen;
            seen.op = SearchOp::Flag;
            seen.flags = mail::Flags::Seen;
            TRY(emit(std::move(seen)));
            TRY(emit_op(SearchOp::Not));
            TRY(emit_op(SearchOp::And));
        }
    }
    return operand_done();
}

base::Status ProgramBuilder::read_set() {
    SearchNode node;
    node.op = SearchOp::Sequence;
    TRY(read_numbers(node));
    return emit(std::move(node));
}

base::Status ProgramBuilder::read_numbers(SearchNode& node) {
    const std::string_view text = TRY(cursor_.sequence_set());
    node.set = TRY(mail::SequenceSet::parse(text));
    return base::Done{};
}

base::Status ProgramBuilder::read_argument(const KeyRule& rule, SearchNode& node) {
    if (rule.argument == Argument::None) {
        return base::Done{};
    }
    TRY(cursor_.space());
    switch (rule.argument) {
        case Argument::None:
            break;
        case Argument::FieldText:
            node.field = TRY(cursor_.astring());
            TRY(cursor_.space());
            node.text = TRY(read_text());
            break;
        case Argument::Text:
            node.text = TRY(read_text());
            break;
        case Argument::Date:
            return read_date(node);
        case Argument::Size:
            node.number = static_cast<std::int64_t>(TRY(cursor_.number64()));
            break;
        case Argument::Keyword:
            node.text = std::string(TRY(cursor_.atom()));
            break;
        case Argument::Set:
            return read_numbers(node);
    }
    return base::Done{};
}

base::Status ProgramBuilder::read_date(SearchNode& node) {
    // date = date-text / DQUOTE date-text DQUOTE, and an astring is either.
    const std::string text = TRY(cursor_.astring());
    const std::optional<std::int64_t> day = mail::parse_imap_date(text);
    if (!day) {
        return cursor_.error("a date");
    }
    node.number = *day;
    return base::Done{};
}

base::Result<std::string> ProgramBuilder::read_text() {
    const std::string text = TRY(cursor_.astring());
    if (text.size() > kSearchTextBytesMax) {
        return base::Error{base::Errc::TooLarge, "SEARCH text"};
    }
    return mail::search_form(text);
}

base::Status ProgramBuilder::emit(SearchNode node) {
    if (nodes_.size() >= 2 * kSearchKeysMax) {
        return base::Error{base::Errc::TooLarge, "SEARCH keys"};
    }
    nodes_.push_back(std::move(node));
    return base::Done{};
}

base::Status ProgramBuilder::emit_op(SearchOp op) {
    SearchNode node;
    node.op = op;
    return emit(std::move(node));
}

/// An operand is complete: closes whatever was waiting for it, and reads what comes before the
/// next.
base::Status ProgramBuilder::operand_done() {
    while (true) {
        Frame& top = frames_.back();
        ++top.operands;
        if (top.waiting == Waiting::Not) {
            TRY(emit_op(SearchOp::Not));
            frames_.pop_back();
            continue;
        }
        if (top.waiting == Waiting::Or) {
            if (top.operands == 1) {
                return cursor_.space();
            }
            TRY(emit_op(SearchOp::Or));
            frames_.pop_back();
            continue;
        }
        // Joined at once, so that evaluation never has more than two truths per level in hand.
        if (top.operands > 1) {
            TRY(emit_op(SearchOp::And));
        }
        if (top.waiting == Waiting::List && cursor_.skip(')')) {
            frames_.pop_back();
            continue;
        }
        if (top.waiting == Waiting::Command && cursor_.at_end()) {
            complete_ = true;
            return base::Done{};
        }
        return cursor_.space();
    }
}

/// US-ASCII is a subset of UTF-8, so both mean the same here.
base::Status parse_charset(Cursor& cursor) {
    if (!cursor.skip_word("CHARSET ")) {
        return base::Done{};
    }
    const std::string name = TRY(cursor.astring());
    if (!equals_ignoring_case(name, "UTF-8") && !equals_ignoring_case(name, "US-ASCII")) {
        return base::Error{base::Errc::Unsupported, "charset"};
    }
    return cursor.space();
}

}  // namespace

base::Result<SearchProgram> SearchProgram::parse(Cursor& cursor) {
    TRY(parse_charset(cursor));
    SearchProgram program;
    program.nodes_ = TRY(ProgramBuilder(cursor).build());
    return program;
}

void SearchProgram::resolve(std::uint32_t largest_sequence, std::uint32_t largest_uid) {
    for (SearchNode& node : nodes_) {
        if (node.op == SearchOp::Sequence) {
            node.numbers = node.set.resolve(largest_sequence);
        } else if (node.op == SearchOp::Uid) {
            node.numbers = node.set.resolve(largest_uid);
        }
    }
}

}  // namespace accessd
