// Whatever is decoded for people is UTF-8, and within its limit. First octet: which encoding.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "mail/decode.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    constexpr std::size_t kMax = 1'000;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    const auto encoding = static_cast<mail::TransferEncoding>(data[0] & 3U);
    CHECK(mail::decode_transfer(text, encoding, kMax).size() <= kMax);
    for (const char* charset : {"", "utf-8", "iso-2022-jp", "gb18030"}) {
        const std::string part = mail::decode_part_text(text, encoding, charset, kMax);
        CHECK(mail::convert_to_utf8(part, "utf-8").ok);
        (void)mail::contains_text(part, mail::search_form(text.substr(0, 3)));
    }
    CHECK(mail::convert_to_utf8(mail::decode_header_text(text), "utf-8").ok);
    CHECK(mail::convert_to_utf8(mail::decode_parameter({{"n*", std::string(text)}}, "n"), "utf-8")
              .ok);
    return 0;
}
