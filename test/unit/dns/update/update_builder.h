#pragma once

// UPDATE messages for tests, record by record, and their parts.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/hash.h"
#include "dns/name.h"
#include "dns/update/update_message.h"
#include "dns/wire.h"

namespace dns_test {

inline std::string wire_name(std::string_view text) {
    return std::string(base::as_text(dns::Name::from_text(text).take_value().wire()));
}

inline std::string u16(unsigned value) {
    return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}

/// One message; sections in the order of the calls.
class UpdateBuilder {
  public:
    explicit UpdateBuilder(std::string_view zone, unsigned type = 6, unsigned rr_class = 1) {
        octets_ = u16(7) + u16(dns::kOpcodeUpdate) + u16(1) + u16(0) + u16(0) + u16(0) +
                  wire_name(zone) + u16(type) + u16(rr_class);
    }

    UpdateBuilder& prerequisite(std::string_view owner,
                                unsigned type,
                                unsigned rr_class,
                                std::string_view data = {},
                                unsigned ttl = 0) {
        return append(6, owner, type, rr_class, ttl, data);
    }

    UpdateBuilder& update(std::string_view owner,
                          unsigned type,
                          unsigned rr_class,
                          unsigned ttl,
                          std::string_view data = {}) {
        return append(8, owner, type, rr_class, ttl, data);
    }

    UpdateBuilder& additional(std::string_view raw) {
        octets_ += raw;
        return count(10);
    }

    UpdateBuilder& raw(std::string_view octets) {
        octets_ += octets;
        return *this;
    }

    UpdateBuilder& count(std::size_t at) {
        octets_[at + 1] = static_cast<char>(octets_[at + 1] + 1);
        return *this;
    }

    [[nodiscard]] std::span<const std::byte> bytes() const { return base::as_bytes(octets_); }

    [[nodiscard]] dns::update::UpdateReading read() const {
        return dns::update::read_update(bytes());
    }

  private:
    UpdateBuilder& append(std::size_t section,
                          std::string_view owner,
                          unsigned type,
                          unsigned rr_class,
                          unsigned ttl,
                          std::string_view data) {
        octets_ += wire_name(owner) + u16(type) + u16(rr_class) + u16(ttl >> 16) +
                   u16(ttl & 0xffff) + u16(static_cast<unsigned>(data.size()));
        octets_ += data;
        return count(section);
    }

    std::string octets_;
};

}  // namespace dns_test
