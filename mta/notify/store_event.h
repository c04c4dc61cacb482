#pragma once

// StoreEvent: something that happened in an account's mailboxes, by the names of RFC 5423, and a
// NoticeJob: what is to be told to whom. Both as the queue of the directory holds them
// (directory.store_event, directory.claim_notifications()).
//
// Thread rule: values.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/uuid.h"
#include "mail/message_id.h"

namespace mta {

/// What a rule may ask for: as directory.notification has them.
inline constexpr std::array<std::string_view, 17> kStoreEvents = {"MessageNew",
                                                                  "MessageAppend",
                                                                  "MessageExpunge",
                                                                  "MessageRead",
                                                                  "MessageTrash",
                                                                  "FlagsSet",
                                                                  "FlagsClear",
                                                                  "QuotaExceed",
                                                                  "QuotaWithin",
                                                                  "QuotaChange",
                                                                  "MailboxCreate",
                                                                  "MailboxDelete",
                                                                  "MailboxRename",
                                                                  "MailboxSubscribe",
                                                                  "MailboxUnSubscribe",
                                                                  "Login",
                                                                  "Logout"};

struct StoreEvent {
    std::string name;               ///< "MessageNew", RFC 5423 4
    std::int64_t at_us = 0;         ///< microseconds since 1970
    int kind = 0;                   ///< 1 e-mail, 2 fax, 3 voicemail; 0: none
    std::string sender;             ///< reverse-path
    std::string mailbox;            ///< UTF-8; empty: none
    std::string old_mailbox;        ///< of MailboxRename
    std::int64_t uid_validity = 0;  ///< 0: none
    std::string uids;               ///< a set, as IMAP writes it
    std::int64_t modseq = 0;
    std::optional<std::int64_t> size;  ///< octets
    mail::MessageId message;           ///< nil: none
    std::vector<std::string> flags;
    std::optional<std::int64_t> disk_quota;  ///< KiB
    std::optional<std::int64_t> disk_used;   ///< KiB

    // Of Login and Logout.
    std::string service;    ///< "imap", "pop"; empty: none
    std::string client_ip;  ///< text
    std::int64_t client_port = 0;
    std::string server_ip;  ///< where the client connected to
    std::int64_t server_port = 0;

    // Read from the message, if the rule asks for it.
    std::string envelope;  ///< IMAP ENVELOPE
    std::string from;      ///< for people
    std::string subject;   ///< for people
};

enum class Channel : std::uint8_t { Email, Sms, Webhook, WebPush };

/// Whether sender and subject of messages may be told.
enum class NoticeContent : std::uint8_t { None, Summary };

/// One notification of one rule, claimed. Secrets are never logged.
struct NoticeJob {
    std::int64_t id = 0;
    base::Uuid claim;
    base::Uuid token;  ///< what the receiver knows it by, the same at each attempt
    std::int64_t rule = 0;
    std::string login;
    Channel channel = Channel::Webhook;
    std::string target;
    NoticeContent content = NoticeContent::None;
    std::string hmac_key;
    std::string push_key;
    std::string push_auth;
    std::int64_t attempts = 0;
    std::int64_t more = 0;           ///< events beside those that are listed
    std::vector<StoreEvent> events;  ///< none: a test
};

}  // namespace mta
