#pragma once

// SelectedMailbox: what an IMAP client has been told of its mailbox, and what it has not been told
// yet.
//
// The catalog's view (absorb) and the client's view (report) are kept apart: messages that came are
// behind told(), messages that went stay as ghosts under their number until report() may say
// EXPUNGE, because a sequence number must not change its meaning during FETCH, STORE and SEARCH
// (RFC 3501 7.4.1, RFC 2180 4.1). Pure: no socket, no store.
//
// It keeps where each message is, so that a session can read what it has while the catalog is away.
//
// Owner: a session. Thread rule: the session's loop. Memory: 29 octets a message, 4 more if any has
// keywords, because a session idles for hours. Numbers count from 1 as in IMAP; `index` is number
// - 1.

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "access/mail_store.h"
#include "base/result.h"
#include "mail/flags.h"
#include "mail/uid_set.h"

namespace accessd {

/// Whether the numbers of a command are sequence numbers or UIDs.
enum class Numbers : std::uint8_t { Sequence, Uid };

class SelectedMailbox {
  public:
    SelectedMailbox(const MailboxView& view, OpenMode mode);

    [[nodiscard]] MailboxId id() const { return id_; }

    [[nodiscard]] OpenMode mode() const { return mode_; }

    [[nodiscard]] std::uint32_t uid_validity() const { return uid_validity_; }

    [[nodiscard]] std::uint64_t uid_next() const { return uid_next_; }

    /// What MailStore::changes is to go on from.
    [[nodiscard]] std::uint64_t modseq() const { return modseq_; }

    /// How many messages the client knows, ghosts included: the largest sequence number.
    [[nodiscard]] std::uint32_t told() const { return told_; }

    [[nodiscard]] std::uint32_t largest_uid() const { return told_ == 0 ? 0 : uids_[told_ - 1]; }

    [[nodiscard]] std::uint32_t uid(std::uint32_t index) const { return uids_[index]; }

    [[nodiscard]] const mail::MessageId& message(std::uint32_t index) const { return ids_[index]; }

    [[nodiscard]] std::uint32_t size_bytes(std::uint32_t index) const { return sizes_[index]; }

    /// How many messages there are, told or not, as far as is known.
    [[nodiscard]] std::uint32_t count_present() const;

    /// Seconds since 1970; anything earlier is 0.
    [[nodiscard]] std::int64_t internal_date_s(std::uint32_t index) const { return dates_[index]; }

    [[nodiscard]] mail::Flags flags(std::uint32_t index) const;
    [[nodiscard]] bool is_recent(std::uint32_t index) const;
    /// True if the message is gone and the client has not been told.
    [[nodiscard]] bool is_ghost(std::uint32_t index) const;
    [[nodiscard]] const std::vector<std::string>& keywords(std::uint32_t index) const;
    [[nodiscard]] std::uint32_t count_recent() const;
    /// Number of the first message without \Seen; 0: none.
    [[nodiscard]] std::uint32_t first_unseen() const;
    /// Index of a UID among the messages told.
    [[nodiscard]] std::optional<std::uint32_t> find(std::uint32_t uid) const;

    /// Indexes that a set means, ascending. What does not exist is left out; but sequence numbers
    /// of which none exists are an error of the client (Invalid), except for "*" and in an empty
    /// mailbox, where "1:*" is common. Invalid: a saved result, which is not offered.
    [[nodiscard]] base::Result<std::vector<std::uint32_t>> resolve(const mail::SequenceSet& set,
                                                                   Numbers numbers) const;
    [[nodiscard]] mail::UidSet uids_of(const std::vector<std::uint32_t>& indexes) const;

    /// Takes in what the catalog says. Differences from what the client knows wait for report().
    /// `flags`: whether report() tells flags that others changed, or they are only kept.
    enum class OthersFlags : std::uint8_t { Tell, Keep };
    void absorb(const MailboxChanges& changes, OthersFlags flags = OthersFlags::Tell);

    /// The client knows this change already, because it asked for it: what absorb() then brings is
    /// told only if it differs (RFC 3501 6.4.6, .SILENT).
    void assume_flags(std::uint32_t index, FlagChange change, const mail::FlagList& flags);
    /// What the flags really are; report() tells if that is news.
    void correct_flags(std::uint32_t index,
                       mail::Flags flags,
                       const std::vector<std::string>& keywords);
    /// report() will tell the flags of this message, changed or not.
    void mark_changed(std::uint32_t index);

    /// These are gone from the mailbox; report() tells.
    void bury(const mail::UidSet& expunged);

    enum class Expunges : std::uint8_t { Hold, Tell };
    enum class Uids : std::uint8_t { Omit, Include };

    /// Appends the untagged responses that bring the client up to date: EXPUNGE (if allowed),
    /// EXISTS and RECENT, FLAGS if there is a new keyword, FETCH with flags. `uids`: in FETCH, for
    /// UID commands.
    void report(std::string& out, Expunges expunges, Uids uids);

    [[nodiscard]] bool has_news() const;

    /// "FLAGS (...)", the content of PERMANENTFLAGS alike: what the client may find or set.
    [[nodiscard]] std::string flag_names() const;

    /// "(\Seen \Recent $Work)" of a message.
    void append_flags(std::string& out, std::uint32_t index) const;

  private:
    void add(const MailboxMessage& message, const std::vector<std::string>& keywords);
    [[nodiscard]] std::vector<std::uint32_t> by_numbers(const mail::UidSet& numbers) const;
    [[nodiscard]] std::vector<std::uint32_t> by_uids(const mail::UidSet& uids) const;
    void tell_expunged(std::string& out);
    [[nodiscard]] std::uint32_t keyword_set(const std::vector<std::string>& keywords);
    void set_keywords(std::uint32_t index, const std::vector<std::string>& keywords);
    void erase_buried(std::uint32_t from_index);

    MailboxId id_{};
    OpenMode mode_;
    std::uint32_t uid_validity_;
    std::uint64_t uid_next_;
    std::uint64_t recent_from_;
    std::uint64_t modseq_;
    std::uint32_t told_ = 0;
    bool any_changed_ = false;
    bool any_ghost_ = false;
    bool new_keyword_ = false;
    // One entry a message, at the same index.
    std::vector<std::uint32_t> uids_;
    std::vector<std::uint8_t> bits_;  ///< mail::Flags and the bits of the .cpp
    std::vector<mail::MessageId> ids_;
    std::vector<std::uint32_t> sizes_;
    std::vector<std::uint32_t> dates_;
    std::vector<std::uint32_t> keyword_sets_;  ///< index into sets_; empty while none has keywords
    std::vector<std::vector<std::string>> sets_;  ///< distinct sets; the first is the empty one
    /// Where a set is in sets_. A client can give each message a set of its own: looking through
    /// all of them for each would hold up the loop for minutes.
    std::unordered_map<std::string, std::uint32_t> set_numbers_;
    std::vector<std::string> known_keywords_;  ///< named in FLAGS
};

}  // namespace accessd
