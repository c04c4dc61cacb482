#include "mta/voicemail/spool_match.h"

#include <cstdlib>
#include <utility>

namespace mta {

namespace {

bool is_recent(const SpoolText& text, std::int64_t now_us) {
    const std::int64_t age_s = now_us / 1'000'000 - text.origtime.value_or(0);
    return age_s <= std::chrono::duration_cast<std::chrono::seconds>(kMatchAge).count();
}

// Asterisk writes the e-mail when the caller has hung up.
bool is_of_the_time(const SpoolText& text, const MailcmdMessage& mailcmd) {
    if (!text.origtime || !mailcmd.date_s) {
        return false;
    }
    const std::int64_t late_s = *mailcmd.date_s - *text.origtime - text.duration_s.value_or(0);
    return std::abs(late_s) <=
           std::chrono::duration_cast<std::chrono::seconds>(kDateSpread).count();
}

bool is_named(const SpoolMessage& message, const MailcmdMessage& mailcmd, std::int64_t now_us) {
    return mailcmd.number && message.voice.number == *mailcmd.number &&
           message.voice.text.caller().number == mailcmd.text.caller().number &&
           is_recent(message.voice.text, now_us) && is_of_the_time(message.voice.text, mailcmd);
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

// The best so far. Several that are equally good are none: one of them would take another's key,
// and the message whose key it is would never be delivered.
struct Choice {
    std::optional<SpoolMessage> best;
    int rank = 0;
    bool several = false;

    void offer(SpoolMessage message, int found) {
        if (found == 0 || found < rank) {
            return;
        }
        if (found == rank) {
            // One that was moved meanwhile is met twice.
            several = several || message.key != best->key;
            return;
        }
        best = std::move(message);
        rank = found;
        several = false;
    }
};

}  // namespace

base::Result<std::optional<SpoolMessage>> find_in_spool(const std::string& root,
                                                        const MailcmdMessage& mailcmd,
                                                        std::int64_t now_us) {
    const SpoolScan scan = TRY(scan_spool(root, mailcmd.mailbox));
    bool uncertain = !scan.skipped.empty();
    Choice choice;
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
        choice.offer(std::move(message).take_value(), found);
    }
    // Nothing but certainty counts against a locked folder: it may hold the better one.
    if (uncertain && choice.rank < 2) {
        return base::Error{base::Errc::Busy, "the spool changes just now"};
    }
    if (choice.several) {
        return base::Error{base::Errc::Busy,
                           "several messages of mailbox " + mailcmd.mailbox +
                               " may be the one that the e-mail is about; the sweep brings it"};
    }
    return std::move(choice.best);
}

}  // namespace mta
