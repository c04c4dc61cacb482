// Octets that decode as an SMTP envelope encode to the same octets.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "mail/envelope.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto envelope = mail::decode_envelope(bytes);
    if (envelope) {
        const auto again = mail::encode(envelope.value());
        CHECK(again && again.value() == bytes);
    }
    return 0;
}
