#include <iostream>

#include "base/uuid.h"
#include "ops/commands/commands.h"
#include "ops/hand_in.h"
#include "ops/json.h"

namespace ops {

namespace {

base::Status ingest_message(CommandContext& context, const Arguments& arguments, mail::Kind kind) {
    mta::IngestRequest request;
    request.kind = kind;
    request.key = arguments.text("--key");
    request.sender = arguments.text("--from");
    request.recipients = arguments.list("--to");
    request.attributes = TRY(usage(context, attributes_of(arguments.list("--attribute"))));
    request.seen = arguments.has("--seen");
    request.message = TRY(usage(context, read_message(arguments.text("file"))));
    const auto sockets = ingest_sockets(context, arguments);
    if (!sockets) {
        context.failure_code = kExitTryAgain;
        return sockets.error();
    }
    // Without a key it gets one of its own: what was sent may be stored, whatever the answer, and a
    // try with another key would deliver it a second time.
    if (request.key.empty()) {
        request.key = "once-" + base::Uuid::time_ordered().to_text();
    }
    const auto receipt = hand_in(context, sockets.value(), request);
    if (receipt) {
        return base::Done{};
    }
    const base::Error& error = receipt.error();
    if (context.failure_code != kExitTryAgain) {
        return error;
    }
    if (context.output == Output::Json) {
        std::cout << Json{{"try_again_with_key", request.key}}.dump() << "\n";
    }
    return base::Error{error.code, error.detail + "; try again with --key '" + request.key + "'"};
}

Command ingest_command(const char* verb, const char* help, mail::Kind kind) {
    return {"ingest",
            verb,
            help,
            {{"--to", OptionKind::Values, "address of a recipient; may be repeated", Required::Yes},
             {"--from", OptionKind::Value, "address of the sender (default: none, \"<>\")"},
             {"--key",
              OptionKind::Value,
              "names the message: handed in again with the same key, it is delivered once"},
             {"--attribute",
              OptionKind::Values,
              "name=value of what is known of it, such as pages=3; may be repeated"},
             {"--seen", OptionKind::Flag, "deliver it as read: with \\Seen"},
             socket_option(),
             {"file", OptionKind::OptionalPositional, "the message, RFC 5322 (default: -, stdin)"}},
            [kind](CommandContext& context, const Arguments& arguments) {
                return ingest_message(context, arguments, kind);
            }};
}

}  // namespace

std::vector<Command> ingest_commands() {
    return {ingest_command("mail", "hand in an e-mail at a mail server here", mail::Kind::Email),
            ingest_command("fax", "hand in a message that is a fax", mail::Kind::Fax),
            ingest_command(
                "voicemail", "hand in a message that is a voicemail", mail::Kind::Voicemail)};
}

}  // namespace ops
