#include "mta/ingest/ingest_client.h"

#include <array>
#include <cerrno>
#include <utility>

#include <poll.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/fd_wait.h"
#include "base/unix_socket.h"
#include "mta/ingest/ingest_protocol.h"

namespace mta {

namespace {

using base::Deadline;
using base::Errc;
using base::Error;
using base::Result;
using base::Status;

// What was sent may have been stored, whatever went wrong behind it.
Error unknown_outcome(const std::string& socket, std::string_view what) {
    return Error{Errc::UnknownOutcome, socket + ": " + std::string(what)};
}

Status wait_for(int fd, short events, const std::string& socket, Deadline deadline) {
    const Status ready = base::wait_ready(fd, events, deadline);
    if (ready) {
        return ready;
    }
    if (ready.error().code == Errc::Timeout) {
        return Error{Errc::Timeout, socket + " does not answer in time"};
    }
    return unknown_outcome(socket, ready.error().detail);
}

// Ok also when the server reads no more: it has answered already, and that is to be read.
Status send_all(int fd, std::string_view bytes, const std::string& socket, Deadline deadline) {
    while (!bytes.empty()) {
        TRY(wait_for(fd, POLLOUT, socket, deadline));
        const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        } else if (errno == EPIPE || errno == ECONNRESET) {
            return base::Done{};
        } else if (errno != EAGAIN && errno != EINTR) {
            return unknown_outcome(socket, "the connection broke");
        }
    }
    return base::Done{};
}

Result<std::string> read_line(int fd, const std::string& socket, Deadline deadline) {
    std::string line;
    std::array<char, 4'096> piece{};
    while (line.size() < kIngestAnswerMax) {
        TRY(wait_for(fd, POLLIN, socket, deadline));
        const ssize_t got = ::recv(fd, piece.data(), piece.size(), MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            continue;
        }
        if (got <= 0) {
            return unknown_outcome(socket, "closed without an answer");
        }
        line.append(piece.data(), static_cast<std::size_t>(got));
        if (const std::size_t end = line.find('\n'); end != std::string::npos) {
            line.resize(end);
            return line;
        }
    }
    return unknown_outcome(socket, "the answer is too long");
}

// Lines of the message end in CRLF, also the last one.
Result<std::string> with_crlf(std::string_view text) {
    if (text.empty() || text.find('\0') != std::string_view::npos) {
        return Error{Errc::Invalid,
                     text.empty() ? "the message is empty" : "the message has a NUL octet"};
    }
    std::string message;
    message.reserve(text.size() + text.size() / 32 + 2);
    while (!text.empty()) {
        const std::size_t end = text.find_first_of("\r\n");
        message.append(text.substr(0, end));
        message.append("\r\n");
        if (end == std::string_view::npos) {
            break;
        }
        text.remove_prefix(end + (text.substr(end, 2) == "\r\n" ? 2 : 1));
    }
    return message;
}

Result<IngestReceipt> receipt_of(const IngestAnswer& answer) {
    switch (answer.status) {
        case IngestAnswer::Status::TryAgain:
            return Error{Errc::Unavailable, answer.reason};
        case IngestAnswer::Status::Never:
            return Error{answer.code, answer.reason};
        case IngestAnswer::Status::Stored:
        case IngestAnswer::Status::Again:
            break;
    }
    IngestReceipt receipt;
    receipt.id = TRY(mail::MessageId::parse(answer.id));
    receipt.copies = answer.copies;
    receipt.left_out = answer.left_out;
    receipt.again = answer.status == IngestAnswer::Status::Again;
    return receipt;
}

}  // namespace

Result<IngestReceipt> ingest(const std::string& socket,
                             const IngestRequest& request,
                             Deadline deadline) {
    const std::string message = TRY(with_crlf(request.message));
    IngestHeader header;
    header.kind = request.kind;
    header.key = request.key;
    header.sender = request.sender;
    header.recipients = request.recipients;
    header.attributes = request.attributes;
    header.seen = request.seen;
    header.partial = request.partial;
    header.size = message.size();
    const std::string line = TRY(format_ingest_header(header));

    Result<base::Fd> connected = base::connect_unix(socket, deadline);
    if (!connected) {
        // No socket, or no right to it: whatever it is, it is no fault of the message.
        return Error{Errc::Unavailable, connected.error().detail};
    }
    const int fd = connected.value().get();
    TRY(send_all(fd, line, socket, deadline));
    TRY(send_all(fd, message, socket, deadline));
    const std::string text = TRY(read_line(fd, socket, deadline));
    const Result<IngestAnswer> answer = parse_ingest_answer(text);
    if (!answer) {
        return unknown_outcome(socket, answer.error().detail);
    }
    return receipt_of(answer.value());
}

}  // namespace mta
