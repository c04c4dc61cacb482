// No text breaks the reading of a configuration file, and a problem always names its place.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "base/config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto parsed = base::Config::parse(text, "f");
    if (!parsed) {
        CHECK(parsed.error().code == base::Errc::Invalid ||
              parsed.error().code == base::Errc::TooLarge);
        return 0;
    }
    const base::ConfigSection root = parsed.value().root();
    (void)root.text("a", "");
    (void)root.integer("b", 0, 9, 1);
    (void)root.duration("c", base::Duration::zero());
    (void)root.size("d", 0);
    (void)root.endpoints("e");
    for (const base::ConfigSection& section : root.sections("f")) {
        (void)section.networks("g");
    }
    const base::Status status = parsed.value().finish();
    CHECK(status || status.error().detail.starts_with("f:"));
    return 0;
}
