#pragma once

// What commands share that hand in a message at the ingest socket of a mail server
// (mta/ingest/ingest_protocol.h): where the sockets are, which is tried when, what is said, and
// exit codes that mail programs know from sysexits(3): 0 the message is safe (the promise of SMTP's
// 250), 75 (EX_TEMPFAIL) try again with the same key, 65 (EX_DATAERR) never.
//
// Thread rule: one thread; blocks.

#include <string>
#include <vector>

#include "base/result.h"
#include "mta/ingest/ingest_client.h"
#include "ops/command.h"

namespace ops {

inline constexpr int kExitUsage = 2;
inline constexpr int kExitNever = 65;
inline constexpr int kExitTryAgain = 75;

/// "--socket", for the options of such a command.
[[nodiscard]] OptionSpec socket_option();

/// Those of --socket; else of the mail servers of --dir; else /run/roundtable/*/ingest. Invalid
/// with what to do if there is none.
[[nodiscard]] base::Result<std::vector<std::string>> ingest_sockets(const CommandContext& context,
                                                                    const Arguments& arguments);

/// "name=value" of --attribute, each. Invalid.
[[nodiscard]] base::Result<mail::Attributes> attributes_of(const std::vector<std::string>& words);

/// A file, or standard input for "-" and "". Errors: those of base::read_file; TooLarge.
[[nodiscard]] base::Result<std::string> read_message(const std::string& path);

/// True if a mail server listens at one of them: a program that has much to hand in does not begin
/// while there is none.
[[nodiscard]] bool anyone_listens(const std::vector<std::string>& sockets);

/// Hands it in at one socket after the other, until one takes it or refuses it for good. The key
/// makes it safe that another one may have stored it before its answer was lost. Errors: those of
/// mta::ingest(); Unavailable without a socket.
[[nodiscard]] base::Result<mta::IngestReceipt> ingest_at_any(
    const std::vector<std::string>& sockets, const mta::IngestRequest& request);

/// As ingest_at_any(), for a command that hands in one message. Prints what became of it; sets
/// context.failure_code.
base::Result<mta::IngestReceipt> hand_in(CommandContext& context,
                                         const std::vector<std::string>& sockets,
                                         const mta::IngestRequest& request);

/// The name of this machine, for events, jobs and messages.
[[nodiscard]] std::string machine_name();

/// Waits so long, or until a signal ends the process.
void wait_between_passes(base::Duration span);

/// Sets context.failure_code to kExitUsage if `result` is an error: for what was wrong before
/// anything was handed in.
template <typename T>
[[nodiscard]] base::Result<T> usage(CommandContext& context, base::Result<T> result) {
    if (!result) {
        context.failure_code = kExitUsage;
    }
    return result;
}

}  // namespace ops
