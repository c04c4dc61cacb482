#pragma once

// Events of the message store as JSON, by the parameter names of RFC 5423 5:
//
//   event       its name                       timestamp   RFC 3339, UTC, milliseconds
//   user        the account's login            mailboxID   IMAP URL (RFC 5092) with UIDVALIDITY
//   oldMailboxID  of MailboxRename             uidset      UIDs, as IMAP writes them
//   uri         IMAP URL of the message (MessageNew, MessageAppend)
//   messageSize octets                         modseq      of the messages afterwards
//   flagNames   array                          diskQuota, diskUsed  KiB (Quota...)
//   envelope    IMAP ENVELOPE, if the rule asks for content
//   service     "imap", "pop" (Login, Logout)  clientIP, clientPort  where the client came from
//   serverDomain, serverPort  where it connected to: the address; what name it looked up is unknown
//
// What an event does not have is left out. Numbers are JSON numbers: all are below 2^53 but modseq,
// which RFC 7162 lets grow to 2^63 - 1; a reader that counts in doubles rounds it.
//
// Thread rule: functions of their arguments. Errors: none; octets that are no UTF-8 become U+FFFD.

#include <string>
#include <string_view>
#include <vector>

#include "mta/notify/store_event.h"

namespace mta {

/// A JSON string with its quotes.
[[nodiscard]] std::string json_string(std::string_view text);

/// "imap://ann%40example.org@host/Work;UIDVALIDITY=7". `host` empty: the domain of the login.
[[nodiscard]] std::string mailbox_url(std::string_view login,
                                      std::string_view host,
                                      std::string_view mailbox,
                                      std::int64_t uid_validity);

[[nodiscard]] std::string event_json(const StoreEvent& event,
                                     std::string_view login,
                                     std::string_view host);

/// What a webhook and a browser get:
///   {"id":"...","rule":7,"test":false,"events":[...],"more":0}
/// If it would be longer than `size_max`, an event goes without its envelope, then later events are
/// left out and counted in "more".
[[nodiscard]] std::string notice_json(const NoticeJob& job,
                                      std::string_view host,
                                      std::size_t size_max);

}  // namespace mta
