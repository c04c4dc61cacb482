#include "ops/fax_service.h"

#include <cstdio>
#include <utility>

#include "mta/fax/fax_number.h"
#include "ops/hand_in.h"

namespace ops {

Handler with_mail_codes(Handler handler) {
    return [handler = std::move(handler)](CommandContext& context, const Arguments& arguments) {
        base::Status done = handler(context, arguments);
        if (!done) {
            context.failure_code =
                base::is_temporary(done.error().code) ? kExitTryAgain : kExitNever;
        }
        return done;
    };
}

FaxService::FaxService(CommandContext& context, std::vector<std::string> sockets)
    : context_(context), sockets_(std::move(sockets)) {
}

base::Result<base::Rows> FaxService::ask(const std::string& statement,
                                         const base::Params& params) const {
    auto connection = context_.db();
    if (!connection) {
        return base::Error{base::Errc::Unavailable, connection.error().detail};
    }
    auto rows = connection.value()->query(statement, params);
    if (!rows) {
        return base::Error{base::Errc::Unavailable, rows.error().detail};
    }
    return rows;
}

base::Result<std::string> FaxService::route(const mta::FaxCall& call) const {
    const base::Rows rows = TRY(ask("SELECT address FROM directory.fax_route_of($1, $2, $3, $4)",
                                    {mta::fax_match_form(mail::clean_text(call.called)),
                                     mta::fax_match_form(mail::clean_text(call.subaddress)),
                                     mta::fax_match_form(mail::clean_text(call.caller)),
                                     mta::fax_match_form(mail::clean_text(call.sender_id))}));
    if (rows.empty()) {
        return base::Error{base::Errc::NotFound, "no route"};
    }
    return std::string(rows[0].text(0));
}

void FaxService::use(std::vector<std::string> sockets) {
    sockets_ = std::move(sockets);
}

base::Result<mta::IngestReceipt> FaxService::ingest(const mta::IngestRequest& request) const {
    return ingest_at_any(sockets_, request);
}

void FaxService::raise(const std::string& severity,
                       const std::string& kind,
                       const std::string& key,
                       const std::string& text) const {
    const auto connection = context_.db();
    if (connection &&
        connection.value()->query("SELECT directory.note_fax_event($1, $2, $3, $4, $5)",
                                  {severity, kind, key, machine_name(), mail::clean_text(text)})) {
        return;
    }
    std::fprintf(stderr, "roundtable: %s: %s\n", kind.c_str(), mail::clean_text(text).c_str());
}

mta::FaxIntakeParts FaxService::intake_parts() const {
    return {[this](const mta::FaxCall& call) { return route(call); },
            [this](const mta::IngestRequest& request) { return ingest(request); },
            [this](const std::string& kind, const std::string& key, const std::string& text) {
                raise("warning", kind, key, text);
            }};
}

}  // namespace ops
