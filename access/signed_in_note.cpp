#include "access/signed_in_note.h"

#include "base/clock.h"

namespace accessd {

SignedInNote::SignedInNote(MailStore& store,
                           const AccountRecord& account,
                           Service service,
                           const std::string& session,
                           const base::Stream& stream)
    : store_(store), hears_logout_(account.hears_logout) {
    if (!account.hears_login && !account.hears_logout) {
        return;
    }
    note_.account = account.id;
    note_.session = session;
    note_.service = service == Service::Imap ? "imap" : "pop";
    note_.client = stream.peer();
    note_.server = stream.local();
    if (account.hears_login) {
        tell(storage::SessionEvent::Login);
    }
}

SignedInNote::~SignedInNote() {
    if (hears_logout_) {
        tell(storage::SessionEvent::Logout);
    }
}

void SignedInNote::tell(storage::SessionEvent event) {
    note_.event = event;
    note_.at_us = base::wall_us();
    store_.note_session(note_);
}

}  // namespace accessd
