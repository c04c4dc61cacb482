#pragma once

// Builds query packets for the name server's tests, well-formed or broken on purpose.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dns/wire.h"

namespace dns_test {

/// A packet under construction, one call per piece. Bytes are appended as given.
class QueryBuilder {
  public:
    QueryBuilder() : bytes_(dns::kHeaderSize, std::byte{0}) { word(0, 0x1234); }

    QueryBuilder& flags(std::uint16_t value) { return word(2, value); }

    QueryBuilder& counts(std::uint16_t questions,
                         std::uint16_t answers,
                         std::uint16_t authorities,
                         std::uint16_t additionals) {
        return word(4, questions).word(6, answers).word(8, authorities).word(10, additionals);
    }

    /// Appends `name` (dots separate labels; "." is the root), type and class, and counts it.
    QueryBuilder& question(std::string_view name, std::uint16_t type, std::uint16_t rr_class = 1) {
        append_name(name);
        append_u16(type);
        append_u16(rr_class);
        return count(4);
    }

    QueryBuilder& question(std::string_view name, dns::RrType type) {
        return question(name, static_cast<std::uint16_t>(type));
    }

    /// Appends an OPT record and counts it.
    QueryBuilder& opt(std::uint16_t udp_size = 1232,
                      std::uint8_t version = 0,
                      std::string_view options = {},
                      std::uint16_t low_flags = 0) {
        raw(std::string_view("\0\0\x29", 3));
        append_u16(udp_size);
        append_u16(version);
        append_u16(low_flags);
        append_u16(static_cast<std::uint16_t>(options.size()));
        raw(options);
        return count(10);
    }

    /// Appends bytes as they are.
    QueryBuilder& raw(std::string_view bytes) {
        for (const char c : bytes) {
            bytes_.push_back(static_cast<std::byte>(c));
        }
        return *this;
    }

    QueryBuilder& count(std::size_t at) {
        return word(at, static_cast<std::uint16_t>(dns::load_u16(bytes_.data() + at) + 1));
    }

    [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }

  private:
    QueryBuilder& word(std::size_t at, std::uint16_t value) {
        dns::store_u16(bytes_.data() + at, value);
        return *this;
    }

    void append_u16(std::uint16_t value) {
        bytes_.push_back(static_cast<std::byte>(value >> 8));
        bytes_.push_back(static_cast<std::byte>(value & 0xff));
    }

    void append_name(std::string_view name) {
        while (!name.empty() && name != ".") {
            const std::size_t dot = name.find('.');
            const std::string_view label = name.substr(0, dot);
            bytes_.push_back(static_cast<std::byte>(label.size()));
            raw(label);
            name = dot == std::string_view::npos ? std::string_view() : name.substr(dot + 1);
        }
        bytes_.push_back(std::byte{0});
    }

    std::vector<std::byte> bytes_;
};

}  // namespace dns_test
