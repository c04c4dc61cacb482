// steering_sim: runs scenarios of the steering model and prints their figures.
//
//   steering_sim --scenario steady80 --policy rtable --seeds 1-5 [--json FILE]
//   steering_sim --goals [--policy rtable] [--seeds 1-5] [--json FILE]
//   --honour-ttl: no resolver keeps an answer longer than its TTL
//   steering_sim --list | --list-goals
//
// Exit status: 0 done (with --goals: all met), 1 a goal was missed, 2 wrong use.

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "test/sim/model.h"
#include "test/sim/scenario.h"

namespace {

struct Arguments {
    std::vector<std::string> scenarios;
    std::string policy = "rtable";
    std::uint64_t first_seed = 1;
    std::uint64_t last_seed = 5;
    std::string json;
    bool goals = false;
    bool honour_ttl = false;
    bool list = false;
    bool list_goals = false;
};

struct Outcome {
    std::string scenario;
    std::vector<sim::Figures> runs;
    sim::Figures mean;
};

bool parse_number(std::string_view text, std::uint64_t& value) {
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, value);
    return parsed.ec == std::errc() && parsed.ptr == end;
}

bool parse_seeds(std::string_view text, Arguments& arguments) {
    const std::size_t dash = text.find('-');
    const std::string_view last = dash == std::string_view::npos ? text : text.substr(dash + 1);
    return parse_number(text.substr(0, dash), arguments.first_seed) &&
           parse_number(last, arguments.last_seed) && arguments.first_seed <= arguments.last_seed;
}

bool* find_flag(Arguments& arguments, std::string_view word) {
    if (word == "--goals") {
        return &arguments.goals;
    }
    if (word == "--list") {
        return &arguments.list;
    }
    if (word == "--list-goals") {
        return &arguments.list_goals;
    }
    return word == "--honour-ttl" ? &arguments.honour_ttl : nullptr;
}

std::optional<Arguments> parse_arguments(const std::vector<std::string>& words) {
    Arguments arguments;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (bool* flag = find_flag(arguments, words[i])) {
            *flag = true;
            continue;
        }
        if (i + 1 == words.size()) {
            return std::nullopt;
        }
        const std::string& option = words[i];
        const std::string& value = words[++i];
        if (option == "--scenario") {
            arguments.scenarios.push_back(value);
        } else if (option == "--policy" && sim::parse_policy(value)) {
            arguments.policy = value;
        } else if (option == "--json") {
            arguments.json = value;
        } else if (option != "--seeds" || !parse_seeds(value, arguments)) {
            return std::nullopt;
        }
    }
    if (arguments.goals) {
        for (const sim::Goal& goal : sim::goals()) {
            arguments.scenarios.emplace_back(goal.scenario);
        }
    }
    return arguments;
}

std::string figures_json(const sim::Figures& figures) {
    std::ostringstream text;
    text.precision(10);
    const char* separator = "{";
    for (const auto& [name, value] : sim::list_figures(figures)) {
        text << separator << '"' << name << "\": " << value;
        separator = ", ";
    }
    text << "}";
    return text.str();
}

void write_json(const Arguments& arguments, const std::vector<Outcome>& outcomes) {
    std::ofstream file(arguments.json);
    file << "{\"policy\": \"" << arguments.policy << "\", \"first_seed\": " << arguments.first_seed
         << ", \"scenarios\": [";
    const char* separator = "\n";
    for (const Outcome& outcome : outcomes) {
        file << separator << " {\"name\": \"" << outcome.scenario
             << "\",\n  \"mean\": " << figures_json(outcome.mean) << ",\n  \"runs\": [";
        const char* comma = "\n   ";
        for (const sim::Figures& run : outcome.runs) {
            file << comma << figures_json(run);
            comma = ",\n   ";
        }
        file << "]}";
        separator = ",\n";
    }
    file << "\n]}\n";
}

Outcome run_scenario(const std::string& name, const Arguments& arguments) {
    Outcome outcome;
    outcome.scenario = name;
    for (std::uint64_t seed = arguments.first_seed; seed <= arguments.last_seed; ++seed) {
        sim::Scenario scenario = *sim::find_scenario(name);
        scenario.honour_ttl = scenario.honour_ttl || arguments.honour_ttl;
        sim::Model model(scenario, *sim::parse_policy(arguments.policy), seed);
        outcome.runs.push_back(model.run());
    }
    outcome.mean = sim::mean_of(outcome.runs);
    return outcome;
}

void print_line(const Outcome& outcome) {
    const sim::Figures& mean = outcome.mean;
    std::printf(
        "%-9s R50 %.4f  R99 %.4f  refused %.4f %%  deferred %.4f %%  d50 %.3f  d99 %.1f  "
        "osc %.3f  k %.3f  churn %.3f  sets %.1f  q/s %.3f  T10 %.0f  T1 %.0f  "
        "jain %.4f  maxmean %.3f\n",
        outcome.scenario.c_str(),
        mean.r50,
        mean.r99,
        mean.refused_percent,
        mean.deferred_percent,
        mean.d50,
        mean.d99,
        mean.osc,
        mean.k,
        mean.churn,
        mean.sets,
        mean.queries,
        mean.t10,
        mean.t1,
        mean.jain,
        mean.max_mean);
    std::fflush(stdout);
}

bool meets(const sim::Goal& goal, const sim::Figures& mean) {
    const bool met = mean.r50 <= goal.r50 && (goal.r99 <= 0 || mean.r99 <= goal.r99) &&
                     mean.refused_percent <= goal.refused;
    std::printf("          goal R50 %.2f  R99 %.2f  refused %.2f %%: %s\n",
                goal.r50,
                goal.r99,
                goal.refused,
                met ? "met" : "MISSED");
    return met;
}

int run(const Arguments& arguments) {
    std::vector<Outcome> outcomes;
    bool all_met = true;
    for (std::size_t i = 0; i < arguments.scenarios.size(); ++i) {
        if (!sim::find_scenario(arguments.scenarios[i])) {
            std::fprintf(stderr, "no such scenario: %s\n", arguments.scenarios[i].c_str());
            return 2;
        }
        outcomes.push_back(run_scenario(arguments.scenarios[i], arguments));
        print_line(outcomes.back());
        if (arguments.goals) {
            all_met = meets(sim::goals()[i], outcomes.back().mean) && all_met;
        }
    }
    if (!arguments.json.empty()) {
        write_json(arguments, outcomes);
    }
    return all_met ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    const auto arguments = parse_arguments(std::vector<std::string>(argv + 1, argv + argc));
    const bool lists = arguments && (arguments->list || arguments->list_goals);
    if (!arguments || (!lists && arguments->scenarios.empty())) {
        std::fputs(
            "usage: steering_sim (--scenario NAME ... | --goals | --list | --list-goals) [--policy "
            "NAME] "
            "[--seeds A-B] [--honour-ttl] [--json FILE]\n",
            stderr);
        return 2;
    }
    if (arguments->list) {
        for (const std::string& name : sim::scenario_names()) {
            std::puts(name.c_str());
        }
        return 0;
    }
    if (arguments->list_goals) {
        for (const sim::Goal& goal : sim::goals()) {
            std::printf("%s %g %g %g\n", goal.scenario, goal.r50, goal.r99, goal.refused);
        }
        return 0;
    }
    return run(*arguments);
}
