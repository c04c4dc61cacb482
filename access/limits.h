#pragma once

// Every limit of the access server in one place. Bytes unless the name says otherwise.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace accessd {

// --- what a client may send -------------------------------------------------------------------

/// Longest command (lines and literals together) before login: nobody needs more to sign in, and
/// unknown peers pay for no memory (the class of CVE-2026-27857 and CVE-2026-42006).
inline constexpr std::size_t kCommandBytesBeforeLogin = std::size_t{8} * 1024;
inline constexpr std::size_t kLiteralBytesBeforeLogin = 1024;

/// Longest command after login, without the message of an APPEND.
inline constexpr std::size_t kCommandBytesMax = std::size_t{64} * 1024;
/// RFC 7888 5 (LITERAL-): larger literals must be synchronising.
inline constexpr std::size_t kNonSyncLiteralBytesMax = 4096;
/// What is read and thrown away of one broken command before the connection is closed.
inline constexpr std::size_t kDiscardBytesMax = std::size_t{1024} * 1024;
inline constexpr std::size_t kTagBytesMax = 128;
/// Default of the largest message that APPEND takes.
inline constexpr std::size_t kAppendBytesDefault = std::size_t{50} * 1024 * 1024;

static_assert(kLiteralBytesBeforeLogin < kCommandBytesBeforeLogin);
static_assert(kCommandBytesBeforeLogin < kCommandBytesMax);
static_assert(kNonSyncLiteralBytesMax < kCommandBytesMax);
static_assert(kCommandBytesMax < kDiscardBytesMax);

/// Nesting of parentheses and NOT/OR in SEARCH, and of lists anywhere else.
inline constexpr std::size_t kNestingMax = 32;
inline constexpr std::size_t kSearchKeysMax = 1024;
inline constexpr std::size_t kSearchTextBytesMax = 4096;
inline constexpr std::size_t kFetchItemsMax = 64;
inline constexpr std::size_t kHeaderFieldsMax = 256;
/// Depth of a part number as 1.2.3, the depth the MIME parser goes to.
inline constexpr std::size_t kSectionDepthMax = 100;
inline constexpr std::size_t kStoreFlagsMax = 128;
inline constexpr std::size_t kMailboxNameBytesMax = 512;
inline constexpr std::size_t kListPatternBytesMax = 511;
inline constexpr std::size_t kIdPairsMax = 30;  // RFC 2971 3.3
/// NOTIFY: groups, and names of one group. RFC 5465 asks clients for few.
inline constexpr std::size_t kNotifyGroupsMax = 32;
inline constexpr std::size_t kNotifyNamesMax = 256;

// --- what a client is told unasked (NOTIFY); beyond it: NOTIFICATIONOVERFLOW
// ----------------------

/// Mailboxes and subscriptions of an account that is watched: 150 octets each while it sleeps.
inline constexpr std::size_t kNotifyMailboxesMax = 1000;
/// LIST and STATUS responses that one look may bring.
inline constexpr std::size_t kNotifyBytesMax = std::size_t{64} * 1024;
/// New messages of the selected mailbox that are fetched unasked at once.
inline constexpr std::size_t kNotifyMessagesMax = 500;

static_assert(kCommandBytesMax < UINT32_MAX);

// --- time ---------------------------------------------------------------------------------------

/// RFC 9051 5.4: at least 30 minutes for an authenticated IMAP client.
inline constexpr std::chrono::seconds kImapIdleTimeout{30 * 60};
/// RFC 1939 3: at least 10 minutes.
inline constexpr std::chrono::seconds kPop3IdleTimeout{10 * 60};
inline constexpr std::chrono::seconds kLoginTimeout{60};
/// A client that takes no bytes for this long has gone away.
inline constexpr std::chrono::seconds kWriteTimeout{60};
/// Deadline of one request to the catalog.
inline constexpr std::chrono::seconds kCatalogTimeout{10};
/// Deadline of reading messages: each copy is tried in turn.
inline constexpr std::chrono::seconds kReadTimeout{20};
/// Deadline of storing a message durably.
inline constexpr std::chrono::seconds kStoreTimeout{30};
/// POP3: the maildrop's lock lapses after so long without renewal.
inline constexpr std::chrono::seconds kMaildropLease{120};
inline constexpr std::chrono::seconds kMaildropRenewal{30};
static_assert(2 * kMaildropRenewal < kMaildropLease);
/// A client that stops in the middle of a message holds a part of what all have for messages.
inline constexpr std::chrono::seconds kMessageStallTimeout{5 * 60};
/// How soon an IDLE session looks by itself, in case a notice was lost (RFC 2177 says nothing).
inline constexpr std::chrono::seconds kIdlePoll{60};
/// The same for a session that sleeps under NOTIFY, perhaps for days.
inline constexpr std::chrono::seconds kNotifyPoll{5 * 60};
/// An account is not looked through again before so long, however busy it is.
inline constexpr std::chrono::milliseconds kNotifyPause{250};
/// When it could not be looked through.
inline constexpr std::chrono::seconds kNotifyRetry{2};
/// A session that was silent for this long gives its buffers back.
inline constexpr std::chrono::seconds kShrinkAfter{2};

}  // namespace accessd
