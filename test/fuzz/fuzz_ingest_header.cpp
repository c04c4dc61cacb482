// A line that is read as a header of the ingest socket is written so that the same is read again;
// and no line is too odd to be an answer.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "mta/ingest/ingest_protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view line(reinterpret_cast<const char*>(data), size);
    const auto header = mta::parse_ingest_header(line);
    if (header) {
        // Escapes may make it longer than it may be.
        const auto written = mta::format_ingest_header(header.value());
        if (written) {
            const std::string_view text = written.value();
            const auto again = mta::parse_ingest_header(text.substr(0, text.size() - 1));
            CHECK(again && again.value() == header.value());
        }
    }
    const auto answer = mta::parse_ingest_answer(line);
    if (answer) {
        CHECK(mta::parse_ingest_answer(mta::format_ingest_answer(answer.value())));
    }
    return 0;
}
