#include "mta/fax/fax_number.h"
#include "ops/commands/commands.h"
#include "ops/output.h"

// Whose a received fax is, which domains are fax numbers, and who may send.

namespace ops {

namespace {

struct Patterns {
    std::string called;
    std::string subaddress;
    std::string sender;
};

base::Result<Patterns> patterns_of(const Arguments& arguments) {
    Patterns patterns;
    patterns.called = TRY(mta::fax_pattern(arguments.text("called")));
    patterns.subaddress = TRY(mta::fax_pattern(arguments.optional("--subaddress").value_or("*")));
    patterns.sender = TRY(mta::fax_pattern(arguments.optional("--sender").value_or("*")));
    return patterns;
}

std::string to_text(const Patterns& patterns) {
    return "called " + patterns.called + ", subaddress " + patterns.subaddress + ", sender " +
           patterns.sender;
}

base::Status add_route(CommandContext& context, const Arguments& arguments) {
    const Patterns patterns = TRY(patterns_of(arguments));
    const std::string login = normal_name(arguments.text("login"));
    base::Connection* connection = TRY(context.db());
    auto added = connection->query(
        "INSERT INTO directory.fax_route (called, subaddress, sender, account_id) "
        "SELECT $1, $2, $3, a.id FROM directory.account a WHERE a.login = $4",
        {patterns.called, patterns.subaddress, patterns.sender, login});
    if (!added && added.error().code == base::Errc::Exists) {
        return base::Error{
            base::Errc::Exists,
            "there is a route for " + to_text(patterns) + " already; remove it first"};
    }
    if (TRY(std::move(added)).affected() == 0) {
        return base::Error{base::Errc::NotFound, "there is no account " + login};
    }
    say(context, "faxes with " + to_text(patterns) + " go to " + login);
    return base::Done{};
}

base::Status remove_route(CommandContext& context, const Arguments& arguments) {
    const Patterns patterns = TRY(patterns_of(arguments));
    (void)TRY(change_one(context,
                         "DELETE FROM directory.fax_route "
                         "WHERE called = $1 AND subaddress = $2 AND sender = $3",
                         {patterns.called, patterns.subaddress, patterns.sender},
                         "there is no route for " + to_text(patterns)));
    say(context, "removed the route for " + to_text(patterns));
    return base::Done{};
}

base::Status list_routes(CommandContext& context, const Arguments&) {
    return print_rows(context,
                      "SELECT r.called, r.subaddress, r.sender, a.login AS account "
                      "FROM directory.fax_route r JOIN directory.account a ON a.id = r.account_id "
                      "ORDER BY directory.fax_specificity(r.called) DESC, r.called, "
                      "directory.fax_specificity(r.subaddress) DESC, r.subaddress, "
                      "directory.fax_specificity(r.sender) DESC, r.sender",
                      {},
                      "no routes: every fax waits in HylaFAX's queue");
}

base::Status test_route(CommandContext& context, const Arguments& arguments) {
    const std::string number = arguments.text("number");
    return print_one(
        context,
        "SELECT r.called, r.subaddress, r.sender, f.login AS account, f.address "
        "FROM directory.fax_route_of($1, $2, $3, $3) f "
        "JOIN directory.fax_route r ON r.id = f.route_id",
        {mta::fax_match_form(number),
         mta::fax_match_form(arguments.text("--subaddress")),
         mta::fax_match_form(arguments.text("--sender"))},
        "no route means a fax to " + number +
            "; it would wait in HylaFAX's queue. `roundtable fax route add '*' ACCOUNT` "
            "makes a default");
}

// The runner reads the INBOX by POP3: an account that gets nothing or lets nobody in is no queue.
base::Status check_queue(CommandContext& context, const std::string& login) {
    base::Connection* connection = TRY(context.db());
    const base::Rows rows =
        TRY(connection->query("SELECT a.state = 'active', a.quota_bytes IS NOT NULL, "
                              "EXISTS (SELECT FROM directory.address x WHERE x.account_id = a.id) "
                              "FROM directory.account a WHERE a.login = $1",
                              {login}));
    if (rows.empty()) {
        return base::Done{};  // the insert tells of it
    }
    const char* wrong = !rows[0].boolean(0)   ? "is disabled"
                        : rows[0].boolean(1)  ? "has a quota: a full queue would refuse faxes"
                        : !rows[0].boolean(2) ? "has no address"
                                              : nullptr;
    if (wrong != nullptr) {
        return base::Error{base::Errc::Refused,
                           login + " cannot be the queue of faxes to be sent: it " + wrong};
    }
    return base::Done{};
}

base::Status add_domain(CommandContext& context, const Arguments& arguments) {
    const std::string domain = TRY(checked_name(arguments.text("domain")));
    const std::string login = normal_name(arguments.text("login"));
    TRY(check_queue(context, login));
    (void)TRY(change_one(
        context,
        "INSERT INTO directory.fax_domain (domain_id, queue_account_id) "
        "SELECT d.id, a.id FROM directory.domain d, directory.account a "
        "WHERE d.name = $1 AND a.login = $2 "
        "ON CONFLICT (domain_id) DO UPDATE "
        "SET queue_account_id = EXCLUDED.queue_account_id",
        {domain, login},
        "there is no domain " + domain + " or no account " + login + "; both must be there first"));
    say(context, "addresses at " + domain + " are fax numbers; faxes to be sent wait in " + login);
    return base::Done{};
}

base::Status remove_domain(CommandContext& context, const Arguments& arguments) {
    const std::string domain = TRY(checked_name(arguments.text("domain")));
    (void)TRY(change_one(context,
                         "DELETE FROM directory.fax_domain f USING directory.domain d "
                         "WHERE d.id = f.domain_id AND d.name = $1",
                         {domain},
                         domain + " is no domain of fax numbers"));
    say(context, "addresses at " + domain + " are fax numbers no longer");
    return base::Done{};
}

base::Status list_domains(CommandContext& context, const Arguments&) {
    return print_rows(context,
                      "SELECT d.name AS domain, a.login AS queue FROM directory.fax_domain f "
                      "JOIN directory.domain d ON d.id = f.domain_id "
                      "JOIN directory.account a ON a.id = f.queue_account_id ORDER BY d.name",
                      {},
                      "no domain is of fax numbers");
}

base::Status allow_sender(CommandContext& context, const Arguments& arguments) {
    const std::string login = normal_name(arguments.text("login"));
    const std::string called = TRY(mta::fax_pattern(arguments.text("called")));
    base::Connection* connection = TRY(context.db());
    auto added = connection->query(
        "INSERT INTO directory.fax_sender (account_id, called) "
        "SELECT a.id, $2 FROM directory.account a WHERE a.login = $1",
        {login, called});
    if (!added && added.error().code == base::Errc::Exists) {
        return base::Error{base::Errc::Exists, login + " may send to " + called + " already"};
    }
    if (TRY(std::move(added)).affected() == 0) {
        return base::Error{base::Errc::NotFound, "there is no account " + login};
    }
    say(context, login + " may send faxes to " + called);
    return base::Done{};
}

base::Status forbid_sender(CommandContext& context, const Arguments& arguments) {
    const std::string login = normal_name(arguments.text("login"));
    const std::string called = TRY(mta::fax_pattern(arguments.text("called")));
    (void)TRY(change_one(context,
                         "DELETE FROM directory.fax_sender s USING directory.account a "
                         "WHERE a.id = s.account_id AND a.login = $1 AND s.called = $2",
                         {login, called},
                         login + " was not allowed to send to " + called));
    say(context, login + " may no longer send faxes to " + called);
    return base::Done{};
}

base::Status list_senders(CommandContext& context, const Arguments&) {
    return print_rows(context,
                      "SELECT a.login AS account, s.called FROM directory.fax_sender s "
                      "JOIN directory.account a ON a.id = s.account_id ORDER BY 1, 2",
                      {},
                      "nobody may send faxes");
}

}  // namespace

std::vector<Command> fax_route_commands() {
    const OptionSpec called{"called",
                            OptionKind::Positional,
                            "number that is called, +4930* for a beginning, * for any"};
    const OptionSpec login{"login", OptionKind::Positional, "the account's address"};
    const OptionSpec subaddress{
        "--subaddress", OptionKind::Value, "only with this T.33 subaddress"};
    const OptionSpec sender{
        "--sender", OptionKind::Value, "only from this number or sender identification"};
    const OptionSpec domain{"domain", OptionKind::Positional, "a domain of this cluster"};
    return {
        {"fax route",
         "add",
         "say whose a received fax is",
         {called, login, subaddress, sender},
         add_route},
        {"fax route", "remove", "take a route away", {called, subaddress, sender}, remove_route},
        {"fax route", "list", "list routes, the most specific first", {}, list_routes},
        {"fax route",
         "test",
         "say who would get a fax",
         {{"number", OptionKind::Positional, "the number that is called"}, subaddress, sender},
         test_route},
        {"fax domain",
         "add",
         "make addresses of a domain fax numbers; faxes to be sent wait in an account of their own",
         {domain, login},
         add_domain},
        {"fax domain", "remove", "make them addresses again", {domain}, remove_domain},
        {"fax domain", "list", "list domains of fax numbers", {}, list_domains},
        {"fax sender", "allow", "let an account send faxes", {login, called}, allow_sender},
        {"fax sender", "forbid", "take that back", {login, called}, forbid_sender},
        {"fax sender", "list", "list who may send faxes, and whereto", {}, list_senders},
    };
}

}  // namespace ops
