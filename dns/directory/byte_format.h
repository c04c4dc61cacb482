#pragma once

// Writing and reading the fields of the snapshot files: little-endian numbers, texts with a length.
//
// Thread rule: one thread each. The reader never reads past its bytes: after the first field that
// is not there every further one reads as zero or empty, and ok() is false.

#include <bit>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dns {

class ByteWriter {
  public:
    void u8(std::uint8_t value) { out_.push_back(static_cast<char>(value)); }

    void u16(std::uint16_t value) { number(value, 2); }

    void u32(std::uint32_t value) { number(value, 4); }

    void u64(std::uint64_t value) { number(value, 8); }

    void i64(std::int64_t value) { u64(static_cast<std::uint64_t>(value)); }

    void real(double value) { u64(std::bit_cast<std::uint64_t>(value)); }

    void text(std::string_view value) {
        u32(static_cast<std::uint32_t>(value.size()));
        out_ += value;
    }

    void raw(std::string_view value) { out_ += value; }

    [[nodiscard]] std::string take() { return std::move(out_); }

  private:
    void number(std::uint64_t value, int octets) {
        for (int i = 0; i < octets; ++i) {
            out_.push_back(static_cast<char>(value >> (8 * i)));
        }
    }

    std::string out_;
};

/// Reads fields from bytes that it borrows. Never past them: see the top of this file.
class ByteReader {
  public:
    explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

    std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }

    std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }

    std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }

    std::uint64_t u64() { return number(8); }

    std::int64_t i64() { return static_cast<std::int64_t>(u64()); }

    double real() { return std::bit_cast<double>(u64()); }

    std::string text() { return std::string(raw(u32())); }

    std::string_view raw(std::size_t size) {
        if (size > rest_.size()) {
            fail();
            return {"", 0};  // not null: it goes into memcpy()
        }
        const std::string_view value = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return value;
    }

    /// Length of a list whose items have at least `item_size` octets each: a forged one cannot make
    /// the reader allocate more than the file has.
    std::uint32_t count(std::size_t item_size) {
        const std::uint32_t value = u32();
        if (value > rest_.size() / item_size) {
            fail();
            return 0;
        }
        return value;
    }

    [[nodiscard]] bool ok() const noexcept { return ok_; }

    /// Everything was there and nothing is left.
    [[nodiscard]] bool at_end() const noexcept { return ok_ && rest_.empty(); }

    void fail() noexcept {
        ok_ = false;
        rest_ = {};
    }

  private:
    std::uint64_t number(int octets) {
        const std::string_view bytes = raw(static_cast<std::size_t>(octets));
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            value |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
        }
        return value;
    }

    std::string_view rest_;
    bool ok_ = true;
};

}  // namespace dns
