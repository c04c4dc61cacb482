#pragma once

// The encoding that stored values of this room share: numbers as unsigned LEB128 (seven bits per
// octet, low groups first, no superfluous octets), signed numbers as zigzag of that, strings as a
// length and the octets.
//
// ByteWriter appends to a string of its own. ByteReader reads from a view and keeps the first
// error: after it every read gives zero or an empty string, so that a decoder reads straight on and
// asks once. Thread rule: one object, one thread. Errors: Corrupt (cut short, malformed number),
// TooLarge (a length over the limit given with the read).

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mail {

/// See the top of this file.
class ByteWriter {
  public:
    void octet(std::uint8_t value) { out_.push_back(static_cast<char>(value)); }

    void number(std::uint64_t value);

    void signed_number(std::int64_t value);

    void string(std::string_view value);

    [[nodiscard]] std::string take() && { return std::move(out_); }

  private:
    std::string out_;
};

/// See the top of this file.
class ByteReader {
  public:
    explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

    [[nodiscard]] std::uint8_t octet();

    [[nodiscard]] std::uint64_t number();

    /// A number that counts or measures something: over `max` is TooLarge and gives 0.
    [[nodiscard]] std::size_t size(std::size_t max);

    [[nodiscard]] std::int64_t signed_number();

    [[nodiscard]] std::string_view string(std::size_t max);

    /// For what the decoder finds wrong itself. The first error stays.
    void fail(base::Errc code, std::string_view what);

    [[nodiscard]] bool ok() const noexcept { return ok_; }

    /// The first error; Corrupt if there is none but octets are left.
    [[nodiscard]] base::Status finish() const;

  private:
    std::string_view rest_;
    bool ok_ = true;
    base::Error error_;
};

}  // namespace mail
