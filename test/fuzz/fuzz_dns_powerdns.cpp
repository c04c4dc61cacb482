// Fuzzes the socket of PowerDNS's remote backend: the input is a connection's lines, answered from
// a fixed snapshot, with keys given and not. Every reply is one line of JSON: brackets and quotes
// match, and there are only printable characters in it.

#include <cstdint>
#include <string>

#include "dns/plugin/remote_backend.h"
#include "test/fuzz/dns_fuzz.h"
#include "test/unit/dns/directory/world.h"

namespace {

dns::Directory fixed() {
    dns::Directory directory = dns_test::directory();
    const char* const more[][3] = {{"*.wild", "A", "192.0.2.81"},
                                   {"b.a.ent", "AAAA", "2001:db8::1"},
                                   {"alias", "CNAME", "www"},
                                   {"sub", "NS", "ns.sub.mail.test."},
                                   {"ns.sub", "A", "192.0.2.82"},
                                   {"odd", "TYPE65280", "\\# 2 0102"},
                                   {"quoted", "TXT", "\"a \\\" \\\\ \\000\\255\""},
                                   {"od\\000d\\\"", "A", "192.0.2.83"}};
    for (const auto& record : more) {
        directory.domains[1].records.push_back({record[0], record[1], std::nullopt, record[2]});
    }
    return directory;
}

dns::plugin::SigningData signing() {
    dns::dnssec::StoredKeys stored;
    stored.domain = "mail.test";
    stored.denial = dns::dnssec::Denial::Nsec3;
    dns::dnssec::KeyRecord key;
    key.id = 1;
    key.state = dns::dnssec::KeyState::Active;
    stored.keys.keys = {key};
    return {{stored}, {{1, std::string(32, 'k')}}};
}

void check_line(const std::string& line) {
    std::string open;
    bool quoted = false;
    bool escaped = false;
    dns_fuzz::require(line.ends_with('\n'));
    for (std::size_t i = 0; i + 1 < line.size(); ++i) {
        const char character = line[i];
        dns_fuzz::require(character >= 0x20 && character <= 0x7e);
        if (quoted) {
            quoted = escaped || character != '"';
            escaped = !escaped && character == '\\';
        } else if (character == '"') {
            quoted = true;
        } else if (character == '{' || character == '[') {
            open.push_back(character == '{' ? '}' : ']');
        } else if (character == '}' || character == ']') {
            dns_fuzz::require(!open.empty() && open.back() == character);
            open.pop_back();
        }
    }
    dns_fuzz::require(!quoted && open.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const dns::Directory kDirectory = fixed();
    static const auto kSnapshot = dns_fuzz::build(kDirectory);
    static const dns::plugin::ZoneIds kIds(kDirectory);
    static const dns::plugin::SigningData kSigning = signing();
    dns_fuzz::require(kSnapshot != nullptr);
    dns::plugin::NotifiedSerials notified;
    dns::plugin::RemoteBackend backend(notified);
    const std::string input(data, data + size);
    for (std::size_t at = 0; at < input.size();) {
        const std::size_t end = std::min(input.find('\n', at), input.size());
        const std::string_view line = std::string_view(input).substr(at, end - at);
        for (const bool keys : {false, true}) {
            auto reply =
                backend.answer(line,
                               {*kSnapshot,
                                kIds,
                                keys ? dns::plugin::KeyUse::Given : dns::plugin::KeyUse::None,
                                keys ? &kSigning : nullptr});
            while (reply.more != nullptr && reply.more->next(reply.text)) {
            }
            check_line(reply.text);
        }
        at = end + 1;
    }
    dns_fuzz::require(notified.size() <= kDirectory.domains.size());
    return 0;
}
