#include "dns/plugin/json_text.h"

namespace dns::plugin {

void append_json(std::string& out, std::string_view text) {
    constexpr std::string_view kHex = "0123456789abcdef";
    out.push_back('"');
    for (const char character : text) {
        const auto octet = static_cast<unsigned char>(character);
        if (octet == '"' || octet == '\\') {
            out.push_back('\\');
            out.push_back(character);
        } else if (octet < 0x20 || octet > 0x7e) {
            out += "\\u00";
            out.push_back(kHex[octet >> 4]);
            out.push_back(kHex[octet & 0xf]);
        } else {
            out.push_back(character);
        }
    }
    out.push_back('"');
}

void append_json(std::string& out, std::int64_t number) {
    out += std::to_string(number);
}

void append_json_key(std::string& out, std::string_view name) {
    append_json(out, name);
    out.push_back(':');
}

}  // namespace dns::plugin
