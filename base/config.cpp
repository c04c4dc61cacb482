#include "base/config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <deque>
#include <set>
#include <tuple>

#include <yaml-cpp/yaml.h>

#include "base/file.h"

namespace base {

namespace detail {

// Our own tree: yaml-cpp's nodes accept a key twice, and cannot remember who was asked for.
struct ConfigNode {
    enum class Kind : std::uint8_t { Null, Scalar, List, Map };

    struct Entry {
        std::string key;
        const ConfigNode* value = nullptr;
        int line = 0;
        int column = 0;
    };

    Kind kind = Kind::Null;
    std::string scalar;
    std::vector<const ConfigNode*> items;
    std::vector<Entry> entries;
    int line = 0;  // from 1, as editors count
    int column = 0;
    mutable bool asked = false;
};

struct ConfigDocument {
    struct Problem {
        int line = 0;
        int column = 0;
        std::string text;
        // A setting that is not there has no place of its own, and is often what a misspelt key or
        // a wrong section leads to: shown last.
        bool is_missing = false;
    };

    std::string name;
    std::deque<ConfigNode> nodes;  // the first is the root; addresses stay
    std::vector<Problem> problems;

    void note(int line, int column, std::string text) {
        problems.push_back(Problem{line, column, std::move(text), false});
    }

    void note_missing(int line, int column, const std::string& path) {
        problems.push_back(Problem{line, column, "missing '" + path + "'", true});
    }
};

}  // namespace detail

using detail::ConfigDocument;
using detail::ConfigNode;

namespace {

constexpr std::size_t kFileMax = std::size_t{1024} * 1024;
constexpr std::size_t kNodesMax = 100'000;  // aliases can make a small file very large
constexpr int kDepthMax = 32;

Error at(const std::string& name, int line, int column, const std::string& text) {
    return Error{Errc::Invalid,
                 name + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " + text};
}

struct Pending {
    YAML::Node source;
    ConfigNode* target;
    int depth;
};

void convert_map(ConfigDocument& document, const Pending& work, std::deque<Pending>& todo) {
    std::set<std::string> seen;
    for (const auto& pair : work.source) {
        const YAML::Mark mark = pair.first.Mark();
        if (!pair.first.IsScalar()) {
            document.note(mark.line + 1, mark.column + 1, "a key must be a word");
            continue;
        }
        const std::string& key = pair.first.Scalar();
        if (!seen.insert(key).second) {
            document.note(mark.line + 1, mark.column + 1, "key '" + key + "' is there twice");
            continue;
        }
        ConfigNode& child = document.nodes.emplace_back();
        work.target->entries.push_back(
            ConfigNode::Entry{key, &child, mark.line + 1, mark.column + 1});
        todo.push_back(Pending{pair.second, &child, work.depth + 1});
    }
}

// False: too deep or too many.
bool convert(ConfigDocument& document, const YAML::Node& root) {
    std::deque<Pending> todo{Pending{root, &document.nodes.emplace_back(), 0}};
    while (!todo.empty()) {
        const Pending work = std::move(todo.front());
        todo.pop_front();
        if (work.depth > kDepthMax || document.nodes.size() > kNodesMax) {
            return false;
        }
        work.target->line = work.source.Mark().line + 1;
        work.target->column = work.source.Mark().column + 1;
        if (work.source.IsScalar()) {
            work.target->kind = ConfigNode::Kind::Scalar;
            work.target->scalar = work.source.Scalar();
        } else if (work.source.IsSequence()) {
            work.target->kind = ConfigNode::Kind::List;
            for (const YAML::Node& item : work.source) {
                ConfigNode& child = document.nodes.emplace_back();
                work.target->items.push_back(&child);
                todo.push_back(Pending{item, &child, work.depth + 1});
            }
        } else if (work.source.IsMap()) {
            work.target->kind = ConfigNode::Kind::Map;
            convert_map(document, work, todo);
        }
    }
    return true;
}

template <typename T>
bool parse_whole(std::string_view text, T& value) noexcept {
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    return error == std::errc() && stop == end && !text.empty();
}

template <typename Value>
struct Unit {
    std::string_view name;
    Value factor;
};

// "64MiB": a number of digits and one of the units.
template <typename Units>
Result<std::uint64_t> parse_with_unit(std::string_view text,
                                      const Units& units,
                                      std::string_view expected) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    std::uint64_t number = 0;
    if (!parse_whole(text.substr(0, digits), number)) {
        return Error{Errc::Invalid, std::string(expected)};
    }
    for (const auto& unit : units) {
        if (unit.name == text.substr(digits)) {
            if (number > static_cast<std::uint64_t>(INT64_MAX) / unit.factor) {
                return Error{Errc::Invalid, "too large: " + std::string(expected)};
            }
            return number * unit.factor;
        }
    }
    if (number == 0 && digits == text.size()) {
        return std::uint64_t{0};
    }
    return Error{Errc::Invalid, std::string(expected)};
}

constexpr std::string_view kDurationExpected = "expected a time such as 250ms, 10s, 5m, 2h or 7d";
constexpr std::string_view kSizeExpected = "expected a size such as 512, 64KiB, 20MB or 2GiB";

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
    constexpr std::uint64_t kSecond = 1'000'000'000;
    constexpr std::array<Unit<std::uint64_t>, 5> kUnits{Unit<std::uint64_t>{"ms", kSecond / 1000},
                                                        {"s", kSecond},
                                                        {"m", kSecond * 60},
                                                        {"h", kSecond * 3600},
                                                        {"d", kSecond * 86400}};
    const std::uint64_t value = TRY(parse_with_unit(text, kUnits, kDurationExpected));
    return Duration(static_cast<std::int64_t>(value));
}

Result<std::uint64_t> parse_size(std::string_view text) {
    constexpr std::uint64_t kKilo = 1000;
    constexpr std::uint64_t kKibi = 1024;
    constexpr std::array<Unit<std::uint64_t>, 10> kUnits{Unit<std::uint64_t>{"", 1},
                                                         {"B", 1},
                                                         {"kB", kKilo},
                                                         {"MB", kKilo * kKilo},
                                                         {"GB", kKilo * kKilo * kKilo},
                                                         {"TB", kKilo * kKilo * kKilo * kKilo},
                                                         {"KiB", kKibi},
                                                         {"MiB", kKibi * kKibi},
                                                         {"GiB", kKibi * kKibi * kKibi},
                                                         {"TiB", kKibi * kKibi * kKibi * kKibi}};
    return parse_with_unit(text, kUnits, kSizeExpected);
}

ConfigSection::ConfigSection(std::shared_ptr<ConfigDocument> document,
                             const ConfigNode* node,
                             std::string path)
    : document_(std::move(document)), node_(node), path_(std::move(path)) {
}

const ConfigNode* ConfigSection::find(std::string_view key) const {
    if (node_ == nullptr) {
        return nullptr;
    }
    for (const ConfigNode::Entry& entry : node_->entries) {
        if (entry.key == key) {
            entry.value->asked = true;
            return entry.value->kind == ConfigNode::Kind::Null ? nullptr : entry.value;
        }
    }
    return nullptr;
}

const std::string* ConfigSection::scalar(std::string_view key, bool required) const {
    const ConfigNode* node = find(key);
    if (node == nullptr) {
        if (required) {
            document_->note_missing(node_ != nullptr ? node_->line : 1,
                                    node_ != nullptr ? node_->column : 1,
                                    path_ + std::string(key));
        }
        return nullptr;
    }
    if (node->kind != ConfigNode::Kind::Scalar) {
        bad(key, "expected a single value");
        return nullptr;
    }
    return &node->scalar;
}

void ConfigSection::bad(std::string_view key, std::string_view expected) const {
    const ConfigNode* node = find(key);
    const ConfigNode* place = node != nullptr ? node : node_;
    // What is said of a key that is not there is a missing setting, too.
    document_->problems.push_back({place != nullptr ? place->line : 1,
                                   place != nullptr ? place->column : 1,
                                   "'" + path_ + std::string(key) + "': " + std::string(expected),
                                   find(key) == nullptr});
}

void ConfigSection::problem(std::string_view key, std::string_view message) const {
    bad(key, message);
}

bool ConfigSection::has(std::string_view key) const {
    return find(key) != nullptr;
}

std::string ConfigSection::text(std::string_view key, std::string_view fallback) const {
    const std::string* value = scalar(key, false);
    return value != nullptr ? *value : std::string(fallback);
}

std::string ConfigSection::text(std::string_view key) const {
    const std::string* value = scalar(key, true);
    if (value != nullptr && value->empty()) {
        bad(key, "must not be empty");
    }
    return value != nullptr ? *value : std::string();
}

std::int64_t ConfigSection::integer(std::string_view key,
                                    std::int64_t min,
                                    std::int64_t max,
                                    std::optional<std::int64_t> fallback) const {
    const std::string* value = scalar(key, !fallback);
    if (value == nullptr) {
        return fallback.value_or(min);
    }
    std::int64_t number = 0;
    if (!parse_whole(*value, number) || number < min || number > max) {
        bad(key,
            "expected a whole number from " + std::to_string(min) + " to " + std::to_string(max));
        return fallback.value_or(min);
    }
    return number;
}

bool ConfigSection::boolean(std::string_view key, bool fallback) const {
    const std::string* value = scalar(key, false);
    if (value == nullptr) {
        return fallback;
    }
    if (*value == "true" || *value == "yes" || *value == "on") {
        return true;
    }
    if (*value != "false" && *value != "no" && *value != "off") {
        bad(key, "expected true or false");
        return fallback;
    }
    return false;
}

Duration ConfigSection::duration(std::string_view key, std::optional<Duration> fallback) const {
    const std::string* value = scalar(key, !fallback);
    if (value != nullptr) {
        auto parsed = parse_duration(*value);
        if (parsed) {
            return parsed.value();
        }
        bad(key, parsed.error().detail);
    }
    return fallback.value_or(Duration::zero());
}

std::uint64_t ConfigSection::size(std::string_view key,
                                  std::optional<std::uint64_t> fallback) const {
    const std::string* value = scalar(key, !fallback);
    if (value != nullptr) {
        auto parsed = parse_size(*value);
        if (parsed) {
            return parsed.value();
        }
        bad(key, parsed.error().detail);
    }
    return fallback.value_or(0);
}

Endpoint ConfigSection::endpoint(std::string_view key, std::optional<Endpoint> fallback) const {
    const std::string* value = scalar(key, !fallback);
    if (value != nullptr) {
        auto parsed = Endpoint::parse(*value);
        if (parsed) {
            return parsed.value();
        }
        bad(key, parsed.error().detail);
    }
    return fallback.value_or(Endpoint());
}

std::size_t ConfigSection::choice(std::string_view key,
                                  const std::vector<std::string_view>& words,
                                  std::size_t fallback) const {
    const std::string* value = scalar(key, false);
    if (value == nullptr) {
        return fallback;
    }
    const auto found = std::find(words.begin(), words.end(), *value);
    if (found == words.end()) {
        std::string expected = "expected one of";
        for (const std::string_view word : words) {
            expected.append(" ").append(word);
        }
        bad(key, expected);
        return fallback;
    }
    return static_cast<std::size_t>(found - words.begin());
}

std::vector<std::string> ConfigSection::texts(std::string_view key) const {
    const ConfigNode* node = find(key);
    if (node == nullptr) {
        return {};
    }
    if (node->kind == ConfigNode::Kind::Scalar) {
        return {node->scalar};
    }
    std::vector<std::string> values;
    for (const ConfigNode* item : node->items) {
        if (item->kind != ConfigNode::Kind::Scalar) {
            document_->note(item->line, item->column, "expected a single value");
            continue;
        }
        values.push_back(item->scalar);
    }
    if (node->kind == ConfigNode::Kind::Map) {
        bad(key, "expected a list");
    }
    return values;
}

std::vector<Endpoint> ConfigSection::endpoints(std::string_view key) const {
    std::vector<Endpoint> values;
    for (const std::string& text : texts(key)) {
        auto parsed = Endpoint::parse(text);
        if (!parsed) {
            bad(key, text + ": " + parsed.error().detail);
            continue;
        }
        values.push_back(parsed.value());
    }
    return values;
}

std::vector<Network> ConfigSection::networks(std::string_view key) const {
    std::vector<Network> values;
    for (const std::string& text : texts(key)) {
        auto parsed = Network::parse(text);
        if (!parsed) {
            bad(key, text + ": " + parsed.error().detail);
            continue;
        }
        values.push_back(parsed.value());
    }
    return values;
}

ConfigSection ConfigSection::section(std::string_view key) const {
    const ConfigNode* node = find(key);
    if (node != nullptr && node->kind != ConfigNode::Kind::Map) {
        bad(key, "expected settings below it");
        node = nullptr;
    }
    // Of a section that is missing, required settings are missing where it should be.
    return {document_, node, path_ + std::string(key) + "."};
}

std::vector<ConfigSection> ConfigSection::sections(std::string_view key) const {
    std::vector<ConfigSection> result;
    const ConfigNode* node = find(key);
    if (node == nullptr) {
        return result;
    }
    if (node->kind != ConfigNode::Kind::List) {
        bad(key, "expected a list");
        return result;
    }
    for (const ConfigNode* item : node->items) {
        if (item->kind != ConfigNode::Kind::Map) {
            document_->note(item->line, item->column, "expected settings");
            continue;
        }
        result.push_back(ConfigSection(document_, item, path_ + std::string(key) + "[]."));
        item->asked = true;
    }
    return result;
}

std::vector<std::string> ConfigSection::keys() const {
    std::vector<std::string> names;
    if (node_ != nullptr) {
        for (const ConfigNode::Entry& entry : node_->entries) {
            names.push_back(entry.key);
        }
    }
    return names;
}

Config::Config(std::shared_ptr<ConfigDocument> document) : document_(std::move(document)) {
}

Result<Config> Config::load(const std::string& path) {
    const std::string yaml = TRY(read_file(path, kFileMax));
    return parse(yaml, path);
}

Result<Config> Config::parse(std::string_view yaml, std::string_view name) {
    auto document = std::make_shared<ConfigDocument>();
    document->name = name;
    if (yaml.size() > kFileMax) {
        return Error{Errc::TooLarge, document->name + " has more than a MiB"};
    }
    try {
        const std::vector<YAML::Node> roots = YAML::LoadAll(std::string(yaml));
        if (roots.size() > 1) {
            return at(document->name, roots[1].Mark().line + 1, 1, "a second document");
        }
        if (!convert(*document, roots.empty() ? YAML::Node() : roots[0])) {
            return at(document->name, 1, 1, "too many or too deeply nested values");
        }
    } catch (const YAML::Exception& caught) {
        return at(document->name, caught.mark.line + 1, caught.mark.column + 1, caught.msg);
    }
    const ConfigNode& root = document->nodes.front();
    if (root.kind == ConfigNode::Kind::Scalar || root.kind == ConfigNode::Kind::List) {
        return at(document->name, 1, 1, "expected settings");
    }
    return Config(std::move(document));
}

ConfigSection Config::root() const {
    const ConfigNode& root = document_->nodes.front();
    root.asked = true;
    return {document_, root.kind == ConfigNode::Kind::Map ? &root : nullptr, ""};
}

Status Config::finish() const {
    std::vector<ConfigDocument::Problem> problems = document_->problems;
    std::vector<const ConfigNode*> todo{&document_->nodes.front()};
    while (!todo.empty()) {
        const ConfigNode& node = *todo.back();
        todo.pop_back();
        for (const ConfigNode::Entry& entry : node.entries) {
            if (!entry.value->asked) {
                problems.push_back(
                    {entry.line, entry.column, "unknown key '" + entry.key + "'", false});
                continue;
            }
            todo.push_back(entry.value);
        }
        todo.insert(todo.end(), node.items.begin(), node.items.end());
    }
    if (problems.empty()) {
        return Done{};
    }
    const auto first =
        std::min_element(problems.begin(), problems.end(), [](const auto& left, const auto& right) {
            return std::tie(left.is_missing, left.line, left.column) <
                   std::tie(right.is_missing, right.line, right.column);
        });
    return at(document_->name, first->line, first->column, first->text);
}

}  // namespace base
