#pragma once

// DenialCache: signatures over the denials of names that do not exist, in zones with compact denial
// (RFC 9824), and who asks for those that are not there. Such a denial is an NSEC record at the
// very name that was asked for; all of it but the signature follows from the name, so that only
// signatures are kept.
//
// No signature is made where one is asked for: a query that finds none leaves the name here
// (ask()), one thread signs (control/denial_signer.h), and the query is answered when that is done.
//
// Of fixed size: kDenialsKept signatures, in sets of four; a new one takes the place of one that
// has ended, else of any in its set. A flood of random names so throws out what others need again
// at the price of one signature each, and takes no memory. A name is known by 128 bits of a keyed
// hash with a key of this process: nobody can look for two that are alike.
//
// Thread rule: find() and ask() from any thread, without lock, allocation or wait (ask() makes a
// system call when the signer sleeps); put(), pop() and wait() from one thread. A slot is read
// while it is written: its version tells, and who sees that finds nothing.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "dns/dnssec/bounded_queue.h"
#include "dns/limits.h"
#include "dns/siphash.h"

namespace dns::dnssec {

inline constexpr std::size_t kDenialSignatureSize = 64;  ///< of both algorithms
inline constexpr std::size_t kDenialKeysMax = 2;         ///< that sign a zone at a time
inline constexpr std::size_t kDenialsKept = 8192;        ///< a power of two; 192 octets each
inline constexpr std::size_t kDenialAsksMax = 256;       ///< names that wait to be signed

/// The signatures over the denial of a name, without what follows from name and zone.
struct DenialSignatures {
    struct One {
        std::uint16_t tag = 0;
        std::uint8_t algorithm = 0;
        std::array<std::byte, kDenialSignatureSize> octets{};

        bool operator==(const One&) const = default;
    };

    std::uint32_t inception_s = 0;  ///< since 1970, as in RRSIG
    std::uint32_t expiration_s = 0;
    std::size_t count = 0;
    std::array<One, kDenialKeysMax> all{};

    bool operator==(const DenialSignatures&) const = default;
};

/// A name whose denial is to be signed.
struct DenialAsk {
    const void* zone = nullptr;  ///< the ZoneVariants that was asked: names it, is not followed
    std::uint32_t index = 0;     ///< of the zone in the snapshot then
    std::uint64_t signer = 0;    ///< ZoneSignatures::signer()
    std::uint8_t size = 0;
    std::array<std::byte, kNameMax> name;  // NOLINT: the first `size` octets are written
};

/// See the top of this file.
class DenialCache {
  public:
    /// Io if the system gives no descriptor.
    static base::Result<std::unique_ptr<DenialCache>> create();

    DenialCache(const DenialCache&) = delete;
    DenialCache& operator=(const DenialCache&) = delete;
    ~DenialCache() = default;

    /// `signer`: the zone and its keys; `name`: lower case, in wire form. False: there is none that
    /// holds at `now_s` and a day on.
    [[nodiscard]] bool find(std::uint64_t signer,
                            std::span<const std::byte> name,
                            std::int64_t now_s,
                            DenialSignatures& found) const noexcept;

    /// False: too many wait already.
    bool ask(const DenialAsk& ask) noexcept;

    void put(std::uint64_t signer,
             std::span<const std::byte> name,
             std::int64_t now_s,
             const DenialSignatures& made) noexcept;

    [[nodiscard]] bool pop(DenialAsk& ask) noexcept;

    /// Until somebody asks, or wake() was called, or half a second is over.
    void wait() noexcept;

    void wake() noexcept;

  private:
    using Asks = BoundedQueue<DenialAsk, kDenialAsksMax>;

    explicit DenialCache(std::unique_ptr<Asks> asks);

    static constexpr std::size_t kWays = 4;
    static constexpr std::size_t kWords =
        4 + kDenialKeysMax * (1 + kDenialSignatureSize / sizeof(std::uint64_t));

    // Odd version: it is being written. Words: the name's hash, times, count, signatures.
    struct Slot {
        std::atomic<std::uint32_t> version{0};
        std::array<std::atomic<std::uint64_t>, kWords> words{};
    };

    [[nodiscard]] SipWords key_of(std::uint64_t signer,
                                  std::span<const std::byte> name) const noexcept;
    [[nodiscard]] std::size_t set_of(const SipWords& key) const noexcept;

    SipKey key_;
    std::vector<Slot> slots_;
    std::uint32_t replaced_ = 0;
    std::unique_ptr<Asks> asks_;
};

}  // namespace dns::dnssec
