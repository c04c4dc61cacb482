// The fields of a header are the header, octet for octet; values unfold; dates stay in range.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "mail/date.h"
#include "mail/header.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const mail::Header header = mail::scan_header(text);
    std::size_t position = 0;
    for (const mail::HeaderField& field : header.fields) {
        CHECK(field.whole.data() == text.data() + position && !field.whole.empty());
        position += field.whole.size();
        CHECK(mail::unfold(field.value).size() <= field.value.size());
    }
    CHECK(header.truncated || header.size - position <= 2);
    CHECK(header.has_empty_line || header.size == size);
    if (const auto date = mail::parse_header_date(text)) {
        CHECK(mail::parse_header_date(mail::format_header_date(*date)) == date);
    }
    if (const auto date = mail::parse_imap_date_time(text)) {
        CHECK(mail::parse_imap_date_time(mail::format_imap_date(*date)) == date);
    }
    return 0;
}
