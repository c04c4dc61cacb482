#pragma once

// PacketCursor: reads a packet from its start to its end, and never beyond it. A read that does not
// fit gives zeros and marks the cursor as failed, so that one check at the end of a record will do.
//
// Borrowed: the packet must outlive the cursor. No allocation. Thread rule: one thread at a time.

#include <cstddef>
#include <cstdint>
#include <span>

#include "dns/limits.h"
#include "dns/wire.h"

namespace dns {

class PacketCursor {
  public:
    explicit PacketCursor(std::span<const std::byte> packet, std::size_t at = 0) noexcept
        : packet_(packet), at_(at), failed_(at > packet.size()) {}

    [[nodiscard]] std::size_t at() const noexcept { return at_; }

    [[nodiscard]] std::size_t left() const noexcept { return failed_ ? 0 : packet_.size() - at_; }

    [[nodiscard]] bool failed() const noexcept { return failed_; }

    std::span<const std::byte> take(std::size_t count) noexcept {
        if (count > left()) {
            failed_ = true;
            return {};
        }
        at_ += count;
        return packet_.subspan(at_ - count, count);
    }

    std::uint16_t take_u16() noexcept {
        const auto octets = take(2);
        return octets.empty() ? std::uint16_t{0} : load_u16(octets.data());
    }

    std::uint32_t take_u32() noexcept {
        const std::uint32_t high = take_u16();
        return (high << 16) | take_u16();
    }

    /// 48 bits (RFC 8945 4.2).
    std::uint64_t take_u48() noexcept {
        const std::uint64_t high = take_u16();
        return (high << 32) | take_u32();
    }

    /// A name without compression.
    void take_name(WireName& name) noexcept {
        if (left() == 0 || !read_name(packet_.subspan(at_), name)) {
            failed_ = true;
            return;
        }
        at_ += name.size;
    }

    /// Any name: labels, and at most one pointer, which is not followed.
    void skip_name() noexcept {
        while (left() != 0) {
            const auto length = std::to_integer<std::size_t>(packet_[at_]);
            if (length >= 0xc0) {
                (void)take(2);  // cut: failed() tells
                return;
            }
            if (length > kLabelMax) {
                break;
            }
            (void)take(length + 1);  // cut: failed() tells
            if (length == 0) {
                return;
            }
        }
        failed_ = true;
    }

  private:
    std::span<const std::byte> packet_;
    std::size_t at_;
    bool failed_;
};

}  // namespace dns
