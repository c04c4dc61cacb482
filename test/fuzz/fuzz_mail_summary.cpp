// Octets that decode as a summary have a consistent part tree and encode to the same octets.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "mail/imap_format.h"
#include "mail/summary.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    (void)mail::body_from_bodystructure(bytes);  // any octets are refused or reduced
    const auto summary = mail::decode_summary(bytes);
    if (summary) {
        CHECK(summary.value().parts.is_consistent(summary.value().message_size));
        CHECK(mail::encode(summary.value()) == bytes);
    }
    return 0;
}
