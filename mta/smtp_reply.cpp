#include "mta/smtp_reply.h"

#include <algorithm>

namespace mta {

namespace {

constexpr std::size_t kReplyLineMax = 512;

Reply temporary_reply(base::Errc code, ReplyPhase phase) {
    switch (code) {
        case base::Errc::Busy:
            return {452, "4.3.1", "Too busy, try again later"};
        case base::Errc::Closed:
        case base::Errc::Cancelled:
            return {421, "4.3.2", "Shutting down, try again later"};
        default:
            break;
    }
    switch (phase) {
        case ReplyPhase::Sender:
            return {451, "4.7.1", "Sender cannot be judged now, try again later"};
        case ReplyPhase::Recipient:
            return {451, "4.4.3", "Recipient cannot be verified now, try again later"};
        case ReplyPhase::Store:
        case ReplyPhase::StoreMany:
            return {451, "4.3.0", "Message cannot be stored safely now, try again later"};
    }
    return {451, "4.3.0", "Try again later"};
}

Reply not_found_reply(ReplyPhase phase) {
    if (phase == ReplyPhase::Recipient) {
        return {550, "5.1.1", "No such recipient here"};
    }
    // An account that was there at RCPT is gone at the end of data: when the client tries again,
    // RCPT tells it which one.
    return temporary_reply(base::Errc::Unavailable, phase);
}

Reply refused_reply(ReplyPhase phase) {
    switch (phase) {
        case ReplyPhase::Sender:
            return {550, "5.7.1", "Sender blocked"};
        case ReplyPhase::Recipient:
            return {550, "5.7.1", "Relaying denied"};
        case ReplyPhase::Store:
            return {552, "5.2.2", "Mailbox full"};
        case ReplyPhase::StoreMany:
            return {452, "4.2.2", "A recipient's mailbox is full, try one by one"};
    }
    return {554, "5.7.1", "Refused"};
}

void append_line(std::string& out, const Reply& reply, char separator, std::string_view text) {
    const std::size_t start = out.size();
    out += std::to_string(reply.code);
    out += separator;
    if (!reply.enhanced.empty()) {
        out += reply.enhanced;
        out += ' ';
    }
    const std::size_t room = kReplyLineMax - 2 - (out.size() - start);
    for (const char octet : text.substr(0, room)) {
        const bool plain = octet == '\t' || (octet >= ' ' && octet <= '~');
        out += plain ? octet : '?';
    }
    out += "\r\n";
}

}  // namespace

Reply reply_for_error(const base::Error& error, ReplyPhase phase) {
    switch (error.code) {
        case base::Errc::NotFound:
            return not_found_reply(phase);
        case base::Errc::Refused:
            return refused_reply(phase);
        case base::Errc::TooLarge:
            return {552, "5.3.4", "Message too large"};
        case base::Errc::Invalid:
            return phase == ReplyPhase::Recipient
                       ? Reply{553, "5.1.3", "Recipient address not acceptable"}
                       : Reply{554, "5.6.0", "Message not acceptable"};
        // Exists, Corrupt, Unsupported are troubles of our own at any phase: temporary to the peer.
        case base::Errc::Exists:
        case base::Errc::Corrupt:
        case base::Errc::Unsupported:
        case base::Errc::Timeout:
        case base::Errc::Unavailable:
        case base::Errc::UnknownOutcome:
        case base::Errc::Busy:
        case base::Errc::Io:
        case base::Errc::Closed:
        case base::Errc::Cancelled:
            break;
    }
    return temporary_reply(error.code, phase);
}

void append_reply(std::string& out, const Reply& reply) {
    std::string_view text = reply.text;
    for (;;) {
        const std::size_t end = text.find('\n');
        if (end == std::string_view::npos) {
            append_line(out, reply, ' ', text);
            return;
        }
        append_line(out, reply, '-', text.substr(0, end));
        text.remove_prefix(end + 1);
    }
}

}  // namespace mta
