// An address that was taken writes itself as an address that is taken as the same.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "mail/address.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    for (const mail::PathUse use : {mail::PathUse::Reverse, mail::PathUse::Forward}) {
        const auto path = mail::parse_path(text, use);
        if (!path || !path.value().address) {
            continue;
        }
        const mail::Address& address = *path.value().address;
        CHECK(path.value().size <= size);
        const auto again = mail::parse_path("<" + address.text() + ">", use);
        CHECK(again && again.value().address == address);
        const auto name = mail::verification_name(address);
        CHECK(!name || name.value().size() <= 253);
        CHECK(address.domain.empty() == mail::sender_match_keys(address).empty());
    }
    if (const auto mailbox = mail::parse_mailbox(text)) {
        CHECK(mail::parse_mailbox(mailbox.value().text()).value() == mailbox.value());
    }
    return 0;
}
