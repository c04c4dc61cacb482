#include "mta/ingest/ingest_session.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/hash.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "base/random.h"
#include "mail/ascii.h"
#include "mail/date.h"
#include "mta/acceptance.h"
#include "mta/data_reader.h"

namespace mta {

namespace {

using base::Deadline;
using base::Errc;
using base::Error;
using base::Result;
using base::Status;

constexpr base::Duration kLastWords = std::chrono::seconds(5);
// Octets of a message that is refused anyway are read and dropped, so that the next one can follow.
constexpr std::uint64_t kSkippedMax = std::uint64_t{256} << 20U;

std::string make_session_id() {
    std::array<std::byte, 8> bytes{};
    base::random_fill(bytes);
    return base::to_hex(bytes);
}

// The one place where an Error becomes an answer. What is no fault of the message is temporary.
IngestAnswer answer_for(const Error& error) {
    IngestAnswer answer;
    answer.reason = error.detail;
    switch (error.code) {
        case Errc::NotFound:
        case Errc::Refused:
        case Errc::Invalid:
        case Errc::TooLarge:
            answer.status = IngestAnswer::Status::Never;
            answer.code = error.code;
            break;
        default:
            answer.status = IngestAnswer::Status::TryAgain;
    }
    return answer;
}

// Whoever hears "again" forgets the message: so it is said only where 250 could be said.
IngestAnswer known(const storage::KeyHolder& holder) {
    IngestAnswer answer;
    if (!holder.safe) {
        answer.reason = "the message is known as " + holder.id.text() +
                        ", but not yet safe: too few of its copies are known to be good";
        return answer;
    }
    answer.status = IngestAnswer::Status::Again;
    answer.id = holder.id.text();
    return answer;
}

base::Counter& counter_of(IngestAnswer::Status status) {
    return base::counter("roundtable_ingest_messages_total",
                         "Messages handed in at the ingest socket, by answer",
                         {{"folder", "mta"}, {"answer", ingest_status_name(status)}});
}

}  // namespace

Status check_message_octets(std::string_view message) {
    if (message.find('\0') != std::string_view::npos) {
        return Error{Errc::Invalid, "the message has a NUL octet"};
    }
    for (std::size_t at = message.find_first_of("\r\n"); at != std::string_view::npos;
         at = message.find_first_of("\r\n", at + 2)) {
        if (message.substr(at, 2) != "\r\n") {
            return Error{Errc::Invalid, "the message has a bare CR or LF: lines end in CRLF"};
        }
    }
    if (!message.ends_with("\r\n")) {
        return Error{Errc::Invalid, "the message does not end in CRLF"};
    }
    if (count_received(message) >= kReceivedMax) {
        return Error{Errc::Invalid, "the message has 100 Received fields: it is in a loop"};
    }
    return base::Done{};
}

IngestSession::IngestSession(base::Stream& stream,
                             IngestParts& parts,
                             base::FiberEvent& stop,
                             std::string client)
    : stream_(stream),
      parts_(parts),
      stop_(stop),
      client_(std::move(client)),
      id_(make_session_id()) {
}

void IngestSession::run() {
    while (take_one()) {
    }
    (void)stream_.flush(Deadline::after(kLastWords));  // the client may be gone
}

bool IngestSession::take_one() {
    body_read_ = 0;
    left_out_.clear();
    const std::optional<std::string> line = read_line();
    if (!line) {
        return false;
    }
    const Result<IngestHeader> parsed = parse_ingest_header(*line);
    if (!parsed) {
        (void)send(nullptr, answer_for(parsed.error()));  // where it would go on is not known
        return false;
    }
    const IngestHeader& header = parsed.value();
    ++messages_;
    parts_.mail.load.on_arrival();
    if (!header.key.empty()) {
        const Result<std::optional<storage::KeyHolder>> holder =
            parts_.message_of_key(header.key, Deadline::after(parts_.times.key));
        if (holder && holder.value()) {
            return send(&header, answer_for_known(header, *holder.value())) &&
                   skip_body(header.size);
        }
    }
    Result<mail::Envelope> envelope = check(header);
    if (!envelope) {
        return send(&header, answer_for(envelope.error())) && skip_body(header.size);
    }
    Result<ReceivedMail> mail = receive(header, std::move(envelope).take_value());
    if (!mail) {
        return send(&header, answer_for(mail.error())) && skip_body(header.size);
    }
    ReceivedMail received = std::move(mail).take_value();
    const Status passed = scan(received);
    if (!passed) {
        return send(&header, answer_for(passed.error()));
    }
    return send(&header, store(header, std::move(received)));
}

// For viruses, if there is a scanner; what the domains of the recipients want is done.
Status IngestSession::scan(ReceivedMail& mail) {
    if (parts_.mail.scan == nullptr) {
        return base::Done{};
    }
    const ScanJudgement judgement = parts_.mail.scan->check(
        *base::Loop::current(), mail.envelope, mail.message, id_ + "." + std::to_string(messages_));
    switch (judgement.kind) {
        case ScanJudgement::Kind::Refuse:
            return Error{Errc::Refused, "the message has a virus: " + judgement.signature};
        case ScanJudgement::Kind::PutOff:
            return Error{Errc::Unavailable, "no virus scanner answers"};
        case ScanJudgement::Kind::Take:
            break;
    }
    return base::Done{};
}

std::optional<std::string> IngestSession::read_line() {
    const Deadline deadline = Deadline::after(parts_.times.idle);
    for (;;) {
        const std::string_view input = stream_.buffered();
        const std::size_t end = input.find('\n');
        if (end != std::string_view::npos || input.size() >= kIngestHeaderMax) {
            // Too long: the parser says so.
            std::string line(input.substr(0, std::min(end, kIngestHeaderMax)));
            stream_.consume(line.size() + 1);
            return line;
        }
        // Between messages we may stop; a line that has begun is waited for.
        if (input.empty()) {
            const Status waited = stream_.wait_readable_or(stop_, deadline);
            if (!waited || stream_.buffered().empty()) {
                return std::nullopt;  // stopping, or the end of its input
            }
            continue;
        }
        if (!stream_.fill(deadline)) {
            return std::nullopt;
        }
    }
}

// As MAIL and RCPT are checked. All of it is known before the message has been sent.
Result<mail::Envelope> IngestSession::check(const IngestHeader& header) {
    const EngineSettings& settings = parts_.mail.engine;
    if (header.size > settings.size_max_bytes) {
        return Error{Errc::TooLarge,
                     "the message is larger than " + std::to_string(settings.size_max_bytes) +
                         " octets (message_size)"};
    }
    if (header.recipients.size() > settings.recipients_max) {
        return Error{Errc::TooLarge,
                     "more than " + std::to_string(settings.recipients_max) + " recipients"};
    }
    TRY(parts_.mail.room(header.size));
    mail::Envelope envelope;
    std::optional<mail::Address> sender;
    if (!header.sender.empty()) {
        Result<mail::Address> parsed = mail::parse_mailbox(header.sender);
        if (!parsed) {
            return Error{Errc::Invalid, "'" + header.sender + "' is no address of a sender"};
        }
        sender = std::move(parsed).take_value();
        envelope.sender = sender->text();
    }
    const Status allowed = parts_.mail.senders.check(sender);
    if (!allowed) {
        return Error{allowed.error().code, header.sender + " is on the sender blocklist"};
    }
    TRY(add_recipients(header, envelope));
    envelope.attributes = header.attributes;
    if (!header.key.empty()) {
        TRY(envelope.attributes.set("key", header.key));
    }
    return envelope;
}

Status IngestSession::add_recipients(const IngestHeader& header, mail::Envelope& envelope) {
    for (const std::string& recipient : header.recipients) {
        const Status added = add_recipient(recipient, envelope);
        if (!added && (!header.partial || added.error().code != Errc::NotFound)) {
            return added;
        }
        if (!added) {
            left_out_.push_back(recipient);
        } else if (header.seen) {
            envelope.recipients.back().flags = mail::Flags::Seen;
        }
    }
    if (envelope.recipients.empty()) {
        return Error{Errc::NotFound, "no recipient is an address of ours"};
    }
    return base::Done{};
}

Status IngestSession::add_recipient(const std::string& text, mail::Envelope& envelope) {
    const Result<mail::Address> address = mail::parse_mailbox(text);
    if (!address) {
        return Error{Errc::Invalid, "'" + text + "' is no address of a recipient"};
    }
    Result<VerifiedRecipient> verified = parts_.mail.recipients.verify(address.value());
    if (!verified) {
        const Errc code = verified.error().code;
        const bool is_unknown = code == Errc::NotFound || code == Errc::Refused;
        return Error{is_unknown ? Errc::NotFound : code,
                     text + (is_unknown ? " is not an address of ours"
                                        : " could not be verified: " + verified.error().detail)};
    }
    mail::Recipient recipient;
    recipient.address = std::move(verified.value().address);
    recipient.account_id = verified.value().account_id;
    envelope.recipients.push_back(std::move(recipient));
    return base::Done{};
}

Result<ReceivedMail> IngestSession::receive(const IngestHeader& header, mail::Envelope envelope) {
    ByteShare share(parts_.mail.budget);
    const std::int64_t now_us = base::wall_us();
    std::string message = trace_fields(envelope, now_us);
    const std::size_t prefix = message.size();
    if (!share.cover(prefix + header.size)) {
        return Error{Errc::Busy, "memory for messages is used up"};
    }
    message.reserve(prefix + header.size);
    TRY(read_body(header.size, message));
    const std::string_view body = std::string_view(message).substr(prefix);
    TRY(check_message_octets(body));
    if (std::any_of(body.begin(), body.end(), mail::is_8bit)) {
        envelope.body_type = mail::BodyType::EightBitMime;
    }
    return ReceivedMail{
        std::move(envelope), now_us, std::move(message), std::move(share), header.kind};
}

Status IngestSession::read_body(std::uint64_t size, std::string& message) {
    const Deadline whole = Deadline::after(parts_.times.message);
    while (body_read_ < size) {
        if (stream_.buffered().empty()) {
            TRY(stream_.fill(Deadline::after(parts_.times.piece).sooner(whole)));
        }
        const std::string_view piece = stream_.buffered().substr(0, size - body_read_);
        message.append(piece);
        body_read_ += piece.size();
        stream_.consume(piece.size());
    }
    return base::Done{};
}

// What is left of a message that was answered already. False: not worth it, or the client is gone.
bool IngestSession::skip_body(std::uint64_t size) {
    if (size > kSkippedMax || !stream_.flush(Deadline::after(kLastWords))) {
        return false;
    }
    const Deadline whole = Deadline::after(parts_.times.message);
    while (body_read_ < size) {
        if (stream_.buffered().empty() &&
            !stream_.fill(Deadline::after(parts_.times.piece).sooner(whole))) {
            return false;
        }
        const std::size_t count = stream_.buffered().substr(0, size - body_read_).size();
        body_read_ += count;
        stream_.consume(count);
    }
    return true;
}

// Who was left out is said again: the client may not have heard it the first time.
IngestAnswer IngestSession::answer_for_known(const IngestHeader& header,
                                             const storage::KeyHolder& holder) {
    mail::Envelope envelope;
    if (header.partial) {
        const Status added = add_recipients(header, envelope);
        if (!added && added.error().code != Errc::NotFound) {
            return answer_for(added.error());
        }
    }
    IngestAnswer answer = known(holder);
    answer.left_out = left_out_;
    return answer;
}

// The catalog found, when the message was stored, that the key is another's. This one will never be
// delivered, so it is the other one that has to be safe.
IngestAnswer IngestSession::answer_for_first(const std::string& key) {
    const Result<std::optional<storage::KeyHolder>> holder =
        parts_.message_of_key(key, Deadline::after(parts_.times.key));
    if (holder && holder.value()) {
        IngestAnswer answer = known(*holder.value());
        answer.left_out = left_out_;
        return answer;
    }
    IngestAnswer answer;
    answer.reason = "another message has this key, and it is not known whether it is safe";
    return answer;
}

IngestAnswer IngestSession::store(const IngestHeader& header, ReceivedMail mail) {
    const std::size_t size_bytes = mail.message.size();
    const Acceptance acceptance =
        accept_mail(parts_.mail.store, std::move(mail), Deadline::after(parts_.mail.times.store));
    if (!acceptance.receipt) {
        const Error unknown{Errc::Unavailable, "not stored"};
        const Error& error = acceptance.error ? *acceptance.error : unknown;
        IngestAnswer answer = answer_for(error);
        answer.reason = acceptance.reply.text + ": " + error.detail;
        // What SMTP would try again, this client tries again.
        if (acceptance.reply.is_temporary()) {
            answer.status = IngestAnswer::Status::TryAgain;
        }
        return answer;
    }
    const storage::Receipt& receipt = *acceptance.receipt;
    base::log::info("mta",
                    "ingest accepted",
                    {{"session", id_},
                     {"message", receipt.id.text()},
                     {"kind", mail::kind_name(header.kind)},
                     {"recipients", header.recipients.size()},
                     {"bytes", size_bytes},
                     {"copies", receipt.copies},
                     {"again", receipt.first.has_value()},
                     {"catalogued", receipt.catalog == storage::CatalogState::Catalogued}});
    if (receipt.first) {
        return answer_for_first(header.key);
    }
    IngestAnswer answer;
    answer.status = IngestAnswer::Status::Stored;
    answer.id = receipt.id.text();
    answer.copies = receipt.copies;
    answer.left_out = left_out_;
    return answer;
}

// RFC 5321 4.4. There is no "with": no registered protocol is spoken here.
std::string IngestSession::trace_fields(const mail::Envelope& envelope, std::int64_t now_us) const {
    std::string out = "Return-Path: <" + envelope.sender + ">\r\n";
    out += "Received: by " + parts_.mail.engine.host_name + " (ingest)\r\n\tid " + id_ + "." +
           std::to_string(messages_);
    if (envelope.recipients.size() == 1) {
        out += "\r\n\tfor <" + envelope.recipients.front().address + ">";
    }
    return out + ";\r\n\t" + mail::format_header_date({now_us / 1'000'000, 0}) + "\r\n";
}

// True: the session goes on.
bool IngestSession::send(const IngestHeader* header, const IngestAnswer& answer) {
    counter_of(answer.status).add();
    if (answer.status == IngestAnswer::Status::Never ||
        answer.status == IngestAnswer::Status::TryAgain) {
        base::log::info("mta",
                        "ingest refused",
                        {{"session", id_},
                         {"client", client_},
                         {"answer", ingest_status_name(answer.status)},
                         {"reason", answer.reason}});
    }
    if (header != nullptr) {
        if (answer.status == IngestAnswer::Status::TryAgain) {
            parts_.mail.load.on_refused();
        } else if (answer.status != IngestAnswer::Status::Never) {
            parts_.mail.load.on_accepted();
        }
    }
    return bool(stream_.write(format_ingest_answer(answer)));
}

}  // namespace mta
