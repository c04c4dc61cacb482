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

constexpr const char* kChannel = "roundtable_mailbox";

}  // namespace

struct MailboxWatch::Subscription::Entry {
    Entry(MailboxId a_mailbox, base::Poster a_poster, std::function<void()> a_callback)
        : mailbox(number(a_mailbox)),
          poster(std::move(a_poster)),
          on_change(std::move(a_callback)) {}

    std::int64_t mailbox = 0;
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

    void on_notice(const std::string& payload) {
        std::int64_t mailbox = 0;
        std::from_chars(payload.data(), payload.data() + payload.size(), mailbox);
        entries.with([&](auto& all) {
            const auto [from, to] = all.equal_range(mailbox);
            for (auto at = from; at != to; ++at) {
                tell(at->second);
            }
        });
    }

    // Notices may have been missed.
    void on_connected() {
        entries.with([](auto& all) {
            for (const auto& [mailbox, entry] : all) {
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
        std::vector<std::string>{kChannel},
        base::ChangeListener::Callbacks{
            [raw](const std::string&, const std::string& payload) { raw->on_notice(payload); },
            [raw] { raw->on_connected(); }});
}

MailboxWatch::~MailboxWatch() {
    state_->listener.reset();
}

MailboxWatch::Subscription MailboxWatch::watch(MailboxId mailbox,
                                               base::Poster poster,
                                               std::function<void()> on_change) {
    auto entry =
        std::make_shared<Subscription::Entry>(mailbox, std::move(poster), std::move(on_change));
    entry->state = state_;
    state_->entries.with([&](auto& all) { all.emplace(entry->mailbox, entry); });
    return Subscription(std::move(entry));
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
        state->entries.with([&](auto& all) {
            const auto [from, to] = all.equal_range(entry_->mailbox);
            for (auto at = from; at != to; ++at) {
                if (at->second == entry_) {
                    all.erase(at);
                    return;
                }
            }
        });
    }
}

}  // namespace storage
