#pragma once

// What a command of `roundtable NOUN VERB` is: its words, its options, its handler. The nouns are
// tables of these (ops/commands/*.cpp); ops/cli.cpp turns the tables into the parser, the help and
// the shell completion, so that a verb is added in one place.
//
// Exit codes (scripts may trust them): 0 done; 1 the request was refused or failed for good; 2
// wrong command line; 3 not found; 4 exists already; 5 try again later (database or daemon away).
// Commands that hand in a message have those of mail programs (ops/hand_in.h).
//
// Thread rule: one thread; handlers block.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/db.h"
#include "base/result.h"

namespace ops {

enum class OptionKind : std::uint8_t {
    Positional,           ///< required word
    OptionalPositional,   ///< word that may be left out
    Positionals,          ///< one or more words
    OptionalPositionals,  ///< any number of words; the last ones
    Value,                ///< --name VALUE
    Values,               ///< --name VALUE, may be repeated
    Flag,                 ///< --name
};

enum class Required : std::uint8_t { No, Yes };

/// One word or option of a command. Texts are literals: they live for ever.
struct OptionSpec {
    const char* name;  ///< "domain" for a word, "--reason" for an option
    OptionKind kind;
    const char* help;
    Required required = Required::No;  ///< of Value and Values
};

/// The values of one call, by option name.
class Arguments {
  public:
    std::map<std::string, std::vector<std::string>> values;

    [[nodiscard]] bool has(const std::string& name) const { return values.contains(name); }

    /// The (first) value, or an empty text.
    [[nodiscard]] std::string text(const std::string& name) const;
    [[nodiscard]] std::optional<std::string> optional(const std::string& name) const;
    [[nodiscard]] std::vector<std::string> list(const std::string& name) const;
    /// Errc::Invalid with the option's name when it is no number or out of range.
    [[nodiscard]] base::Result<std::int64_t> integer(const std::string& name,
                                                     std::int64_t min,
                                                     std::int64_t max,
                                                     std::int64_t fallback) const;
    [[nodiscard]] base::Result<double> real(const std::string& name, double fallback) const;
};

enum class Output : std::uint8_t { Text, Json };

/// What a handler works with. The database is connected on first use.
class CommandContext {
  public:
    std::string directory;  ///< --dir; may be empty
    std::string database;   ///< --database; may be empty
    Output output = Output::Text;
    std::string program;  ///< path of this program
    /// Set by a handler whose failures have exit codes of their own.
    std::optional<int> failure_code;

    /// As roundtable_operator unless the connection string names a user. Errc::Unavailable,
    /// Errc::Invalid (nothing says where the database is).
    [[nodiscard]] base::Result<base::Connection*> db();
    /// The connection string that db() uses.
    [[nodiscard]] base::Result<std::string> conninfo() const;

  private:
    std::unique_ptr<base::Connection> connection_;
};

/// One row of a table of commands. `run` may print; what it returns becomes the exit code.
struct Command {
    const char* noun;  ///< "mx", "fax route"; empty: the verb stands alone ("up")
    const char* verb;
    const char* help;
    std::vector<OptionSpec> options;
    std::function<base::Status(CommandContext&, const Arguments&)> run;
};

/// All commands, in the order of the help.
[[nodiscard]] const std::vector<Command>& all_commands();

/// The exit code for a failed command.
[[nodiscard]] int exit_code(const base::Error& error) noexcept;

/// "name=VALUE" of a connection string ("user", "host"); empty when it is not there.
[[nodiscard]] std::string conninfo_value(std::string_view conninfo, std::string_view key);

/// The connection string with another user.
[[nodiscard]] std::string conninfo_as(const std::string& conninfo, const std::string& user);

}  // namespace ops
