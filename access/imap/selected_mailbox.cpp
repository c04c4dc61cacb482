#include "access/imap/selected_mailbox.h"

#include <algorithm>
#include <iterator>

#include <fmt/core.h>

#include "access/imap_chars.h"
#include "access/limits.h"

namespace accessd {
namespace {

constexpr std::uint8_t kRecentBit = 0x20;
constexpr std::uint8_t kGhostBit = 0x40;
constexpr std::uint8_t kChangedBit = 0x80;
static_assert((mail::kFlagsAll & (kRecentBit | kGhostBit | kChangedBit)) == 0);

/// Keyword sets that no message has any more are swept out beyond this many.
constexpr std::size_t kIdleSetsMax = 256;

const std::vector<std::string> kNoKeywords;

bool same_keywords(const std::vector<std::string>& a, const std::vector<std::string>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
        return equals_ignoring_case(x, y);
    });
}

bool contains(const std::vector<std::string>& keywords, std::string_view wanted) {
    return std::any_of(keywords.begin(), keywords.end(), [&](const std::string& have) {
        return equals_ignoring_case(have, wanted);
    });
}

/// Sorted, so that one set of keywords has one form in whatever order the catalog gives it.
std::vector<std::string> sorted(std::vector<std::string> keywords) {
    std::sort(keywords.begin(), keywords.end(), [](std::string_view a, std::string_view b) {
        return std::lexicographical_compare(
            a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
                return to_upper(x) < to_upper(y);
            });
    });
    return keywords;
}

/// Equal for equal sets: `keywords` are sorted, and none holds a space.
std::string set_key(const std::vector<std::string>& keywords) {
    std::string key;
    for (const std::string& keyword : keywords) {
        std::transform(keyword.begin(), keyword.end(), std::back_inserter(key), to_upper);
        key.push_back(' ');
    }
    return key;
}

}  // namespace

SelectedMailbox::SelectedMailbox(const MailboxView& view, OpenMode mode)
    : id_(view.info.id),
      mode_(mode),
      uid_validity_(view.info.uid_validity),
      uid_next_(view.info.uid_next),
      recent_from_(view.recent_from != 0 ? view.recent_from : view.info.uid_next),
      modseq_(view.info.highest_modseq),
      sets_(1),
      set_numbers_{{"", 0}} {
    const std::size_t count = view.messages.size();
    uids_.reserve(count);
    bits_.reserve(count);
    ids_.reserve(count);
    sizes_.reserve(count);
    dates_.reserve(count);
    for (const MailboxMessage& message : view.messages) {
        add(message, view.keywords[message.keywords]);
    }
    told_ = static_cast<std::uint32_t>(uids_.size());
    new_keyword_ = false;
}

mail::Flags SelectedMailbox::flags(std::uint32_t index) const {
    return static_cast<mail::Flags>(bits_[index] & mail::kFlagsAll);
}

bool SelectedMailbox::is_recent(std::uint32_t index) const {
    return (bits_[index] & kRecentBit) != 0;
}

bool SelectedMailbox::is_ghost(std::uint32_t index) const {
    return (bits_[index] & kGhostBit) != 0;
}

const std::vector<std::string>& SelectedMailbox::keywords(std::uint32_t index) const {
    return keyword_sets_.empty() ? kNoKeywords : sets_[keyword_sets_[index]];
}

std::uint32_t SelectedMailbox::count_recent() const {
    return static_cast<std::uint32_t>(
        std::count_if(bits_.begin(), bits_.begin() + told_, [](std::uint8_t bits) {
            return (bits & kRecentBit) != 0;
        }));
}

std::uint32_t SelectedMailbox::count_present() const {
    return static_cast<std::uint32_t>(std::count_if(
        bits_.begin(), bits_.end(), [](std::uint8_t bits) { return (bits & kGhostBit) == 0; }));
}

std::uint32_t SelectedMailbox::first_unseen() const {
    const auto end = bits_.begin() + told_;
    const auto found = std::find_if(bits_.begin(), end, [](std::uint8_t bits) {
        return (bits & mail::flag_bits(mail::Flags::Seen)) == 0;
    });
    return found == end ? 0 : static_cast<std::uint32_t>(found - bits_.begin()) + 1;
}

std::optional<std::uint32_t> SelectedMailbox::find(std::uint32_t uid) const {
    const auto end = uids_.begin() + told_;
    const auto found = std::lower_bound(uids_.begin(), end, uid);
    if (found == end || *found != uid) {
        return std::nullopt;
    }
    return static_cast<std::uint32_t>(found - uids_.begin());
}

base::Result<std::vector<std::uint32_t>> SelectedMailbox::resolve(const mail::SequenceSet& set,
                                                                  Numbers numbers) const {
    if (set.is_saved_result()) {
        return base::Error{base::Errc::Invalid, "$ is not offered"};
    }
    if (numbers == Numbers::Uid) {
        return by_uids(set.resolve(largest_uid()));
    }
    std::vector<std::uint32_t> indexes = by_numbers(set.resolve(told_));
    if (indexes.empty() && !set.has_star()) {
        return base::Error{base::Errc::Invalid, "no message has this number"};
    }
    return indexes;
}

std::vector<std::uint32_t> SelectedMailbox::by_numbers(const mail::UidSet& numbers) const {
    std::vector<std::uint32_t> indexes;
    for (const mail::UidRange& range : numbers.ranges()) {
        for (std::uint32_t n = range.first; n <= std::min(range.last, told_); ++n) {
            indexes.push_back(n - 1);
        }
    }
    return indexes;
}

std::vector<std::uint32_t> SelectedMailbox::by_uids(const mail::UidSet& wanted) const {
    std::vector<std::uint32_t> indexes;
    const auto end = uids_.begin() + told_;
    auto at = uids_.begin();
    for (const mail::UidRange& range : wanted.ranges()) {
        at = std::lower_bound(at, end, range.first);
        for (; at != end && *at <= range.last; ++at) {
            indexes.push_back(static_cast<std::uint32_t>(at - uids_.begin()));
        }
    }
    return indexes;
}

mail::UidSet SelectedMailbox::uids_of(const std::vector<std::uint32_t>& indexes) const {
    mail::UidSet uids;
    for (const std::uint32_t index : indexes) {
        uids.add(uids_[index]);
    }
    return uids;
}

std::uint32_t SelectedMailbox::keyword_set(const std::vector<std::string>& keywords) {
    std::vector<std::string> wanted = sorted(keywords);
    const auto [known, is_new] =
        set_numbers_.emplace(set_key(wanted), static_cast<std::uint32_t>(sets_.size()));
    if (!is_new) {
        return known->second;
    }
    for (const std::string& keyword : wanted) {
        if (known_keywords_.size() < kStoreFlagsMax && !contains(known_keywords_, keyword)) {
            known_keywords_.push_back(keyword);
            new_keyword_ = true;
        }
    }
    sets_.push_back(std::move(wanted));
    return known->second;
}

void SelectedMailbox::set_keywords(std::uint32_t index, const std::vector<std::string>& keywords) {
    if (keyword_sets_.empty()) {
        if (keywords.empty()) {
            return;
        }
        keyword_sets_.resize(uids_.size());
    }
    keyword_sets_[index] = keyword_set(keywords);
    if (sets_.size() > uids_.size() + kIdleSetsMax) {
        std::vector<std::vector<std::string>> used(1);
        std::swap(used, sets_);
        set_numbers_ = {{"", 0}};
        for (std::uint32_t& set : keyword_sets_) {
            set = keyword_set(used[set]);
        }
    }
}

void SelectedMailbox::add(const MailboxMessage& message, const std::vector<std::string>& keywords) {
    if (!uids_.empty() && message.uid <= uids_.back()) {
        return;  // UIDs ascend; anything else is known already
    }
    std::uint8_t bits = mail::flag_bits(message.flags);
    if (message.uid >= recent_from_) {
        bits |= kRecentBit;
    }
    const std::int64_t date_s = message.internal_date_us / 1'000'000;
    uids_.push_back(message.uid);
    bits_.push_back(bits);
    ids_.push_back(message.id);
    sizes_.push_back(message.size);
    dates_.push_back(static_cast<std::uint32_t>(std::clamp<std::int64_t>(date_s, 0, UINT32_MAX)));
    if (!keyword_sets_.empty()) {
        keyword_sets_.push_back(0);
    }
    set_keywords(static_cast<std::uint32_t>(uids_.size() - 1), keywords);
}

void SelectedMailbox::correct_flags(std::uint32_t index,
                                    mail::Flags system,
                                    const std::vector<std::string>& words) {
    if (flags(index) == system && same_keywords(keywords(index), sorted(words))) {
        return;
    }
    bits_[index] =
        static_cast<std::uint8_t>((bits_[index] & ~mail::kFlagsAll) | mail::flag_bits(system));
    set_keywords(index, words);
    if (index < told_) {
        mark_changed(index);
    }
}

void SelectedMailbox::absorb(const MailboxChanges& changes, OthersFlags flags) {
    uid_next_ = changes.info.uid_next;
    modseq_ = changes.info.highest_modseq;
    for (const MailboxMessage& message : changes.messages) {
        const std::vector<std::string>& words = changes.keywords[message.keywords];
        const auto found = std::lower_bound(uids_.begin(), uids_.end(), message.uid);
        if (found != uids_.end() && *found == message.uid) {
            const auto index = static_cast<std::uint32_t>(found - uids_.begin());
            const std::uint8_t changed = bits_[index] & kChangedBit;
            correct_flags(index, message.flags, words);
            if (flags == OthersFlags::Keep) {
                bits_[index] = static_cast<std::uint8_t>((bits_[index] & ~kChangedBit) | changed);
            }
        } else {
            add(message, words);
        }
    }
    bury(changes.expunged);
}

void SelectedMailbox::bury(const mail::UidSet& expunged) {
    auto at = uids_.begin();
    for (const mail::UidRange& range : expunged.ranges()) {
        at = std::lower_bound(at, uids_.end(), range.first);
        for (; at != uids_.end() && *at <= range.last; ++at) {
            const auto index = static_cast<std::size_t>(at - uids_.begin());
            bits_[index] = static_cast<std::uint8_t>((bits_[index] | kGhostBit) & ~kChangedBit);
            any_ghost_ = true;
        }
    }
    // What the client never heard of goes without a word.
    if (any_ghost_) {
        erase_buried(told_);
    }
}

void SelectedMailbox::erase_buried(std::uint32_t from_index) {
    std::size_t kept = from_index;
    for (std::size_t i = from_index; i < uids_.size(); ++i) {
        if ((bits_[i] & kGhostBit) != 0) {
            continue;
        }
        uids_[kept] = uids_[i];
        bits_[kept] = bits_[i];
        ids_[kept] = ids_[i];
        sizes_[kept] = sizes_[i];
        dates_[kept] = dates_[i];
        if (!keyword_sets_.empty()) {
            keyword_sets_[kept] = keyword_sets_[i];
        }
        ++kept;
    }
    uids_.resize(kept);
    bits_.resize(kept);
    ids_.resize(kept);
    sizes_.resize(kept);
    dates_.resize(kept);
    if (!keyword_sets_.empty()) {
        keyword_sets_.resize(kept);
    }
}

void SelectedMailbox::assume_flags(std::uint32_t index,
                                   FlagChange change,
                                   const mail::FlagList& wanted) {
    mail::Flags system = flags(index);
    std::vector<std::string> words = keywords(index);
    switch (change) {
        case FlagChange::Set:
            system = wanted.flags;
            words = wanted.keywords;
            break;
        case FlagChange::Add:
            system = system | wanted.flags;
            for (const std::string& keyword : wanted.keywords) {
                if (!contains(words, keyword)) {
                    words.push_back(keyword);
                }
            }
            break;
        case FlagChange::Remove:
            system = system & ~wanted.flags;
            std::erase_if(words, [&](const std::string& keyword) {
                return contains(wanted.keywords, keyword);
            });
            break;
    }
    bits_[index] =
        static_cast<std::uint8_t>((bits_[index] & ~mail::kFlagsAll) | mail::flag_bits(system));
    set_keywords(index, words);
}

void SelectedMailbox::mark_changed(std::uint32_t index) {
    if (!is_ghost(index)) {
        bits_[index] |= kChangedBit;
        any_changed_ = true;
    }
}

bool SelectedMailbox::has_news() const {
    return any_changed_ || any_ghost_ || told_ != uids_.size();
}

void SelectedMailbox::tell_expunged(std::string& out) {
    // From the end, so that no number that is still to be said moves.
    std::uint32_t gone = 0;
    for (std::uint32_t number = told_; number > 0; --number) {
        if (is_ghost(number - 1)) {
            fmt::format_to(std::back_inserter(out), "* {} EXPUNGE\r\n", number);
            ++gone;
        }
    }
    erase_buried(0);
    told_ -= gone;
    any_ghost_ = false;
}

void SelectedMailbox::report(std::string& out, Expunges expunges, Uids uids) {
    if (any_ghost_ && expunges == Expunges::Tell) {
        tell_expunged(out);
    }
    if (told_ != uids_.size()) {
        told_ = static_cast<std::uint32_t>(uids_.size());
        fmt::format_to(
            std::back_inserter(out), "* {} EXISTS\r\n* {} RECENT\r\n", told_, count_recent());
    }
    if (new_keyword_) {
        new_keyword_ = false;
        fmt::format_to(std::back_inserter(out), "* FLAGS {}\r\n", flag_names());
    }
    if (!any_changed_) {
        return;
    }
    any_changed_ = false;
    for (std::uint32_t index = 0; index < told_; ++index) {
        if ((bits_[index] & kChangedBit) == 0) {
            continue;
        }
        bits_[index] = static_cast<std::uint8_t>(bits_[index] & ~kChangedBit);
        fmt::format_to(std::back_inserter(out), "* {} FETCH (", index + 1);
        if (uids == Uids::Include) {
            fmt::format_to(std::back_inserter(out), "UID {} ", uids_[index]);
        }
        out.append("FLAGS ");
        append_flags(out, index);
        out.append(")\r\n");
    }
}

std::string SelectedMailbox::flag_names() const {
    std::string names = "(\\Answered \\Flagged \\Deleted \\Seen \\Draft";
    for (const std::string& keyword : known_keywords_) {
        names.append(" ").append(keyword);
    }
    return names + ")";
}

void SelectedMailbox::append_flags(std::string& out, std::uint32_t index) const {
    mail::FlagList list;
    list.flags = flags(index);
    list.recent = is_recent(index);
    list.keywords = keywords(index);
    out.append(mail::format_flag_list(list));
}

}  // namespace accessd
