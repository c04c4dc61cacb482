#include <iostream>

#include <unistd.h>

#include "base/file.h"
#include "base/password.h"
#include "ops/commands/commands.h"
#include "ops/output.h"

namespace ops {

namespace {

// A password never comes as an argument: other users of the machine see those.
base::Result<std::string> read_password(const Arguments& arguments) {
    std::string line;
    if (const auto file = arguments.optional("--password-file")) {
        line = TRY(base::read_file(*file, base::kPasswordMax + 2));
        line.erase(std::min(line.find_first_of("\r\n"), line.size()));
    } else if (arguments.has("--password-stdin")) {
        std::getline(std::cin, line);
    } else if (const char* typed = ::isatty(STDIN_FILENO) != 0
                                       ? ::getpass("Password: ")  // NOLINT(concurrency-mt-unsafe)
                                       : nullptr) {
        line = typed;
    } else {
        return base::Error{base::Errc::Invalid,
                           "no password: give --password-file FILE or --password-stdin"};
    }
    if (line.empty() || line.size() > base::kPasswordMax) {
        return base::Error{base::Errc::Invalid, "a password has 1 to 512 characters"};
    }
    return line;
}

struct LoginParts {
    std::string local_part;
    std::string domain;
};

base::Result<LoginParts> split_login(const std::string& login) {
    const std::size_t at = login.rfind('@');
    if (at == std::string::npos || at == 0 || at + 1 == login.size()) {
        return base::Error{base::Errc::Invalid,
                           "'" + login +
                               "' is no address; an account is named by one, such as "
                               "alice@example.test"};
    }
    return LoginParts{login.substr(0, at), login.substr(at + 1)};
}

base::Status add_account(CommandContext& context, const Arguments& arguments) {
    const std::string login = normal_name(arguments.text("login"));
    const LoginParts parts = TRY(split_login(login));
    const std::int64_t quota = TRY(arguments.integer("--quota", 1, INT64_MAX, 0));
    const std::string password = TRY(read_password(arguments));
    const std::string hash = TRY(base::hash_password(password));
    base::Connection* connection = TRY(context.db());
    base::Tx tx = TRY(connection->begin());
    const base::Rows domain =
        TRY(tx.query("SELECT id FROM directory.domain WHERE name = $1", {parts.domain}));
    if (domain.empty()) {
        return base::Error{base::Errc::NotFound,
                           "the domain " + parts.domain +
                               " is not ours; add it with `roundtable domain add " + parts.domain +
                               "`"};
    }
    auto account = tx.query(
        "INSERT INTO directory.account (login, password_hash, domain_id, quota_bytes) "
        "VALUES ($1, $2, $3, $4) RETURNING id",
        {login, hash, domain[0].int64(0), quota > 0 ? base::Param(quota) : base::Param(nullptr)});
    if (!account && account.error().code == base::Errc::Exists) {
        return base::Error{base::Errc::Exists, "there is an account " + login + " already"};
    }
    const base::Rows account_rows = TRY(std::move(account));
    (void)TRY(tx.query(
        "INSERT INTO directory.address (domain_id, local_part, account_id) VALUES ($1, $2, $3)",
        {domain[0].int64(0), parts.local_part, account_rows[0].int64(0)}));
    (void)TRY(tx.commit());
    say(context, "added account " + login);
    return base::Done{};
}

base::Status set_password(CommandContext& context, const Arguments& arguments) {
    const std::string login = normal_name(arguments.text("login"));
    const std::string password = TRY(read_password(arguments));
    const std::string hash = TRY(base::hash_password(password));
    (void)TRY(change_one(context,
                         "UPDATE directory.account SET password_hash = $2 WHERE login = $1",
                         {login, hash},
                         "there is no account " + login));
    say(context, "changed the password of " + login);
    return base::Done{};
}

base::Status set_state(CommandContext& context, const Arguments& arguments, const char* state) {
    const std::string login = normal_name(arguments.text("login"));
    (void)TRY(change_one(context,
                         "UPDATE directory.account SET state = $2 WHERE login = $1",
                         {login, state},
                         "there is no account " + login));
    say(context, login + " is " + state);
    return base::Done{};
}

// "INBOX" and an empty name are the same: no preference.
base::Param folder_of(const Arguments& arguments, const char* option) {
    const std::string name = arguments.text(option);
    return name.empty() || name == "INBOX" ? base::Param(nullptr) : base::Param(name);
}

base::Status set_preferences(CommandContext& context, const Arguments& arguments) {
    const std::string login = normal_name(arguments.text("login"));
    const bool fax = arguments.has("--fax-folder");
    const bool voicemail = arguments.has("--voicemail-folder");
    if (!fax && !voicemail) {
        return base::Error{base::Errc::Invalid,
                           "nothing to set: give --fax-folder NAME or --voicemail-folder NAME"};
    }
    const base::Status changed =
        change_one(context,
                   "UPDATE directory.account SET "
                   "fax_folder = CASE WHEN $2 THEN $3 ELSE fax_folder END, "
                   "voicemail_folder = CASE WHEN $4 THEN $5 ELSE voicemail_folder END "
                   "WHERE login = $1",
                   {login,
                    fax,
                    folder_of(arguments, "--fax-folder"),
                    voicemail,
                    folder_of(arguments, "--voicemail-folder")},
                   "there is no account " + login);
    if (!changed && changed.error().code == base::Errc::Invalid) {
        return base::Error{base::Errc::Invalid,
                           "a folder has a name such as Office/Fax: at most 32 levels, none empty, "
                           "without *, % and \\, INBOX in capitals"};
    }
    TRY(changed);
    say(context, "changed where " + login + " gets its messages");
    return base::Done{};
}

base::Status remove_account(CommandContext& context, const Arguments& arguments) {
    const std::string login = normal_name(arguments.text("login"));
    if (!arguments.has("--yes")) {
        return base::Error{base::Errc::Refused,
                           "this removes " + login +
                               " with its mailboxes; say so with --yes, or use `roundtable account "
                               "disable`"};
    }
    (void)TRY(change_one(context,
                         "DELETE FROM directory.account WHERE login = $1",
                         {login},
                         "there is no account " + login));
    say(context, "removed account " + login);
    return base::Done{};
}

constexpr const char* kAccountColumns =
    "SELECT a.login, a.state, a.quota_bytes AS quota, coalesce(r.bytes, 0) AS bytes, "
    "coalesce(r.messages, 0) AS messages, coalesce(a.fax_folder, 'INBOX') AS fax_folder, "
    "coalesce(a.voicemail_folder, 'INBOX') AS voicemail_folder, a.created_at::timestamptz(0) AS "
    "created, "
    "(SELECT string_agg(x.local_part || '@' || y.name, ' ' ORDER BY x.local_part) "
    " FROM directory.address x JOIN directory.domain y ON y.id = x.domain_id "
    " WHERE x.account_id = a.id) AS addresses "
    "FROM directory.account a JOIN directory.domain d ON d.id = a.domain_id "
    "LEFT JOIN report.account r ON r.login = a.login ";

base::Status list_accounts(CommandContext& context, const Arguments& arguments) {
    const auto domain = arguments.optional("--domain");
    return print_rows(
        context,
        std::string(kAccountColumns) + "WHERE $1::text IS NULL OR d.name = $1 ORDER BY a.login",
        {domain ? base::Param(normal_name(*domain)) : base::Param(nullptr)},
        "no accounts");
}

base::Status show_account(CommandContext& context, const Arguments& arguments) {
    const std::string login = normal_name(arguments.text("login"));
    return print_one(context,
                     std::string(kAccountColumns) + "WHERE a.login = $1",
                     {login},
                     "there is no account " + login);
}

base::Status add_address(CommandContext& context, const Arguments& arguments) {
    const std::string address = normal_name(arguments.text("address"));
    const std::string login = normal_name(arguments.text("login"));
    const LoginParts parts = TRY(split_login(address));
    (void)TRY(change_one(context,
                         "INSERT INTO directory.address (domain_id, local_part, account_id) "
                         "SELECT d.id, $2, a.id FROM directory.domain d, directory.account a "
                         "WHERE d.name = $1 AND a.login = $3",
                         {parts.domain, parts.local_part, login},
                         "there is no account " + login + " or no domain " + parts.domain));
    say(context, "mail for " + address + " goes to " + login);
    return base::Done{};
}

base::Status remove_address(CommandContext& context, const Arguments& arguments) {
    const std::string address = normal_name(arguments.text("address"));
    const LoginParts parts = TRY(split_login(address));
    (void)TRY(change_one(context,
                         "DELETE FROM directory.address a USING directory.domain d "
                         "WHERE d.id = a.domain_id AND d.name = $1 AND a.local_part = $2",
                         {parts.domain, parts.local_part},
                         "there is no address " + address));
    say(context, "removed address " + address);
    return base::Done{};
}

}  // namespace

std::vector<Command> account_commands() {
    const OptionSpec login{"login", OptionKind::Positional, "the account's address"};
    const OptionSpec file{"--password-file", OptionKind::Value, "read the password from this file"};
    const OptionSpec standard_input{
        "--password-stdin", OptionKind::Flag, "read the password from standard input"};
    return {
        {"account",
         "add",
         "add an account and its address",
         {login,
          file,
          standard_input,
          {"--quota", OptionKind::Value, "bytes that its mail may take; none: no limit"}},
         add_account},
        {"account",
         "list",
         "list accounts with their sizes",
         {{"--domain", OptionKind::Value, "only of this domain"}},
         list_accounts},
        {"account", "show", "show one account", {login}, show_account},
        {"account",
         "password",
         "set an account's password",
         {login, file, standard_input},
         set_password},
        {"account",
         "set",
         "change where an account gets its faxes and voicemails; new mail goes there",
         {login,
          {"--fax-folder", OptionKind::Value, "mailbox for faxes, made with the first; or INBOX"},
          {"--voicemail-folder", OptionKind::Value, "mailbox for voicemails, likewise"}},
         set_preferences},
        {"account",
         "disable",
         "refuse sign-in; mail is still accepted",
         {login},
         [](CommandContext& context, const Arguments& arguments) {
             return set_state(context, arguments, "disabled");
         }},
        {"account",
         "enable",
         "allow sign-in again",
         {login},
         [](CommandContext& context, const Arguments& arguments) {
             return set_state(context, arguments, "active");
         }},
        {"account",
         "remove",
         "remove an account and its mailboxes",
         {login, {"--yes", OptionKind::Flag, "really"}},
         remove_account},
        {"address",
         "add",
         "give an account one more address",
         {{"address", OptionKind::Positional, "the new address"}, login},
         add_address},
        {"address",
         "remove",
         "take an address away",
         {{"address", OptionKind::Positional, "the address"}},
         remove_address},
    };
}

}  // namespace ops
