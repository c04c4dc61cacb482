#include "mta/session.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/hash.h"
#include "base/log.h"
#include "base/random.h"

namespace mta {

namespace {

constexpr base::Duration kLastWords = std::chrono::seconds(5);

std::string make_session_id() {
    std::array<std::byte, 8> bytes{};
    base::random_fill(bytes);
    return base::to_hex(bytes);
}

// RFC 5321 4.1.3: the tag of an IPv6 literal is part of its form.
std::string literal_of(const base::IpAddress& address) {
    const std::string text = address.to_text();
    return address.family() == base::IpFamily::V6 ? "[IPv6:" + text + "]" : "[" + text + "]";
}

struct Metrics {
    base::Counter& sessions =
        base::counter("roundtable_smtp_sessions_total", "SMTP sessions begun", {{"folder", "mta"}});
    base::Counter& accepted = base::counter("roundtable_smtp_messages_accepted_total",
                                            "Messages answered with 250",
                                            {{"folder", "mta"}});
    base::Counter& accepted_bytes = base::counter("roundtable_smtp_accepted_bytes_total",
                                                  "Octets of messages answered with 250",
                                                  {{"folder", "mta"}});
    base::Counter& uncatalogued = base::counter("roundtable_smtp_messages_to_be_catalogued_total",
                                                "Accepted while the catalog did not answer",
                                                {{"folder", "mta"}});
    base::Counter& degraded = base::counter("roundtable_smtp_messages_degraded_total",
                                            "Accepted with fewer copies than min_copies",
                                            {{"folder", "mta"}});
    base::Histogram& store_seconds = base::seconds_histogram(
        "roundtable_smtp_store_seconds", "From the end of data to the reply", {{"folder", "mta"}});
};

Metrics& metrics() {
    static Metrics instance;
    return instance;
}

std::string domain_of(const std::optional<mail::Address>& sender) {
    return sender ? mail::normalised(*sender).domain : std::string();
}

}  // namespace

base::Counter& refusal_counter(Refusal refusal) {
    static const auto counters = [] {
        std::array<base::Counter*, kRefusalCount> all{};
        for (std::size_t i = 0; i < all.size(); ++i) {
            all[i] = &base::counter(
                "roundtable_smtp_refused_total",
                "Commands, messages and sessions refused, by reason",
                {{"folder", "mta"}, {"reason", refusal_name(static_cast<Refusal>(i))}});
        }
        return all;
    }();
    return *counters[static_cast<std::size_t>(refusal)];
}

SmtpSession::SmtpSession(base::Stream& stream, SessionParts& parts, base::FiberEvent& stop)
    : stream_(stream),
      parts_(parts),
      stop_(stop),
      id_(make_session_id()),
      data_deadline_(base::Deadline::after(parts.times.data)),
      engine_(parts.engine, literal_of(stream.peer().address()), parts.budget, *this) {
}

SmtpSession::~SmtpSession() = default;

SessionEnd SmtpSession::run() {
    metrics().sessions.add();
    base::log::info("mta", "connected", {{"session", id_}, {"peer", stream_.peer().to_text()}});
    if (!greet()) {
        return finish();
    }
    for (;;) {
        const Action action = step();
        if (!send_output()) {
            return finish();
        }
        switch (action) {
            case Action::Read:
                if (!wait_for_input()) {
                    return finish();
                }
                break;
            case Action::CheckSender:
                check_sender();
                break;
            case Action::CheckRecipient:
                engine_.answer_recipient(parts_.recipients.verify(engine_.recipient()));
                break;
            case Action::BeginData:
                begin_data();
                break;
            case Action::Store:
                store();
                break;
            case Action::Close:
                return finish();
        }
    }
}

bool SmtpSession::greet() {
    if (parts_.times.greeting == base::Duration::zero()) {
        engine_.greet(SmtpEngine::EarlyTalk::No);
        return true;
    }
    const base::Status waited =
        stream_.wait_readable_or(stop_, base::Deadline::after(parts_.times.greeting));
    if (!waited && waited.error().code != base::Errc::Timeout) {
        client_gone_ = true;
        return false;
    }
    engine_.greet(stream_.buffered().empty() ? SmtpEngine::EarlyTalk::No
                                             : SmtpEngine::EarlyTalk::Yes);
    return true;
}

Action SmtpSession::step() {
    if (stop_.take()) {
        stopping_ = true;
        engine_.shut_down();
    }
    std::string_view input = stream_.buffered();
    const std::size_t before = input.size();
    const Action action = engine_.advance(input);
    stream_.consume(before - input.size());
    if (scan_ && engine_.in_data()) {
        scan_->on_data();
    }
    return action;
}

// Into the stream's buffer: it leaves when the session waits, so that replies to pipelined commands
// leave together (RFC 2920 3.2).
bool SmtpSession::send_output() {
    std::string& output = engine_.output();
    if (output.empty()) {
        return true;
    }
    const base::Status written = stream_.write(output);
    output.clear();
    client_gone_ = client_gone_ || !written;
    return !client_gone_;
}

// False when the client is gone. A timeout or a cancellation ends the session through the engine.
bool SmtpSession::wait_for_input() {
    base::Deadline deadline = base::Deadline::after(parts_.times.command);
    if (engine_.in_data()) {
        deadline = deadline.sooner(data_deadline_);
    }
    const base::Status waited = stream_.wait_readable_or(stop_, deadline);
    if (!waited) {
        on_wait_failed(waited.error());
        return !client_gone_;
    }
    if (stream_.buffered().empty() && stream_.readable_now()) {
        client_gone_ = true;  // the end of its input, without QUIT
    }
    return !client_gone_;
}

void SmtpSession::on_wait_failed(const base::Error& error) {
    switch (error.code) {
        case base::Errc::Timeout:
            engine_.abort(Refusal::ClientTimeout, {421, "4.4.2", "Timeout, closing"});
            return;
        case base::Errc::Cancelled:
            engine_.abort(Refusal::Shutdown, {421, "4.3.2", "Shutting down, try again later"});
            return;
        default:
            client_gone_ = true;
            return;
    }
}

void SmtpSession::check_sender() {
    sender_domain_ = domain_of(engine_.sender());
    const base::Status room = parts_.room(engine_.announced_size_bytes());
    if (!room) {
        engine_.answer_sender(room, ReplyPhase::Store);
        return;
    }
    engine_.answer_sender(parts_.senders.check(engine_.sender()), ReplyPhase::Sender);
}

void SmtpSession::begin_data() {
    data_deadline_ = base::Deadline::after(parts_.times.data);
    engine_.answer_begin_data(id_ + "." + std::to_string(transactions_), base::wall_us());
    if (parts_.scan != nullptr) {
        scan_ =
            parts_.scan->begin(*base::Loop::current(), [this] { return engine_.message_so_far(); });
    }
}

void SmtpSession::store() {
    const base::Instant started = base::monotonic_now();
    std::optional<ScanVerdict> verdict;
    if (scan_) {
        verdict = scan_->finish();
        scan_.reset();
    }
    ReceivedMail mail = engine_.take_mail();
    if (verdict && !pass_scan(*verdict, mail)) {
        return;
    }
    const std::size_t size_bytes = mail.message.size();
    const std::size_t recipients = mail.envelope.recipients.size();
    const Acceptance acceptance =
        accept_mail(parts_.store, std::move(mail), base::Deadline::after(parts_.times.store));
    const base::Duration took = base::monotonic_now() - started;
    metrics().store_seconds.observe(std::chrono::duration<double>(took).count());
    if (acceptance.receipt) {
        log_accepted(*acceptance.receipt, size_bytes, recipients, took);
    } else if (acceptance.error) {
        base::log::warning("mta",
                           "not stored",
                           {{"session", id_},
                            {"transaction", transactions_},
                            {"error", *acceptance.error},
                            {"bytes", size_bytes}});
    }
    engine_.answer_store(acceptance.reply);
}

// False when that was the end of the message, and the client was told.
bool SmtpSession::pass_scan(const ScanVerdict& verdict, ReceivedMail& mail) {
    const ScanJudgement judgement = parts_.scan->judge(
        verdict, mail.envelope, mail.message, id_ + "." + std::to_string(transactions_));
    switch (judgement.kind) {
        case ScanJudgement::Kind::Refuse:
            engine_.answer_refused(Refusal::VirusFound,
                                   {550, "5.7.1", "Virus found: " + judgement.signature},
                                   judgement.signature);
            return false;
        case ScanJudgement::Kind::PutOff:
            engine_.answer_refused(
                Refusal::NotScanned,
                {451, "4.7.1", "Message cannot be scanned for viruses now, try again later"},
                verdict.reason);
            return false;
        case ScanJudgement::Kind::Take:
            break;
    }
    return true;
}

void SmtpSession::log_accepted(const storage::Receipt& receipt,
                               std::size_t size_bytes,
                               std::size_t recipients,
                               base::Duration took) {
    ++accepted_;
    metrics().accepted.add();
    metrics().accepted_bytes.add(size_bytes);
    if (receipt.catalog == storage::CatalogState::ToBeCatalogued) {
        metrics().uncatalogued.add();
    }
    if (receipt.degraded) {
        metrics().degraded.add();
    }
    base::log::info("mta",
                    "accepted",
                    {{"session", id_},
                     {"transaction", transactions_},
                     {"message", receipt.id.text()},
                     {"sender_domain", sender_domain_},
                     {"recipients", recipients},
                     {"bytes", size_bytes},
                     {"copies", receipt.copies},
                     {"catalogued", receipt.catalog == storage::CatalogState::Catalogued},
                     {"ms", std::chrono::duration_cast<std::chrono::milliseconds>(took).count()}});
}

SessionEnd SmtpSession::finish() {
    // Also when the client has closed its side: it may still read the replies to what it sent.
    const base::Status flushed = stream_.flush(base::Deadline::after(kLastWords));
    client_gone_ = client_gone_ || !flushed;
    base::log::info("mta",
                    "closed",
                    {{"session", id_},
                     {"transactions", transactions_},
                     {"accepted", accepted_},
                     {"refused", refused_}});
    return client_gone_ ? SessionEnd::ByClient : SessionEnd::ByUs;
}

void SmtpSession::on_refused(Refusal refusal, const Reply& reply, std::string_view about) {
    ++refused_;
    refusal_counter(refusal).add();
    base::log::info("mta",
                    "refused",
                    {{"session", id_},
                     {"reason", refusal_name(refusal)},
                     {"code", reply.code},
                     {"about", about}});
}

void SmtpSession::on_transaction_begun() {
    ++transactions_;
    parts_.load.on_arrival();
}

void SmtpSession::on_transaction_ended(TransactionEnd end) {
    switch (end) {
        case TransactionEnd::Accepted:
            parts_.load.on_accepted();
            return;
        case TransactionEnd::Resources:
            parts_.load.on_refused();
            return;
        case TransactionEnd::Policy:
        case TransactionEnd::Abandoned:
            return;
    }
}

}  // namespace mta
