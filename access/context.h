#pragma once

// AccessContext: what a session (IMAP or POP3) works with. All borrowed from the daemon, which
// outlives the sessions. Thread rule: the loop of the session; the members say what else they
// allow.

#include "access/byte_budget.h"
#include "access/mail_store.h"
#include "access/settings.h"
#include "access/sign_in.h"
#include "base/worker_pool.h"

namespace accessd {

struct AccessContext {
    const AccessSettings& settings;
    MailStore& store;
    SignIn& sign_in;
    base::WorkerPool& workers;  ///< for what takes time: searching the text of messages
    ByteBudget& append_budget;  ///< bytes of messages that clients are sending now
};

}  // namespace accessd
