#pragma once

// SignedInNote: tells the catalog that an account signed in when it is made, and that the session
// ended when it is destroyed, however it ended (Login and Logout of RFC 5423 4.5). Each only if a
// rule of the account asked for it at sign-in, so that an account without one costs nothing.
//
// Owner: the session; it borrows the store. Thread rule: the fiber of the session. Never waits.

#include <cstdint>
#include <string>

#include "access/mail_store.h"
#include "base/stream.h"

namespace accessd {

class SignedInNote {
  public:
    enum class Service : std::uint8_t { Imap, Pop };

    /// `session`: another for each connection.
    SignedInNote(MailStore& store,
                 const AccountRecord& account,
                 Service service,
                 const std::string& session,
                 const base::Stream& stream);
    ~SignedInNote();
    SignedInNote(const SignedInNote&) = delete;
    SignedInNote& operator=(const SignedInNote&) = delete;

  private:
    void tell(storage::SessionEvent event);

    MailStore& store_;
    storage::SessionNote note_;
    bool hears_logout_;
};

}  // namespace accessd
