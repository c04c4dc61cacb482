#include "mta/voicemail/sip_notify.h"

#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>

#include "base/hash.h"
#include "base/random.h"
#include "mail/ascii.h"

namespace mta {

namespace {

constexpr std::size_t kUserMax = 200;
constexpr std::string_view kVersion = "SIP/2.0";

// user of RFC 3261 25.1 without escapes: unreserved and user-unreserved.
bool is_user_char(char c) {
    constexpr std::string_view kMarks = "-_.!~*'()&=+$,;?/";
    return mail::is_alnum(c) || kMarks.find(c) != std::string_view::npos;
}

std::string random_token() {
    std::array<std::byte, 16> octets{};
    base::random_fill(octets);
    return base::to_hex(octets);
}

// "192.0.2.1:5060", "[2001:db8::1]:5060".
std::string host_port(const base::Endpoint& endpoint) {
    return endpoint.to_text();
}

std::string host(const base::Endpoint& endpoint) {
    const std::string address = endpoint.address().to_text();
    return endpoint.address().family() == base::IpFamily::V6 ? "[" + address + "]" : address;
}

// The value of `line` if it is a field of that name, long or compact (RFC 3261 7.3.3).
std::optional<std::string_view> value_of(std::string_view line,
                                         std::string_view name,
                                         std::string_view compact) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
        return std::nullopt;
    }
    const std::string_view found = mail::trim(line.substr(0, colon));
    const bool same = mail::equal_ignoring_case(found, name) ||
                      (!compact.empty() && mail::equal_ignoring_case(found, compact));
    return same ? std::optional(mail::trim(line.substr(colon + 1))) : std::nullopt;
}

// The parameter branch of a Via value: of the first one if several stand in a line.
std::string_view branch_of(std::string_view via) {
    via = via.substr(0, via.find(','));
    while (true) {
        const std::size_t semicolon = via.find(';');
        if (semicolon == std::string_view::npos) {
            return {};
        }
        via.remove_prefix(semicolon + 1);
        const std::string_view parameter = mail::trim(via.substr(0, via.find(';')));
        const std::size_t equals = parameter.find('=');
        if (equals != std::string_view::npos &&
            mail::equal_ignoring_case(mail::trim(parameter.substr(0, equals)), "branch")) {
            return mail::trim(parameter.substr(equals + 1));
        }
    }
}

std::optional<int> status_of(std::string_view line) {
    // "SIP/2.0 200 OK"
    if (line.size() < kVersion.size() + 4 ||
        !mail::equal_ignoring_case(line.substr(0, kVersion.size()), kVersion) ||
        line[kVersion.size()] != ' ') {
        return std::nullopt;
    }
    const std::string_view code = line.substr(kVersion.size() + 1, 3);
    if (!std::all_of(code.begin(), code.end(), mail::is_digit) ||
        (line.size() > kVersion.size() + 4 && line[kVersion.size() + 4] != ' ')) {
        return std::nullopt;
    }
    const int status = (code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0');
    return status >= 100 && status < 700 ? std::optional(status) : std::nullopt;
}

}  // namespace

std::string SipTarget::uri() const {
    return "sip:" + user + "@" +
           (endpoint.port() == kSipPort ? host(endpoint) : host_port(endpoint));
}

base::Result<SipTarget> parse_sip_target(std::string_view text) {
    const base::Error wrong{base::Errc::Invalid,
                            "'" + std::string(text) +
                                "' is no target of the form sip:USER@ADDRESS or "
                                "sip:USER@ADDRESS:PORT with a numeric address"};
    constexpr std::string_view kScheme = "sip:";
    if (!text.starts_with(kScheme)) {
        return wrong;
    }
    text.remove_prefix(kScheme.size());
    const std::size_t at = text.find('@');
    if (at == std::string_view::npos || at == 0 || at > kUserMax ||
        !std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), is_user_char)) {
        return wrong;
    }
    const auto endpoint = base::Endpoint::parse(text.substr(at + 1), kSipPort);
    if (!endpoint || endpoint.value().port() == 0 || endpoint.value().address().is_any()) {
        return wrong;
    }
    return SipTarget{std::string(text.substr(0, at)), endpoint.value()};
}

SipIdentity make_sip_identity() {
    return {"z9hG4bK" + random_token(), random_token(), random_token()};
}

std::string make_notify(const SipTarget& target,
                        const base::Endpoint& local,
                        const SipIdentity& identity,
                        std::string_view body) {
    const std::string uri = target.uri();
    return fmt::format(
        "NOTIFY {0} SIP/2.0\r\n"
        "Via: SIP/2.0/UDP {1};branch={2};rport\r\n"
        "Max-Forwards: 70\r\n"
        "From: <sip:{3}@{4}>;tag={5}\r\n"
        "To: <{0}>\r\n"
        "Call-ID: {6}\r\n"
        "CSeq: 1 NOTIFY\r\n"
        "Contact: <sip:voicemail@{1}>\r\n"
        "Event: message-summary\r\n"
        "Subscription-State: active\r\n"
        "User-Agent: Roundtable\r\n"
        "Content-Type: application/simple-message-summary\r\n"
        "Content-Length: {7}\r\n"
        "\r\n{8}",
        uri,
        host_port(local),
        identity.branch,
        target.user,
        host(local),
        identity.from_tag,
        identity.call_id,
        body.size(),
        body);
}

std::optional<int> notify_status(std::string_view datagram, const SipIdentity& identity) {
    if (datagram.size() > kSipDatagramMax) {
        return std::nullopt;
    }
    std::optional<int> status;
    bool our_via = false;
    bool seen_via = false;
    bool our_call = false;
    bool our_method = false;
    for (std::size_t lines = 0; lines < kSipLinesMax && !datagram.empty(); ++lines) {
        const std::size_t end = std::min(datagram.find('\n'), datagram.size());
        std::string_view line = datagram.substr(0, end);
        datagram.remove_prefix(std::min(end + 1, datagram.size()));
        line.remove_suffix(line.ends_with('\r') ? 1 : 0);
        if (lines == 0) {
            status = status_of(line);
            if (!status) {
                return std::nullopt;
            }
            continue;
        }
        if (line.empty()) {
            break;
        }
        if (const auto via = value_of(line, "Via", "v"); via && !seen_via) {
            seen_via = true;
            our_via = branch_of(*via) == identity.branch;
        } else if (const auto call = value_of(line, "Call-ID", "i")) {
            our_call = *call == identity.call_id;
        } else if (const auto sequence = value_of(line, "CSeq", "")) {
            our_method = sequence->starts_with("1 ") && mail::trim(sequence->substr(2)) == "NOTIFY";
        }
    }
    return our_via && our_call && our_method ? status : std::nullopt;
}

}  // namespace mta
