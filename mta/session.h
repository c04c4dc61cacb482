#pragma once

// SmtpSession: one inbound SMTP connection from greeting to goodbye. It does the waiting for an
// SmtpEngine: reads and writes the stream, asks the sender policy, the recipient verifier, the
// virus scanner and the store, keeps the deadlines of RFC 5321 4.5.3.2, and tells log, counters and
// load meter.
//
// Log, one line an event, session id first: "connected", "accepted", "refused", "closed".
// Owner: the fiber that runs it. Thread rule: one fiber of one loop. Everything in SessionParts is
// borrowed and shared by all sessions.

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/fiber.h"
#include "base/metrics.h"
#include "base/result.h"
#include "base/stream.h"
#include "mta/acceptance.h"
#include "mta/byte_budget.h"
#include "mta/load.h"
#include "mta/recipient.h"
#include "mta/scan/scan_gate.h"
#include "mta/sender.h"
#include "mta/smtp_engine.h"

namespace mta {

struct SessionTimes {
    /// RFC 5321 4.5.3.2.7: at least five minutes between commands; also between pieces of data.
    base::Duration command = std::chrono::minutes(5);
    /// All of one message's data. A sender that drips is not waited for longer.
    base::Duration data = std::chrono::hours(1);
    /// For the copies of a message; the catalog's deadline comes on top.
    base::Duration store = std::chrono::seconds(20);
    /// The greeting waits so long to see whether the client talks first; 0: it does not look.
    base::Duration greeting = std::chrono::milliseconds(20);
};

/// What all sessions share.
struct SessionParts {
    EngineSettings engine;
    SessionTimes times;
    RecipientVerifier& recipients;
    SenderPolicy& senders;
    ByteBudget& budget;
    LoadMeter& load;
    StoreMail store;
    /// Is there room for a message of so many octets now? Any thread; must not wait. Errors: Busy
    /// (memory, disk), Unavailable (too few storage servers).
    std::function<base::Status(std::uint64_t)> room;
    ScanGate* scan = nullptr;  ///< null: messages are not scanned
};

/// How a session ended.
enum class SessionEnd : std::uint8_t {
    ByClient,  ///< it closed, or said QUIT
    ByUs,      ///< we had the last word: what the client still sends is to be read and dropped
};

/// One session: construct it, run() it to its end, destroy it. Destroying one that never ran tells
/// nobody anything.
class SmtpSession final : private EngineObserver {
  public:
    /// `stop` is set when the agent shuts down.
    SmtpSession(base::Stream& stream, SessionParts& parts, base::FiberEvent& stop);
    ~SmtpSession() override;
    SmtpSession(const SmtpSession&) = delete;
    SmtpSession& operator=(const SmtpSession&) = delete;

    [[nodiscard]] SessionEnd run();

  private:
    void on_refused(Refusal refusal, const Reply& reply, std::string_view about) override;
    void on_transaction_begun() override;
    void on_transaction_ended(TransactionEnd end) override;

    [[nodiscard]] bool greet();
    [[nodiscard]] Action step();
    [[nodiscard]] bool send_output();
    [[nodiscard]] bool wait_for_input();
    void on_wait_failed(const base::Error& error);
    void check_sender();
    void begin_data();
    void store();
    [[nodiscard]] bool pass_scan(const ScanVerdict& verdict, ReceivedMail& mail);
    void log_accepted(const storage::Receipt& receipt,
                      std::size_t size_bytes,
                      std::size_t recipients,
                      base::Duration took);
    [[nodiscard]] SessionEnd finish();

    base::Stream& stream_;
    SessionParts& parts_;
    base::FiberEvent& stop_;
    const std::string id_;
    bool stopping_ = false;
    bool client_gone_ = false;
    std::uint64_t transactions_ = 0;
    std::uint64_t accepted_ = 0;
    std::uint64_t refused_ = 0;
    base::Deadline data_deadline_;
    std::string sender_domain_;
    SmtpEngine engine_;           // its destructor tells the observer
    std::unique_ptr<Scan> scan_;  // of the message that arrives; it reads the engine's octets
};

/// The counter of refusals with that reason.
[[nodiscard]] base::Counter& refusal_counter(Refusal refusal);

}  // namespace mta
