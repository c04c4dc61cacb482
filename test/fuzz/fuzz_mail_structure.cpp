// Any octets have a consistent part tree, a summary that reads back, and a BODY that follows from
// the BODYSTRUCTURE.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "mail/imap_format.h"
#include "mail/structure.h"
#include "mail/summary.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view message(reinterpret_cast<const char*>(data), size);
    const mail::Structure structure = mail::parse_structure(message);
    CHECK(structure.tree.is_consistent(size));
    CHECK(structure.infos.size() == structure.tree.nodes().size());
    const auto body = mail::body_from_bodystructure(mail::format_bodystructure(message, structure));
    CHECK(body && body.value() == mail::format_body(message, structure));
    const mail::Summary summary = mail::summarize(message);
    const auto decoded = mail::decode_summary(mail::encode(summary));
    CHECK(decoded && decoded.value() == summary);
    return 0;
}
