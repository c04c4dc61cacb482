// A reply of clamd is one of the known ones or none: what is passed on of it can stand in a header
// field, a reply and a log line, and the outcome is the same wherever the octets are split.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/stream.h"
#include "mta/scan/clamd_reply.h"
#include "mta/scan/clamd_stream.h"

namespace {

bool is_printable(std::string_view text) {
    for (const char octet : text) {
        if (octet < ' ' || octet > '~') {
            return false;
        }
    }
    return true;
}

void check_reply(std::string_view text) {
    const auto reply = mta::parse_clamd_reply(text);
    if (!reply) {
        CHECK(reply.error().code == base::Errc::Invalid && is_printable(reply.error().detail));
        return;
    }
    CHECK(is_printable(reply.value().text));
    switch (reply.value().kind) {
        case mta::ClamdReply::Kind::Clean:
            CHECK(text == "stream: OK");
            break;
        case mta::ClamdReply::Kind::Infected:
        case mta::ClamdReply::Kind::NotAll:
            CHECK(text.starts_with("stream: ") && text.ends_with(" FOUND"));
            CHECK(!reply.value().text.empty() && reply.value().text.size() <= mta::kSignatureMax &&
                  reply.value().text.find(' ') == std::string::npos);
            CHECK(reply.value().kind == mta::ClamdReply::Kind::Infected ||
                  reply.value().text.starts_with("Heuristics.Limits.Exceeded"));
            break;
        case mta::ClamdReply::Kind::Pong:
            CHECK(text == "PONG");
            break;
        case mta::ClamdReply::Kind::TooLarge:
        case mta::ClamdReply::Kind::Failed:
            CHECK(text.ends_with(" ERROR"));
            break;
    }
}

// What a conversation makes of octets that arrive in such pieces.
std::string converse(std::string_view wire, std::size_t piece) {
    base::MemoryStream stream(wire, mta::ClamdStream::limits());
    stream.set_fill_max(piece);
    mta::ClamdStream clamd(stream);
    const auto verdict = clamd.finish(base::Deadline::after(std::chrono::hours(1)));
    if (!verdict) {
        return "error " + std::to_string(static_cast<int>(verdict.error().code));
    }
    return std::to_string(static_cast<int>(verdict.value().kind)) + verdict.value().text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view wire(reinterpret_cast<const char*>(data), size);
    check_reply(wire.substr(0, wire.find('\0')));
    const auto version = mta::parse_clamd_version(wire);
    CHECK(!version || is_printable(version.value()));
    const std::string whole = converse(wire, size + 1);
    for (const std::size_t piece : {1U, 2U, 7U}) {
        CHECK(converse(wire, piece) == whole);
    }
    return 0;
}
