#pragma once

// Notifier: tells accounts what they wish to be told of. It claims what is due in the queue of the
// directory and sends it on threads of its own, so that a receiver that is slow or hangs costs
// those threads and nothing else: no message waits for a notification. No transaction is held while
// something is sent. While PostgreSQL is away it waits.
//
// Any number of mail agents run one each. A process that dies leaves claims that lapse after
// kNoticeLease; what it had sent and not said so is sent again, under the same id.
//
// Owner: the mail agent. It borrows the loop and what the readers borrow, which outlive it.
// Thread rule: create(), wake() and the destructor on the loop's thread; stop() from a fiber of it.
// Limits: kNoticeWorkers attempts at once, each 15 s at the most.

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/loop.h"
#include "base/result.h"
#include "mta/notify/notice_sender.h"

namespace mta {

inline constexpr std::size_t kNoticeWorkers = 8;

struct NotifierOptions {
    std::string server;     ///< name of the mail server
    std::string host_name;  ///< for EHLO to the smarthost
    std::string database;   ///< conninfo
    NoticeReaders readers;
};

/// See the top of this file.
class Notifier {
  public:
    /// Runs when it returns. Errc::Busy: no fiber could be made.
    [[nodiscard]] static base::Result<std::unique_ptr<Notifier>> create(base::Loop& loop,
                                                                        NotifierOptions options);
    ~Notifier();
    Notifier(const Notifier&) = delete;
    Notifier& operator=(const Notifier&) = delete;

    /// Something was queued: looks at once.
    void wake();

    /// Claims nothing more, ends attempts early. What they were about is tried again later.
    void stop();

  private:
    struct State;

    explicit Notifier(std::unique_ptr<State> state);

    std::unique_ptr<State> state_;
};

}  // namespace mta
