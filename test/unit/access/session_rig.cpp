#include "test/unit/access/session_rig.h"

#include "access/imap/session.h"
#include "base/log.h"

namespace access_test {
namespace {

/// sha256crypt of "secret" with 1000 rounds: quick to check.
constexpr const char* kHash =
    "$5$rounds=1000$roundtable$ntdGk8.GOOSMaaHlaV12dEYfOTkxGUFjsf8QVN0EIr1";

/// Everything behind the line that begins with this.
std::string behind(const std::string& text, const std::string& line_start) {
    const std::size_t at = text.find("\r\n" + line_start);
    if (at == std::string::npos) {
        return "no " + line_start + " in: " + text;
    }
    return text.substr(text.find("\r\n", at + 2) + 2);
}

}  // namespace

SessionRig::SessionRig() {
    base::log::set_level(base::log::Level::Error);
    settings.name = "access1";
    settings.append_bytes_max = 10'000;
    verifier.answer = store.add_account("ann@example.org", kHash);
}

std::string SessionRig::talk(std::string_view input, std::size_t piece) {
    const base::Endpoint here(base::IpAddress::loopback_v4(), 143);
    base::MemoryStream stream(input, here, base::Endpoint(peer, 50'000));
    stream.set_fill_max(piece);
    stream.set_secure(secure);
    accessd::serve_imap(stream, context);
    return stream.take_output();
}

std::string SessionRig::signed_in(std::string_view input, std::size_t piece) {
    const std::string login = "in LOGIN ann@example.org secret\r\n";
    return behind(talk(login + std::string(input), piece), "in OK");
}

std::string SessionRig::selected(std::string_view input, std::size_t piece) {
    return behind(signed_in("se SELECT INBOX\r\n" + std::string(input), piece), "se OK");
}

}  // namespace access_test
