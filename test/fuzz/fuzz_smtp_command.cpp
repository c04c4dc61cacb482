// A session with any input, in any pieces: replies are well-formed lines, what is stored has no
// bare CR, bare LF or NUL, memory is given back, and lines are cut the same wherever the input
// splits.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "mta/line_reader.h"
#include "mta/smtp_engine.h"

namespace {

class Observer final : public mta::EngineObserver {
  public:
    void on_refused(mta::Refusal, const mta::Reply& reply, std::string_view) override {
        CHECK(reply.code >= 400 && reply.code < 600);
    }

    void on_transaction_begun() override { ++open_; }

    void on_transaction_ended(mta::TransactionEnd) override { --open_; }

    [[nodiscard]] int open() const { return open_; }

  private:
    int open_ = 0;
};

void check_replies(std::string_view replies) {
    while (!replies.empty()) {
        const std::size_t end = replies.find("\r\n");
        CHECK(end != std::string_view::npos && end >= 4 && end <= 510);
        const std::string_view line = replies.substr(0, end);
        CHECK(line[0] >= '2' && line[0] <= '5' && (line[3] == ' ' || line[3] == '-'));
        CHECK(line.find_first_of("\r\n") == std::string_view::npos);
        replies.remove_prefix(end + 2);
    }
}

void check_message(std::string_view message) {
    CHECK(message.ends_with("\r\n") && message.find('\0') == std::string_view::npos);
    for (std::size_t i = 0; i < message.size(); ++i) {
        CHECK((message[i] == '\n') == (i > 0 && message[i - 1] == '\r'));
    }
}

// Answers every question; an address with an 'x' in it is refused, one with a 'y' cannot be judged.
bool answer(mta::SmtpEngine& engine, mta::Action action) {
    const auto verdict = [](const mail::Address& address) -> base::Status {
        if (address.local_part.find('x') != std::string::npos) {
            return base::Error{base::Errc::Refused, ""};
        }
        if (address.local_part.find('y') != std::string::npos) {
            return base::Error{base::Errc::Unavailable, ""};
        }
        return base::Done{};
    };
    switch (action) {
        case mta::Action::Read:
        case mta::Action::Close:
            return false;
        case mta::Action::CheckSender:
            engine.answer_sender(verdict(engine.sender().value_or(mail::Address())),
                                 mta::ReplyPhase::Sender);
            return true;
        case mta::Action::CheckRecipient: {
            const base::Status known = verdict(engine.recipient());
            if (known) {
                engine.answer_recipient(mta::VerifiedRecipient{engine.recipient().text(), 1});
            } else {
                engine.answer_recipient(known.error());
            }
            return true;
        }
        case mta::Action::BeginData:
            engine.answer_begin_data("fuzz.1", 1'700'000'000'000'000);
            return true;
        case mta::Action::Store: {
            const mta::ReceivedMail mail = engine.take_mail();
            CHECK(!mail.envelope.recipients.empty());
            check_message(mail.message);
            engine.answer_store(mta::Reply{250, "2.0.0", "stored"});
            return true;
        }
    }
    return false;
}

void run_session(std::string_view wire, std::size_t piece) {
    mta::EngineSettings settings;
    settings.host_name = "mx.example.org";
    settings.size_max_bytes = 4096;
    mta::ByteBudget budget(std::size_t{1} << 20U);
    Observer observer;
    {
        mta::SmtpEngine engine(settings, "[192.0.2.1]", budget, observer);
        engine.greet(mta::SmtpEngine::EarlyTalk::No);
        bool closed = false;
        while (!wire.empty() && !closed) {
            std::string_view part = wire.substr(0, piece);
            wire.remove_prefix(part.size());
            mta::Action action = engine.advance(part);
            while (answer(engine, action)) {
                action = engine.advance(part);
            }
            closed = action == mta::Action::Close;
            CHECK(closed || part.empty());
            check_replies(std::exchange(engine.output(), {}));
        }
    }
    CHECK(observer.open() == 0);
    CHECK(budget.used_bytes() == 0);
}

std::vector<std::string> cut_lines(std::string_view wire, std::size_t piece) {
    mta::LineReader reader;
    std::vector<std::string> lines;
    while (!wire.empty()) {
        const std::string copy(wire.substr(0, piece));
        wire.remove_prefix(copy.size());
        std::string_view part = copy;
        while (const auto line = reader.next(part)) {
            lines.push_back(std::to_string(static_cast<int>(line->fault)) +
                            std::string(line->text));
        }
    }
    return lines;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view wire(reinterpret_cast<const char*>(data), size);
    const std::vector<std::string> whole = cut_lines(wire, size + 1);
    for (const std::size_t piece : {1U, 3U}) {
        CHECK(cut_lines(wire, piece) == whole);
    }
    run_session(wire, 1);
    run_session(wire, 17);
    run_session(wire, size + 1);
    // With the group ends where an obedient client has them, so that DATA and EHLO get further.
    std::string_view rest = wire;
    std::size_t longest = 1;
    while (!rest.empty()) {
        const std::size_t end = rest.find("\r\n");
        longest = std::max(longest, std::min(end, rest.size()) + 2);
        rest.remove_prefix(std::min(rest.size(), end == std::string_view::npos ? end : end + 2));
    }
    run_session(wire, longest);
    return 0;
}
