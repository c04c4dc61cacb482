#include "storage/catalog/json.h"

#include <fmt/format.h>

namespace storage {

void JsonText::separate() {
    if (needs_comma_) {
        text_ += ',';
    }
    needs_comma_ = true;
}

void JsonText::open(char bracket) {
    separate();
    text_ += bracket;
    needs_comma_ = false;
}

void JsonText::close(char bracket) {
    text_ += bracket;
    needs_comma_ = true;
}

void JsonText::key(std::string_view name) {
    value(name);
    text_ += ':';
    needs_comma_ = false;
}

void JsonText::value(std::string_view text) {
    separate();
    text_ += '"';
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            text_ += '\\';
            text_ += c;
        } else if (byte == 0) {
            text_ += ' ';  // jsonb cannot hold it
        } else if (byte < 0x20) {
            text_ += fmt::format("\\u{:04x}", byte);
        } else {
            text_ += c;
        }
    }
    text_ += '"';
}

void JsonText::value(std::uint64_t number) {
    separate();
    text_ += fmt::format("{}", number);
}

}  // namespace storage
