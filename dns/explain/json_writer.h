#pragma once

// JsonWriter: JSON (RFC 8259) of our own values, written as it goes. Nothing is read here.
//
// Thread rule: one thread. The caller nests rightly: what is begun is ended, a member has a name.
// Texts are UTF-8 or ASCII; control characters are escaped. Numbers that are none become null.

#include <array>
#include <charconv>
#include <cmath>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>

namespace dns::explain {

class JsonWriter {
  public:
    void begin_object(std::string_view name = {}) { open(name, '{'); }

    void end_object() { close('}'); }

    void begin_array(std::string_view name = {}) { open(name, '['); }

    void end_array() { close(']'); }

    void text(std::string_view name, std::string_view value) {
        lead(name);
        quote(value);
    }

    void flag(std::string_view name, bool value) {
        lead(name);
        out_ += value ? "true" : "false";
    }

    template <std::integral T>
    void number(std::string_view name, T value) {
        lead(name);
        out_ += std::to_string(value);
    }

    /// With at most 6 digits: what is shown is measured or a share.
    void number(std::string_view name, double value) {
        lead(name);
        if (!std::isfinite(value)) {
            out_ += "null";
            return;
        }
        std::array<char, 32> digits{};
        const auto end =
            std::to_chars(
                digits.data(), digits.data() + digits.size(), value, std::chars_format::general, 6)
                .ptr;
        out_.append(digits.data(), end);
    }

    template <typename T>
    void number(std::string_view name, const std::optional<T>& value) {
        if (value) {
            number(name, *value);
        } else {
            lead(name);
            out_ += "null";
        }
    }

    [[nodiscard]] std::string take() { return std::move(out_); }

  private:
    void open(std::string_view name, char bracket) {
        lead(name);
        out_ += bracket;
        first_ = true;
    }

    void close(char bracket) {
        out_ += bracket;
        first_ = false;
    }

    void lead(std::string_view name) {
        if (!first_) {
            out_ += ',';
        }
        first_ = false;
        if (!name.empty()) {
            quote(name);
            out_ += ':';
        }
    }

    void quote(std::string_view value) {
        static constexpr std::string_view kHex = "0123456789abcdef";
        out_ += '"';
        for (const char c : value) {
            const auto octet = static_cast<unsigned char>(c);
            if (c == '"' || c == '\\') {
                out_ += '\\';
                out_ += c;
            } else if (octet < ' ' || octet == 0x7f) {
                out_ += "\\u00";
                out_ += kHex[octet >> 4];
                out_ += kHex[octet & 15];
            } else {
                out_ += c;
            }
        }
        out_ += '"';
    }

    std::string out_;
    bool first_ = true;
};

}  // namespace dns::explain
