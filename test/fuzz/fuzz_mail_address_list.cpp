// A list of header addresses that was written out reads back as the same list.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "mail/header_address.h"
#include "mail/limits.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view value(reinterpret_cast<const char*>(data), size);
    const auto list = mail::parse_header_addresses(value);
    CHECK(list.size() <= mail::kHeaderAddressesMax + 1);
    const std::string text = mail::format_header_addresses(list);
    if (text.size() < mail::kFieldValueMax) {
        CHECK(mail::parse_header_addresses(text) == list);
    }
    return 0;
}
