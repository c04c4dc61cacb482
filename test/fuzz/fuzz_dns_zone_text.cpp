// Fuzzes master files: what is read must be written by us and read again as the same records.

#include <cstdint>
#include <string>

#include "dns/zone_text.h"
#include "test/fuzz/dns_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text{reinterpret_cast<const char*>(data),  // NOLINT(*-reinterpret-cast)
                                size};
    const auto apex = dns::Name::from_text("mail.test");
    for (const bool named : {true, false}) {
        const auto file = dns::read_master_file(
            text, named ? std::optional(apex.value()) : std::optional<dns::Name>());
        if (!file) {
            continue;
        }
        std::string written = "$ORIGIN " + file.value().apex.to_text() + "\n";
        for (const dns::RecordRow& row : file.value().records) {
            written += dns::record_line(row) + "\n";
        }
        const auto again = dns::read_master_file(written, file.value().apex);
        dns_fuzz::require(bool(again));
        dns_fuzz::require(again.value().records.size() == file.value().records.size());
        dns_fuzz::require(
            dns::record_difference(file.value().records, again.value().records, file.value().apex)
                .empty());
    }
    return 0;
}
