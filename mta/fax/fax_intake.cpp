#include "mta/fax/fax_intake.h"

#include <ctime>
#include <utility>

#include "base/clock.h"

namespace mta {

using base::Errc;
using base::Error;

namespace {

IngestRequest request_of(const FaxMessage& message, const std::string& key, const std::string& to) {
    IngestRequest request;
    request.kind = mail::Kind::Fax;
    request.key = key;
    request.sender = message.from;
    request.recipients = {to};
    request.attributes = message.attributes;
    request.message = message.octets;
    return request;
}

std::string description(const FaxCall& call) {
    return "fax to '" + mail::clean_text(call.called) + "' from '" +
           mail::clean_text(call.caller.empty() ? call.sender_id : call.caller) + "'";
}

// For an event about a file whose octets are not known.
std::string unread_key(const std::string& path) {
    return "fax/" + mail::clean_text(path.substr(path.find_last_of('/') + 1)) + "/unread";
}

}  // namespace

mail::ZonedTime local_time(std::int64_t unix_seconds) {
    const std::time_t at = unix_seconds;
    std::tm parts{};
    if (::localtime_r(&at, &parts) == nullptr) {
        return {unix_seconds, 0};
    }
    return {unix_seconds, static_cast<int>(parts.tm_gmtoff / 60)};
}

FaxIntake::FaxIntake(FaxIntakeParts parts, FaxIntakeOptions options)
    : parts_(std::move(parts)), options_(std::move(options)) {
}

base::Result<IngestReceipt> FaxIntake::send(const FaxCall& call,
                                            const std::string& file,
                                            Outcome& outcome) {
    FaxMessageOptions options;
    options.key = outcome.key;
    options.from = options_.from;
    options.to = outcome.recipient;
    options.domain = options_.domain.empty()
                         ? outcome.recipient.substr(outcome.recipient.rfind('@') + 1)
                         : options_.domain;
    FaxMessage message = TRY(compose_fax(call, file, options));
    outcome.pages = message.pages;
    outcome.damaged_pages = message.damaged_pages;
    auto sent = parts_.ingest(request_of(message, outcome.key, outcome.recipient));
    if (!sent && sent.error().code == Errc::TooLarge) {
        options.with_pdf = WithPdf::No;
        message = TRY(compose_fax(call, file, options));
        sent = parts_.ingest(request_of(message, outcome.key, outcome.recipient));
    }
    return sent;
}

base::Result<FaxIntake::Outcome> FaxIntake::hand_in(FaxCall call, const std::string& path) {
    auto read = read_file_when_written(path);
    if (!read && read.error().code != Errc::NotFound && read.error().code != Errc::Busy) {
        parts_.event("fax_refused", unread_key(path), read.error().detail);
    }
    if (!read && read.error().code == Errc::Refused) {
        return Error{Errc::Unavailable, read.error().detail};  // our rights, not the fax
    }
    const WrittenFile file = TRY(std::move(read));
    Outcome outcome;
    outcome.key = fax_key(path, file.octets);
    if (call.received.unix_seconds == 0) {
        call.received = local_time(file.modified_ns / 1'000'000'000);
    }
    if (const auto reader = TiffReader::open(file.octets)) {
        complete_from_tags(call, reader.value().call());
    }
    auto address = parts_.route(call);
    if (!address && address.error().code == Errc::NotFound) {
        parts_.event("fax_unrouted", outcome.key, description(call) + " is nobody's");
        return Error{
            Errc::Unavailable,
            "the " + description(call) +
                " is nobody's; it waits until `roundtable fax route add` says whose it is"};
    }
    if (!address) {
        // Whatever else it is (a wrong password, a right that is missing), the fax is not refused.
        return Error{Errc::Unavailable, address.error().detail};
    }
    outcome.recipient = std::move(address).take_value();
    auto sent = send(call, file.octets, outcome);
    if (!sent && sent.error().code == Errc::NotFound) {
        // The account has just gone, or the name server has not heard of it yet.
        parts_.event("fax_unrouted", outcome.key, description(call) + ": " + sent.error().detail);
        return Error{Errc::Unavailable, sent.error().detail};
    }
    if (!sent && !base::is_temporary(sent.error().code)) {
        parts_.event("fax_refused", outcome.key, description(call) + ": " + sent.error().detail);
    }
    outcome.receipt = TRY(std::move(sent));
    return outcome;
}

}  // namespace mta
