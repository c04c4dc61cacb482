#include "test/chaos/fault_fs/rules.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <sstream>
#include <string_view>
#include <utility>

namespace chaos {

namespace {

constexpr std::uint32_t bit(Call call) {
    return static_cast<std::uint32_t>(call);
}

constexpr std::uint32_t kModify = bit(Call::Set) | bit(Call::Make) | bit(Call::Remove) |
                                  bit(Call::Rename) | bit(Call::Write) | bit(Call::Sync) |
                                  bit(Call::SyncFolder);

constexpr std::array<std::pair<std::string_view, std::uint32_t>, 15> kNames = {{
    {"lookup", bit(Call::Lookup)},
    {"get", bit(Call::Get)},
    {"set", bit(Call::Set)},
    {"make", bit(Call::Make)},
    {"remove", bit(Call::Remove)},
    {"rename", bit(Call::Rename)},
    {"open", bit(Call::Open)},
    {"read", bit(Call::Read)},
    {"write", bit(Call::Write)},
    {"sync", bit(Call::Sync)},
    {"syncfolder", bit(Call::SyncFolder)},
    {"list", bit(Call::List)},
    {"space", bit(Call::Space)},
    {"modify", kModify},
    {"all", ~0U},
}};

}  // namespace

std::uint32_t calls_of(const std::string& names) {
    std::uint32_t calls = 0;
    std::istringstream words(names);
    for (std::string word; std::getline(words, word, ',');) {
        const auto* const found =
            std::ranges::find_if(kNames, [&](const auto& each) { return each.first == word; });
        if (found == kNames.end()) {
            return 0;
        }
        calls |= found->second;
    }
    return calls;
}

void Rules::add(Rule rule) {
    const std::lock_guard lock(mutex_);
    std::erase_if(rules_, [&](const Numbered& each) { return each.rule.name == rule.name; });
    rules_.push_back({std::move(rule), next_number_++});
    changed_.notify_all();
}

void Rules::clear(const std::string& name) {
    const std::lock_guard lock(mutex_);
    std::erase_if(rules_,
                  [&](const Numbered& each) { return name == "*" || each.rule.name == name; });
    changed_.notify_all();
}

bool Rules::is_set(const std::string& name, std::uint64_t number) const {
    return std::ranges::any_of(rules_, [&](const Numbered& each) {
        return each.rule.name == name && each.number == number;
    });
}

Passage Rules::pass(int mount, Call call) {
    std::unique_lock lock(mutex_);
    std::vector<Numbered> acting;
    for (Numbered& each : rules_) {
        Rule& rule = each.rule;
        if ((rule.mount != -1 && rule.mount != mount) || (rule.calls & bit(call)) == 0 ||
            rule.uses == 0 || static_cast<int>(random_() % 1'000) >= rule.per_mille) {
            continue;
        }
        rule.uses -= rule.uses > 0 ? 1 : 0;
        ++acted_[rule.name];
        acting.push_back(each);
    }
    Passage passage;
    for (const auto& [rule, number] : acting) {
        const std::string name = rule.name;
        const auto cleared = [&] { return !is_set(name, number); };
        switch (rule.action) {
            case Action::Fail:
                passage.error = rule.argument;
                return passage;
            case Action::Delay:
                changed_.wait_for(lock, std::chrono::milliseconds(rule.argument), cleared);
                break;
            case Action::Hang:
                changed_.wait(lock, cleared);
                passage.error = EIO;
                return passage;
            case Action::Short:
                passage.shortened = true;
                break;
        }
    }
    return passage;
}

std::map<std::string, std::uint64_t> Rules::acted() {
    const std::lock_guard lock(mutex_);
    return acted_;
}

}  // namespace chaos
