#include <algorithm>
#include <array>

#include "access/imap_chars.h"
#include "access/imap_search.h"
#include "access/imap_search_text.h"
#include "access/limits.h"

namespace accessd {
namespace {

constexpr Truth truth(bool value) noexcept {
    return value ? Truth::True : Truth::False;
}

constexpr Truth both(Truth a, Truth b) noexcept {
    if (a == Truth::False || b == Truth::False) {
        return Truth::False;
    }
    return a == Truth::True && b == Truth::True ? Truth::True : Truth::Unknown;
}

constexpr Truth negate(Truth a) noexcept {
    if (a == Truth::Unknown) {
        return a;
    }
    return truth(a == Truth::False);
}

constexpr Truth either(Truth a, Truth b) noexcept {
    return negate(both(negate(a), negate(b)));
}

bool has_keyword(const SearchSubject& subject, std::string_view keyword) {
    return subject.keywords != nullptr &&
           std::any_of(
               subject.keywords->begin(), subject.keywords->end(), [&](const std::string& have) {
                   return equals_ignoring_case(have, keyword);
               });
}

/// A message without a date in its header was sent on no day: all three keys are false.
Truth sent(const SearchNode& node, const SearchSubject& subject) {
    if (subject.summary == nullptr) {
        return Truth::Unknown;
    }
    if (!subject.summary->sent) {
        return Truth::False;
    }
    const std::int64_t day = subject.summary->sent->written_day();
    if (node.op == SearchOp::SentBefore) {
        return truth(day < node.number);
    }
    return truth(node.op == SearchOp::SentOn ? day == node.number : day >= node.number);
}

bool holds(std::string_view text, std::string_view needle) {
    return text.find(needle) != std::string_view::npos;
}

Truth field(const SearchNode& node, const SearchSubject& subject) {
    if (subject.text == nullptr) {
        return subject.summary == nullptr ? Truth::Unknown : summary_holds(node, *subject.summary);
    }
    for (const SearchableText::Field& have : subject.text->fields) {
        if (equals_ignoring_case(have.name, node.field) && holds(have.text, node.text)) {
            return Truth::True;
        }
    }
    return Truth::False;
}

Truth message_text(const SearchNode& node, const SearchSubject& subject) {
    if (subject.text == nullptr) {
        return Truth::Unknown;
    }
    if (holds(subject.text->body, node.text)) {
        return Truth::True;
    }
    const auto& fields = subject.text->fields;
    return truth(node.op == SearchOp::Text &&
                 std::any_of(fields.begin(), fields.end(), [&](const SearchableText::Field& have) {
                     return holds(have.text, node.text);
                 }));
}

Truth key(const SearchNode& node, const SearchSubject& subject) {
    switch (node.op) {
        case SearchOp::Flag:
            return truth(mail::has(subject.flags, node.flags));
        case SearchOp::Keyword:
            return truth(has_keyword(subject, node.text));
        case SearchOp::Recent:
            return truth(subject.recent);
        case SearchOp::Sequence:
            return truth(node.numbers.contains(subject.sequence));
        case SearchOp::Uid:
            return truth(node.numbers.contains(subject.uid));
        case SearchOp::Before:
            return truth(subject.internal_day < node.number);
        case SearchOp::On:
            return truth(subject.internal_day == node.number);
        case SearchOp::Since:
            return truth(subject.internal_day >= node.number);
        case SearchOp::Larger:
            return truth(subject.size_bytes > static_cast<std::uint64_t>(node.number));
        case SearchOp::Smaller:
            return truth(subject.size_bytes < static_cast<std::uint64_t>(node.number));
        case SearchOp::SentBefore:
        case SearchOp::SentOn:
        case SearchOp::SentSince:
            return sent(node, subject);
        case SearchOp::Field:
            return field(node, subject);
        case SearchOp::Body:
        case SearchOp::Text:
            return message_text(node, subject);
        case SearchOp::All:
        case SearchOp::And:
        case SearchOp::Or:
        case SearchOp::Not:
            break;
    }
    return Truth::True;
}

}  // namespace

Truth SearchProgram::evaluate(const SearchSubject& subject) const {
    // Each level of nesting holds at most one finished operand beside the one in work.
    std::array<Truth, 2 * kNestingMax + 2> stack{};
    std::size_t size = 0;
    for (const SearchNode& node : nodes_) {
        switch (node.op) {
            case SearchOp::And:
                --size;
                stack[size - 1] = both(stack[size - 1], stack[size]);
                break;
            case SearchOp::Or:
                --size;
                stack[size - 1] = either(stack[size - 1], stack[size]);
                break;
            case SearchOp::Not:
                stack[size - 1] = negate(stack[size - 1]);
                break;
            default:
                stack[size++] = key(node, subject);
                break;
        }
    }
    return size == 1 ? stack[0] : Truth::False;
}

}  // namespace accessd
