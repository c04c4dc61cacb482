#pragma once

// WaitingWatcher: the part of a mail agent that tells subscribers (directory.message_waiting) how
// many voicemails wait, after every change: a new one, \Seen, deleted, moved. It looks when the
// database announces that a mailbox has changed, and every kPollEvery without that, so that a lost
// announcement costs time and nothing else. Any number of agents watch: what is to be told is
// claimed in the database (catalog.claim_waiting), what was told is remembered there.
//
// A subscriber is told at least once of every state that lasts; of states that came and went while
// it was being told it hears the last. One that fails is tried again after 2, 4, 8 ... 300 s. One
// that does not answer holds up nobody else: a telling that takes longer than kSlowAfter counts no
// more against those that may begin, and a subscription has at most 4 at once, 2 while it is slow
// or fails (catalog.may_tell). While the catalog is rebuilt nobody is told anything.
//
// Owner: MailAgent, on its main loop. Thread rule: loop thread; the destructor ends what is being
// told and waits for it, some seconds at most; another agent tells it then.
// Limits: kQuickMax are told at once, slow ones beside them up to kTellersMax, kNoticesMax
// announced mailboxes between two looks (more are "all").

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/loop.h"
#include "base/result.h"

namespace mta {

class WaitingWatcher {
  public:
    static constexpr base::Duration kPollEvery = std::chrono::seconds(2);
    static constexpr base::Duration kSlowAfter = std::chrono::milliseconds(500);
    static constexpr std::size_t kQuickMax = 16;
    static constexpr std::size_t kTellersMax = 64;
    static constexpr std::size_t kNoticesMax = 1000;

    /// Starts watching. `owner` names this process among all: server and start. `hooks`: directory
    /// of the programs that may be run; empty: none.
    [[nodiscard]] static base::Result<std::unique_ptr<WaitingWatcher>> create(
        base::Loop& loop,
        const std::string& database,
        const std::string& owner,
        const std::string& hooks);
    ~WaitingWatcher();
    WaitingWatcher(const WaitingWatcher&) = delete;
    WaitingWatcher& operator=(const WaitingWatcher&) = delete;

  private:
    struct State;

    explicit WaitingWatcher(std::shared_ptr<State> state);

    std::shared_ptr<State> state_;
};

}  // namespace mta
