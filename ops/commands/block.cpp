#include "ops/commands/commands.h"
#include "ops/output.h"

namespace ops {

namespace {

struct Pattern {
    std::string kind;
    std::string text;
};

base::Result<Pattern> pattern_of(const Arguments& arguments) {
    std::optional<Pattern> found;
    for (const char* kind : {"address", "domain", "subtree"}) {
        if (const auto text = arguments.optional(std::string("--") + kind)) {
            if (found) {
                return base::Error{base::Errc::Invalid,
                                   "give one of --address, --domain and --subtree"};
            }
            found = Pattern{kind, normal_name(*text)};
        }
    }
    if (!found) {
        return base::Error{base::Errc::Invalid,
                           "what is to be blocked? Give --address A, --domain D (that domain "
                           "alone) or --subtree D (it and all below it)"};
    }
    return *found;
}

base::Status add_block(CommandContext& context, const Arguments& arguments) {
    const Pattern pattern = TRY(pattern_of(arguments));
    const auto expires = TRY(expiry_seconds(arguments));
    base::Connection* connection = TRY(context.db());
    auto added = connection->query(
        "INSERT INTO directory.sender_block (kind, pattern, reason, author, expires_at) "
        "VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))",
        {pattern.kind, pattern.text, arguments.text("--reason"), current_author(), expires});
    if (!added && added.error().code == base::Errc::Exists) {
        return base::Error{base::Errc::Exists, pattern.text + " is blocked already"};
    }
    (void)TRY(std::move(added));
    say(context, "senders of " + pattern.kind + " " + pattern.text + " are refused");
    return base::Done{};
}

base::Status remove_block(CommandContext& context, const Arguments& arguments) {
    const Pattern pattern = TRY(pattern_of(arguments));
    (void)TRY(change_one(context,
                         "DELETE FROM directory.sender_block WHERE kind = $1 AND pattern = $2",
                         {pattern.kind, pattern.text},
                         pattern.kind + " " + pattern.text + " is not blocked"));
    say(context, pattern.kind + " " + pattern.text + " is no longer blocked");
    return base::Done{};
}

base::Status list_blocks(CommandContext& context, const Arguments&) {
    return print_rows(
        context,
        "SELECT b.kind, b.pattern, b.reason, b.author, b.created_at::timestamptz(0) AS created, "
        "b.expires_at::timestamptz(0) AS expires, "
        "(SELECT coalesce(sum(h.hits), 0) FROM directory.sender_block_hit h "
        " WHERE h.block_id = b.id) AS hits "
        "FROM directory.sender_block b ORDER BY b.kind, b.pattern",
        {},
        "no sender is blocked");
}

}  // namespace

std::vector<Command> block_commands() {
    const std::vector<OptionSpec> patterns = {
        {"--address", OptionKind::Value, "one sender address"},
        {"--domain", OptionKind::Value, "all senders of exactly this domain"},
        {"--subtree", OptionKind::Value, "all senders of this domain and of every name below it"}};
    std::vector<OptionSpec> adding = patterns;
    adding.push_back({"--reason", OptionKind::Value, "why; kept with it", Required::Yes});
    adding.push_back({"--expires", OptionKind::Value, "end by itself after 90s, 15m, 2h, 7d"});
    return {
        {"block", "add", "refuse a sender", adding, add_block},
        {"block", "remove", "accept a sender again", patterns, remove_block},
        {"block", "list", "list blocked senders and how often each was refused", {}, list_blocks}};
}

}  // namespace ops
