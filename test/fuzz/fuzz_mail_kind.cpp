// Any octets are a message of some kind, with attributes that an envelope can keep.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "mail/envelope.h"
#include "mail/summary.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view message(reinterpret_cast<const char*>(data), size);
    const mail::ParsedMessage parsed = mail::summarize_with_kind(message);
    CHECK(parsed.summary == mail::summarize(message));
    CHECK(parsed.finding.kind != mail::Kind::Email || parsed.finding.attributes.empty());
    CHECK(parsed.finding.attributes.find("key") == nullptr);
    mail::Envelope envelope;
    envelope.attributes = parsed.finding.attributes;
    const auto encoded = mail::encode(envelope);
    CHECK(encoded);
    const auto decoded = mail::decode_envelope(encoded.value());
    CHECK(decoded && decoded.value() == envelope);
    return 0;
}
