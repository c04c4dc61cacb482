// Whatever comes over the line becomes a message that holds it: the reader decodes or says why not,
// and header and parts are what they should be, with hostile texts in the call as well.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "mail/header.h"
#include "mta/fax/fax_message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view file(reinterpret_cast<const char*>(data), size);
    mta::FaxCall call;
    call.caller_name = std::string(file.substr(0, 60));
    call.communication = std::string(file.substr(size / 2, 40));
    mta::FaxMessageOptions options;
    options.key = mta::fax_key(call.communication, file);
    options.to = "alice@example.test";
    options.domain = "fax.example.test";
    const auto message = mta::compose_fax(call, file, options);
    if (!message) {
        CHECK(message.error().code == base::Errc::Io);
        return 0;
    }
    const mail::Header header = mail::scan_header(message.value().octets);
    CHECK(header.has_empty_line && header.find("Message-ID") != nullptr);
    for (const mail::HeaderField& field : header.fields) {
        CHECK(!field.name.empty());
    }
    CHECK(message.value().octets.find("\r\nContent-Type: image/tiff") != std::string::npos ||
          message.value().octets.find("\r\nContent-Type: application/octet-stream") !=
              std::string::npos);
    CHECK(message.value().damaged_pages <= message.value().pages || message.value().pages == 0);
    return 0;
}
