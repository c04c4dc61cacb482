#pragma once

// Rules: what a disk does to the calls that reach it. Each rule names mounts, calls, an action and
// how often it acts; all that match act, in the order in which they were set. A call that hangs
// waits until its rule is cleared; the process that made it is in state D meanwhile.
//
// Thread rule: any thread.

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <vector>

namespace chaos {

/// A call of the file system, as a bit.
enum class Call : std::uint32_t {
    Lookup = 1U << 0U,
    Get = 1U << 1U,
    Set = 1U << 2U,
    Make = 1U << 3U,
    Remove = 1U << 4U,
    Rename = 1U << 5U,
    Open = 1U << 6U,
    Read = 1U << 7U,
    Write = 1U << 8U,
    Sync = 1U << 9U,
    SyncFolder = 1U << 10U,
    List = 1U << 11U,
    Space = 1U << 12U,
};

/// What a rule does.
enum class Action : std::uint8_t {
    Fail,   ///< answers an errno
    Delay,  ///< waits so many milliseconds
    Hang,   ///< waits until the rule is cleared, then answers EIO
    Short,  ///< takes only a part of what is written
};

/// See the top of this file.
struct Rule {
    std::string name;
    int mount = -1;           ///< index of the mount; -1: all
    std::uint32_t calls = 0;  ///< bits of Call
    Action action = Action::Fail;
    int argument = 0;       ///< errno, or milliseconds
    int per_mille = 1'000;  ///< chance to act
    int uses = -1;          ///< how often it acts yet; -1: without end
};

/// Calls by name, separated by commas ("write,sync"; also "all" and "modify"). 0: not understood.
[[nodiscard]] std::uint32_t calls_of(const std::string& names);

/// What became of a call at the gate.
struct Passage {
    int error = 0;
    bool shortened = false;
};

/// See the top of this file.
class Rules {
  public:
    explicit Rules(std::uint64_t seed) : random_(seed) {}

    /// In the place of the rule of the same name, if there is one.
    void add(Rule rule);
    /// "*": all. Wakes what hangs by it.
    void clear(const std::string& name);
    /// Waits as the rules say.
    [[nodiscard]] Passage pass(int mount, Call call);
    /// How often each rule acted, those that were cleared included.
    [[nodiscard]] std::map<std::string, std::uint64_t> acted();

  private:
    [[nodiscard]] bool is_set(const std::string& name, std::uint64_t number) const;

    struct Numbered {
        Rule rule;
        std::uint64_t number;
    };

    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Numbered> rules_;
    std::uint64_t next_number_ = 1;
    std::mt19937_64 random_;
    std::map<std::string, std::uint64_t> acted_;
};

}  // namespace chaos
