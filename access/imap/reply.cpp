#include "access/imap/reply.h"

namespace accessd {

Reply ok(std::string text) {
    return {ReplyKind::Ok, std::move(text)};
}

Reply no(std::string text) {
    return {ReplyKind::No, std::move(text)};
}

Reply bad(std::string text) {
    return {ReplyKind::Bad, std::move(text)};
}

Reply reply_for(const base::Error& error) {
    switch (error.code) {
        case base::Errc::Invalid:
            return bad("Invalid command or arguments");
        case base::Errc::NotFound:
            return no("[NONEXISTENT] No such mailbox");
        case base::Errc::Exists:
            return no("[ALREADYEXISTS] Mailbox exists");
        case base::Errc::Refused:
            return no("[CANNOT] Not allowed");
        case base::Errc::TooLarge:
            return no("[LIMIT] Over a limit of this server");
        case base::Errc::Corrupt:
            return no("[CORRUPTION] The message cannot be read");
        case base::Errc::Unsupported:
            return no("[CANNOT] Not supported");
        case base::Errc::Timeout:
        case base::Errc::Unavailable:
        case base::Errc::UnknownOutcome:
        case base::Errc::Busy:
        case base::Errc::Io:
        case base::Errc::Closed:
        case base::Errc::Cancelled:
            break;
    }
    return no("[UNAVAILABLE] Temporary failure, please try again later");
}

void append_tagged(std::string& out, std::string_view tag, const Reply& reply) {
    out.append(tag.empty() ? std::string_view("*") : tag);
    switch (reply.kind) {
        case ReplyKind::Ok:
            out.append(" OK ");
            break;
        case ReplyKind::No:
            out.append(" NO ");
            break;
        case ReplyKind::Bad:
            out.append(" BAD ");
            break;
    }
    out.append(reply.text).append("\r\n");
}

}  // namespace accessd
