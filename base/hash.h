#pragma once

// Checksums and digests: CRC32C for the framing of bytes on disk, SHA-256 for identity and repair,
// HMAC-SHA-256 where a key is involved. Never use CRC32C against an adversary.
//
// Thread rule: free functions from any thread; a Sha256 object belongs to one thread at a time.
// Errors: none. Hashing cannot fail; a broken crypto library ends the process.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace base {

using Digest256 = std::array<std::byte, 32>;

/// The bytes of a text, without a copy. Valid as long as the text.
[[nodiscard]] inline std::span<const std::byte> as_bytes(std::string_view text) noexcept {
    return std::as_bytes(std::span<const char>(text.data(), text.size()));
}

/// The same bytes as text, without a copy. Valid as long as the bytes.
[[nodiscard]] inline std::string_view as_text(std::span<const std::byte> bytes) noexcept {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// CRC32C (Castagnoli), RFC 3720 12.1 and B.4. `seed` is the value for the bytes before these, so
/// crc32c(b, crc32c(a)) == crc32c(a + b). SSE4.2 where the processor has it.
[[nodiscard]] std::uint32_t crc32c(std::span<const std::byte> bytes,
                                   std::uint32_t seed = 0) noexcept;

/// The same by table alone: what machines without SSE4.2 run. For tests.
[[nodiscard]] std::uint32_t crc32c_portable(std::span<const std::byte> bytes,
                                            std::uint32_t seed = 0) noexcept;

/// SHA-256 in one go.
[[nodiscard]] Digest256 sha256(std::span<const std::byte> bytes);

/// HMAC-SHA-256, RFC 2104. An empty key is allowed.
[[nodiscard]] Digest256 hmac_sha256(std::span<const std::byte> key,
                                    std::span<const std::byte> message);

/// SHA-256 of bytes that come in pieces: update() any number of times, then finish() once; after
/// finish() the object starts anew.
class Sha256 {
  public:
    Sha256();
    ~Sha256();
    Sha256(Sha256&& other) noexcept;
    Sha256& operator=(Sha256&& other) noexcept;
    Sha256(const Sha256&) = delete;
    Sha256& operator=(const Sha256&) = delete;

    void update(std::span<const std::byte> bytes);
    [[nodiscard]] Digest256 finish();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Lower-case hexadecimal.
[[nodiscard]] std::string to_hex(std::span<const std::byte> bytes);

/// True if both are equal; takes the same time wherever they differ. Different lengths: false.
[[nodiscard]] bool equal_constant_time(std::span<const std::byte> left,
                                       std::span<const std::byte> right) noexcept;

}  // namespace base
