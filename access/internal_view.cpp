#include <algorithm>
#include <charconv>

#include "access/sign_in.h"
#include "base/resolver.h"

namespace accessd {
namespace {

constexpr base::Duration kQueryDeadline = std::chrono::seconds(2);

/// "v=1 account=17 state=active": words parted by one blank, unknown ones are passed over.
std::optional<AccountId> read_text(std::string_view text) {
    constexpr std::string_view kAccount = "account=";
    bool version = false;
    std::optional<AccountId> account;
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(text.size(), word.size() + 1));
        version = version || word == "v=1";
        if (word.substr(0, kAccount.size()) == kAccount) {
            std::int64_t id = 0;
            const char* end = word.data() + word.size();
            const auto parsed = std::from_chars(word.data() + kAccount.size(), end, id);
            if (parsed.ec == std::errc() && parsed.ptr == end && id > 0) {
                account = AccountId{id};
            }
        }
    }
    return version ? account : std::nullopt;
}

}  // namespace

base::Result<std::optional<AccountId>> InternalView::ask(std::string_view name) {
    base::DnsQueryOptions options;
    options.try_timeout = std::chrono::milliseconds(600);
    options.rounds = 3;
    options.recursion_desired = false;
    const base::DnsReply reply = TRY(base::dns_query(
        servers_, name, base::DnsType::Txt, base::Deadline::after(kQueryDeadline), options));
    switch (reply.rcode) {
        case base::DnsRcode::NxDomain:
        case base::DnsRcode::Refused:  // the view has no such domain
            return std::optional<AccountId>();
        case base::DnsRcode::NoError:
            for (const std::string& text : reply.texts) {
                if (const std::optional<AccountId> account = read_text(text)) {
                    return account;
                }
            }
            break;
        case base::DnsRcode::FormErr:
        case base::DnsRcode::ServFail:
        case base::DnsRcode::NotImp:
            break;
    }
    return base::Error{base::Errc::Unavailable, "the internal view gave no clear answer"};
}

}  // namespace accessd
