#include "storage/mailbox/mailbox_watch.h"

#include <atomic>
#include <charconv>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/db.h"
#include "base/guarded.h"

namespace storage {
namespace {

constexpr const char* kMailboxes = "roundtable_mailbox";
constexpr const char* kAccounts = "roundtable_account";

// What is watched, as one number: ids are positive.
std::int64_t key_of(MailboxId mailbox) {
    return number(mailbox);
}

std::int64_t key_of(AccountId account) {
    return -number(account);
}

}  // namespace

struct MailboxWatch::Subscription::Entry {
    Entry(std::vector<std::int64_t> a_keys, base::Poster a_poster, std::function<void()> a_callback)
        : keys(std::move(a_keys)), poster(std::move(a_poster)), on_change(std::move(a_callback)) {}

    std::vector<std::int64_t> keys;
    base::Poster poster;
    std::function<void()> on_change;
    std::atomic<bool> posted{false};  // a callback is under way
    std::atomic<bool> ended{false};
    std::weak_ptr<State> state;
};

struct MailboxWatch::State {
    using Entry = Subscription::Entry;

    // Shared by the loops that subscribe and the listener's thread.
    base::Guarded<std::unordered_multimap<std::int64_t, std::shared_ptr<Entry>>> entries;
    std::unique_ptr<base::ChangeListener> listener;

    static void tell(const std::shared_ptr<Entry>& entry) {
        if (entry->posted.exchange(true)) {
            return;
        }
        const bool taken = entry->poster.post([entry] {
            // Before the callback: a notice that comes while it runs is a new one.
            entry->posted = false;
            if (!entry->ended) {
                entry->on_change();
            }
        });
        if (!taken) {
            entry->posted = false;
        }
    }

    static std::shared_ptr<Entry> add(const std::shared_ptr<State>& state,
                                      std::shared_ptr<Entry> entry) {
        entry->state = state;
        state->entries.with([&](auto& all) {
            for (const std::int64_t key : entry->keys) {
                all.emplace(key, entry);
            }
        });
        return entry;
    }

    void remove(const std::shared_ptr<Entry>& entry) {
        entries.with([&](auto& all) {
            for (const std::int64_t key : entry->keys) {
                const auto [from, to] = all.equal_range(key);
                for (auto at = from; at != to; ++at) {
                    if (at->second == entry) {
                        all.erase(at);
                        break;
                    }
                }
            }
        });
    }

    void on_notice(const std::string& channel, const std::string& payload) {
        std::int64_t id = 0;
        std::from_chars(payload.data(), payload.data() + payload.size(), id);
        const std::int64_t key =
            channel == kAccounts ? key_of(AccountId{id}) : key_of(MailboxId{id});
        entries.with([&](auto& all) {
            const auto [from, to] = all.equal_range(key);
            for (auto at = from; at != to; ++at) {
                tell(at->second);
            }
        });
    }

    // Notices may have been missed.
    void on_connected() {
        entries.with([](auto& all) {
            for (const auto& [key, entry] : all) {
                tell(entry);
            }
        });
    }
};

MailboxWatch::MailboxWatch(std::string database, std::string application_name)
    : state_(std::make_shared<State>()) {
    State* raw = state_.get();  // the listener's thread ends before the state does
    state_->listener = std::make_unique<base::ChangeListener>(
        std::move(database),
        std::move(application_name),
        std::vector<std::string>{kMailboxes, kAccounts},
        base::ChangeListener::Callbacks{
            [raw](const std::string& channel, const std::string& payload) {
                raw->on_notice(channel, payload);
            },
            [raw] { raw->on_connected(); }});
}

MailboxWatch::~MailboxWatch() {
    state_->listener.reset();
}

MailboxWatch::Subscription MailboxWatch::watch(MailboxId mailbox,
                                               base::Poster poster,
                                               std::function<void()> on_change) {
    return Subscription(State::add(
        state_,
        std::make_shared<Subscription::Entry>(
            std::vector<std::int64_t>{key_of(mailbox)}, std::move(poster), std::move(on_change))));
}

MailboxWatch::Subscription MailboxWatch::watch_account(AccountId account,
                                                       std::span<const MailboxId> mailboxes,
                                                       base::Poster poster,
                                                       std::function<void()> on_change) {
    std::vector<std::int64_t> keys{key_of(account)};
    keys.reserve(mailboxes.size() + 1);
    for (const MailboxId mailbox : mailboxes) {
        keys.push_back(key_of(mailbox));
    }
    return Subscription(State::add(state_,
                                   std::make_shared<Subscription::Entry>(
                                       std::move(keys), std::move(poster), std::move(on_change))));
}

MailboxWatch::Subscription::Subscription(std::shared_ptr<Entry> entry) noexcept
    : entry_(std::move(entry)) {
}

MailboxWatch::Subscription::Subscription(Subscription&&) noexcept = default;

MailboxWatch::Subscription& MailboxWatch::Subscription::operator=(Subscription&& other) noexcept {
    std::swap(entry_, other.entry_);
    return *this;
}

MailboxWatch::Subscription::~Subscription() {
    if (entry_ == nullptr) {
        return;
    }
    entry_->ended = true;
    if (const std::shared_ptr<State> state = entry_->state.lock(); state != nullptr) {
        state->remove(entry_);
    }
}

}  // namespace storage
