#pragma once

// Pop3Session: one client's connection, from the greeting to the end. RFC 1939 whole but for APOP
// (it needs the password in clear on our side), with CAPA and response codes (RFC 2449, RFC 3206)
// and AUTH PLAIN (RFC 5034, RFC 4616).
//
// The maildrop is INBOX as it was at sign-in. It is locked for all access servers by a lease in the
// catalog, renewed while the session lives; DELE takes effect at QUIT, and only if the lease still
// holds then. Messages that were retrieved get \Seen at QUIT. Sizes are those of the catalog
// (octets as stored): a message with bare LFs, which APPEND may store, is sent longer than LIST
// says.
//
// An empty maildrop is said to be empty only if the catalog said so: whatever could not be read is
// "-ERR [SYS/TEMP]", or a client would delete its own copies.
//
// Owner: the fiber that runs it; it borrows stream and context. Thread rule: that fiber. Errors
// stay inside: run() returns when the connection is to be closed, for whatever reason.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/context.h"
#include "access/imap_command_reader.h"
#include "access/pop3_grammar.h"
#include "access/signed_in_note.h"
#include "base/clock.h"
#include "base/stream.h"

namespace accessd {

class Pop3Session {
  public:
    Pop3Session(base::Stream& stream, AccessContext& context);
    Pop3Session(const Pop3Session&) = delete;
    Pop3Session& operator=(const Pop3Session&) = delete;

    void run();

  private:
    struct Message {
        mail::MessageId id;
        std::uint32_t uid = 0;
        std::uint32_t size = 0;
        bool deleted = false;
        bool retrieved = false;
    };

    /// What holds from sign-in to the end.
    struct Maildrop {
        MaildropLock lock;
        MailboxId mailbox{};
        std::uint32_t uid_validity = 0;
        std::vector<Message> messages;  ///< message-number - 1
        base::Instant renewed;
    };

    enum class Next : std::uint8_t { Line, Rejected, End };

    Next read_line(std::size_t bytes_max);
    base::Status wait_for_input();
    void run_line();
    void run_command(const Pop3Command& command);
    void run_before_sign_in(const Pop3Command& command);
    void run_in_transaction(const Pop3Command& command);

    void capa();
    void auth(const Pop3Command& command);
    void sign_in(std::string_view user, std::string_view password);
    void refuse_sign_in(std::string_view user, const base::Error& error);
    [[nodiscard]] base::Status open_maildrop(const AccountRecord& account);
    void stat();
    void list(const Pop3Command& command);
    void retrieve(const Pop3Command& command);
    void remove(const Pop3Command& command);
    void reset();
    void quit();
    [[nodiscard]] base::Status update();

    /// The message that the command names, or an answer and null.
    Message* find(const Pop3Command& command);
    [[nodiscard]] std::string listing(const Message& message, Pop3Verb verb) const;
    void renew_lock();
    void renew_lock_if_due();
    void release_lock();

    void ok(std::string_view text);
    void err(std::string_view text);
    void err(const base::Error& error);
    void send(std::string_view bytes);

    base::Stream& stream_;
    AccessContext& context_;
    std::string id_;
    CommandReader reader_;
    base::Deadline login_deadline_;
    std::optional<std::string> user_;
    std::optional<Maildrop> maildrop_;
    std::optional<SignedInNote> signed_in_;
    unsigned failed_sign_ins_ = 0;
    unsigned bad_commands_ = 0;
    bool ended_ = false;
    bool broken_ = false;
};

/// Greets, serves and says good-bye. Returns when the connection is to be closed.
void serve_pop3(base::Stream& stream, AccessContext& context);

}  // namespace accessd
