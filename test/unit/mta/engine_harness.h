#pragma once

// An SmtpEngine with scripted answers to its questions, for tests: what a session does, without
// waiting. Thread rule: one thread.

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mta/smtp_engine.h"

namespace mta::test {

/// Known recipients are bob@ and eve@example.org and the postmaster there.
class EngineHarness final : public EngineObserver {
  public:
    explicit EngineHarness(EngineSettings engine_settings = default_settings(),
                           std::size_t budget_bytes = 10'000'000)
        : settings_(std::move(engine_settings)),
          budget_(budget_bytes),
          engine_(settings_, "[192.0.2.7]", budget_, *this) {}

    static EngineSettings default_settings() {
        EngineSettings settings;
        settings.host_name = "mx1.example.org";
        settings.size_max_bytes = 100'000;
        return settings;
    }

    /// Feeds `wire` in pieces of `piece` octets and answers what the engine asks. Returns the
    /// replies of this call.
    std::string say(std::string_view wire, std::size_t piece = 1'000'000) {
        while (!wire.empty() && !closed_) {
            std::string_view part = wire.substr(0, piece);
            wire.remove_prefix(part.size());
            drive(part);
        }
        return take_output();
    }

    /// One advance() with no new input.
    std::string poke() {
        std::string_view nothing;
        drive(nothing);
        return take_output();
    }

    std::string greet(SmtpEngine::EarlyTalk early = SmtpEngine::EarlyTalk::No) {
        engine_.greet(early);
        return poke();
    }

    /// Greeting and EHLO, replies dropped.
    void hello() {
        (void)greet();
        (void)say("EHLO client.example\r\n");
    }

    SmtpEngine& engine() { return engine_; }

    ByteBudget& budget() { return budget_; }

    [[nodiscard]] bool closed() const { return closed_; }

    std::map<std::string, base::Result<VerifiedRecipient>> verdicts = {
        {"bob@example.org", VerifiedRecipient{"bob@example.org", 7}},
        {"Bob@Example.ORG", VerifiedRecipient{"Bob@Example.ORG", 7}},
        {"eve@example.org", VerifiedRecipient{"eve@example.org", 8}},
        {"postmaster@example.org", VerifiedRecipient{"postmaster@example.org", 9}},
        {"PostMaster", VerifiedRecipient{"postmaster@example.org", 9}},
        {"x@elsewhere.example", base::Error{base::Errc::Refused, ""}},
        {"late@example.org", base::Error{base::Errc::Unavailable, ""}},
    };
    base::Status sender_verdict = base::Done{};
    ReplyPhase sender_phase = ReplyPhase::Sender;
    Reply store_reply{250, "2.0.0", "stored"};

    std::vector<ReceivedMail> stored;
    std::vector<Refusal> refusals;
    std::vector<TransactionEnd> ends;
    int begun = 0;
    int recipient_questions = 0;

    void on_refused(Refusal refusal, const Reply& reply, std::string_view about) override {
        (void)reply;
        (void)about;
        refusals.push_back(refusal);
    }

    void on_transaction_begun() override { ++begun; }

    void on_transaction_ended(TransactionEnd end) override { ends.push_back(end); }

  private:
    std::string take_output() { return std::exchange(engine_.output(), {}); }

    void drive(std::string_view& input) {
        for (;;) {
            switch (engine_.advance(input)) {
                case Action::Read:
                    return;
                case Action::Close:
                    closed_ = true;
                    return;
                case Action::CheckSender:
                    engine_.answer_sender(sender_verdict, sender_phase);
                    break;
                case Action::CheckRecipient: {
                    ++recipient_questions;
                    const auto found = verdicts.find(engine_.recipient().text());
                    engine_.answer_recipient(
                        found == verdicts.end()
                            ? base::Result<VerifiedRecipient>(base::Error{base::Errc::NotFound, ""})
                            : found->second);
                    break;
                }
                case Action::BeginData:
                    engine_.answer_begin_data("5e55.1", 1'700'000'000'000'000);
                    break;
                case Action::Store:
                    stored.push_back(engine_.take_mail());
                    engine_.answer_store(store_reply);
                    break;
            }
        }
    }

    EngineSettings settings_;
    ByteBudget budget_;
    bool closed_ = false;
    SmtpEngine engine_;  // last: its destructor calls the observer
};

}  // namespace mta::test
