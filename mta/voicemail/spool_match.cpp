#include "mta/voicemail/spool_match.h"

#include <utility>

namespace mta {

namespace {

bool is_recent(const SpoolText& text, std::int64_t now_us) {
    const std::int64_t age_s = now_us / 1'000'000 - text.origtime.value_or(0);
    return age_s <= std::chrono::duration_cast<std::chrono::seconds>(kMatchAge).count();
}

bool is_named(const SpoolMessage& message, const MailcmdMessage& mailcmd, std::int64_t now_us) {
    return mailcmd.number && message.voice.number == *mailcmd.number &&
           message.voice.text.caller().number == mailcmd.text.caller().number &&
           is_recent(message.voice.text, now_us);
}

// Two recordings may have the same octets (silence): then number and time decide.
int rank(const SpoolItem& item,
         const SpoolMessage& message,
         const MailcmdMessage& mailcmd,
         std::int64_t now_us) {
    const bool same_audio = has_recording(item, mailcmd.audio);
    const bool named = is_named(message, mailcmd, now_us);
    if (same_audio) {
        return named ? 3 : 2;
    }
    return named ? 1 : 0;
}

bool may_be_there(const base::Error& error) {
    return error.code == base::Errc::Busy || error.code == base::Errc::NotFound;
}

}  // namespace

base::Result<std::optional<SpoolMessage>> find_in_spool(const std::string& root,
                                                        const MailcmdMessage& mailcmd,
                                                        std::int64_t now_us) {
    const SpoolScan scan = TRY(scan_spool(root, mailcmd.mailbox));
    bool uncertain = !scan.skipped.empty();
    std::optional<SpoolMessage> best;
    int best_rank = 0;
    for (const SpoolItem& item : scan.items) {
        if (!mailcmd.context.empty() && item.context != mailcmd.context) {
            continue;
        }
        base::Result<SpoolMessage> message = read_spool_message(item);
        if (!message) {
            uncertain = uncertain || may_be_there(message.error());
            continue;
        }
        const int found = rank(item, message.value(), mailcmd, now_us);
        const bool later = found > 0 && found == best_rank &&
                           message.value().voice.text.origtime > best->voice.text.origtime;
        if (found > best_rank || later) {
            best_rank = found;
            best = std::move(message).take_value();
        }
    }
    // Nothing but certainty counts against a locked folder: it may hold the better one.
    if (uncertain && best_rank < 2) {
        return base::Error{base::Errc::Busy, "the spool changes just now"};
    }
    return best;
}

}  // namespace mta
