#include "ops/cli.h"

#include <cstdio>
#include <map>
#include <memory>

#include <CLI/CLI.hpp>

#include "base/version.h"
#include "ops/explain.h"

namespace ops {

namespace {

// One command as CLI11 fills it. Kept alive until the parse is over.
struct Bound {
    const Command* command = nullptr;
    CLI::App* app = nullptr;
    std::map<std::string, std::vector<std::string>> values;
    std::map<std::string, bool> flags;
};

void bind_option(Bound& bound, const OptionSpec& spec) {
    if (spec.kind == OptionKind::Flag) {
        bound.app->add_flag(spec.name, bound.flags[spec.name], spec.help);
        return;
    }
    auto* option = bound.app->add_option(spec.name, bound.values[spec.name], spec.help);
    switch (spec.kind) {
        case OptionKind::Positional:
            // A list takes all further words unless told not to.
            option->required()->expected(1)->allow_extra_args(false);
            break;
        case OptionKind::OptionalPositional:
            // Always the last one: takes what is left, and refuses more than one.
            option->expected(0, 1);
            break;
        case OptionKind::Positionals:
            option->required()->expected(1, 1000);
            break;
        case OptionKind::OptionalPositionals:
            option->expected(0, 1000);
            break;
        case OptionKind::Value:
            option->expected(1)->required(spec.required == Required::Yes);
            break;
        case OptionKind::Values:
            // One word each time it is named: the next one may be a word of the command.
            option->expected(1)->allow_extra_args(false)->take_all()->required(spec.required ==
                                                                               Required::Yes);
            break;
        case OptionKind::Flag:
            break;
    }
}

Arguments arguments_of(const Bound& bound) {
    Arguments arguments;
    for (const auto& [name, values] : bound.values) {
        if (!values.empty()) {
            arguments.values[name] = values;
        }
    }
    for (const auto& [name, set] : bound.flags) {
        if (set) {
            arguments.values[name] = {};
        }
    }
    return arguments;
}

// The parser of a noun, made with those of the words before it ("fax" of "fax route").
CLI::App* noun_app(CLI::App& root,
                   std::map<std::string, CLI::App*>& nouns,
                   const std::string& noun) {
    CLI::App* parent = &root;
    for (std::size_t end = 0; end != std::string::npos;) {
        const std::size_t from = end == 0 ? 0 : end + 1;
        end = noun.find(' ', from);
        auto& app = nouns[noun.substr(0, end)];
        if (app == nullptr) {
            app = parent->add_subcommand(noun.substr(from, end - from), "");
            app->require_subcommand(1);
            app->fallthrough();
        }
        parent = app;
    }
    return parent;
}

std::vector<std::unique_ptr<Bound>> bind_commands(CLI::App& root) {
    std::map<std::string, CLI::App*> nouns;
    std::vector<std::unique_ptr<Bound>> all;
    for (const Command& command : all_commands()) {
        CLI::App* parent = &root;
        const std::string noun = command.noun;
        if (!noun.empty()) {
            parent = noun_app(root, nouns, noun);
        }
        auto bound = std::make_unique<Bound>();
        bound->command = &command;
        bound->app = parent->add_subcommand(command.verb, command.help);
        bound->app->fallthrough();
        for (const OptionSpec& spec : command.options) {
            bind_option(*bound, spec);
        }
        all.push_back(std::move(bound));
    }
    for (const auto& [noun, app] : nouns) {
        std::string verbs;
        for (const CLI::App* verb : app->get_subcommands({})) {
            verbs += (verbs.empty() ? "" : ", ") + verb->get_name();
        }
        app->description(verbs);
    }
    return all;
}

// The two words of a command line that completion needs: nouns, and the verbs of each.
std::map<std::string, std::string> words_of(const std::vector<Command>& commands) {
    std::map<std::string, std::string> verbs;
    for (const Command& command : commands) {
        if (*command.noun == '\0') {
            verbs[command.verb];
        } else {
            // Of a noun of two words the second is completed like a verb, once.
            const std::string noun = command.noun;
            const std::size_t space = noun.find(' ');
            const std::string word =
                space == std::string::npos ? std::string(command.verb) : noun.substr(space + 1);
            auto& list = verbs[noun.substr(0, space)];
            if ((" " + list + " ").find(" " + word + " ") == std::string::npos) {
                list += (list.empty() ? "" : " ") + word;
            }
        }
    }
    return verbs;
}

std::string bash_completion(const std::map<std::string, std::string>& words) {
    std::string nouns;
    std::string cases;
    for (const auto& [noun, verbs] : words) {
        nouns += (nouns.empty() ? "" : " ") + noun;
        if (!verbs.empty()) {
            cases += "        " + noun + ") words=\"" + verbs + "\" ;;\n";
        }
    }
    return "_roundtable() {\n"
           "    local noun= word words index\n"
           "    for ((index = 1; index < COMP_CWORD; index++)); do\n"
           "        case ${COMP_WORDS[index]} in\n"
           "            --dir | --database) index=$((index + 1)) ;;\n"
           "            -*) ;;\n"
           "            *) noun=${COMP_WORDS[index]}; break ;;\n"
           "        esac\n"
           "    done\n"
           "    case $noun in\n"
           "        '') words=\"" +
           nouns + " --dir --database --json --help\" ;;\n" + cases +
           "        *) words= ;;\n"
           "    esac\n"
           "    COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
           "}\n"
           "complete -o default -F _roundtable roundtable\n";
}

std::string fish_completion(const std::map<std::string, std::string>& words) {
    std::string out = "complete -c roundtable -f\n";
    for (const auto& [noun, verbs] : words) {
        out += "complete -c roundtable -n __fish_use_subcommand -a " + noun + "\n";
        if (!verbs.empty()) {
            out += "complete -c roundtable -n '__fish_seen_subcommand_from " + noun + "' -a '" +
                   verbs + "'\n";
        }
    }
    return out;
}

int fail(const base::Error& error) {
    std::fprintf(stderr, "roundtable: %s\n", explain(error).c_str());
    return exit_code(error);
}

int fail_usage(const std::string& what) {
    std::fprintf(stderr, "roundtable: %s\nRun with --help for more information.\n", what.c_str());
    return 2;
}

}  // namespace

base::Result<std::string> completion_script(const std::string& shell,
                                            const std::vector<Command>& commands) {
    const auto words = words_of(commands);
    if (shell == "bash") {
        return bash_completion(words);
    }
    if (shell == "zsh") {
        return "autoload -U +X bashcompinit && bashcompinit\n" + bash_completion(words);
    }
    if (shell == "fish") {
        return fish_completion(words);
    }
    return base::Error{base::Errc::Invalid, "shells are bash, zsh and fish, not '" + shell + "'"};
}

int run_command_line(int argc, char** argv) {
    CLI::App root("Roundtable: a clustered mail server with steered DNS.", "roundtable");
    CommandContext context;
    context.program = argv[0];
    bool json = false;
    root.set_version_flag("--version", "roundtable " + std::string(base::kVersion));
    root.add_option("--dir", context.directory, "state directory of `roundtable up`");
    root.add_option("--database", context.database, "connection string of the database");
    root.add_flag("--json", json, "print listings as JSON");
    root.require_subcommand(1);
    const auto all = bind_commands(root);
    try {
        root.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        // CLI11 only says that a subcommand is missing when a word is none.
        const std::vector<std::string> unknown = root.remaining(true);
        if (error.get_name() == "RequiredError" && !unknown.empty()) {
            return fail_usage("there is no command '" + unknown.front() + "' here");
        }
        const int code = root.exit(error);
        return code == 0 ? 0 : 2;
    }
    context.output = json ? Output::Json : Output::Text;
    for (const auto& bound : all) {
        if (bound->app->parsed()) {
            const base::Status done = bound->command->run(context, arguments_of(*bound));
            if (done) {
                return 0;
            }
            const int code = fail(done.error());
            return context.failure_code.value_or(code);
        }
    }
    return 2;
}

}  // namespace ops
