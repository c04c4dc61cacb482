#include "dns/dnssec/denial_cache.h"

#include <bit>
#include <cstring>
#include <utility>

#include "base/random.h"

namespace dns::dnssec {
namespace {

/// Signed anew when no more is left: what is served holds longer than any negative TTL.
constexpr std::int64_t kLeftMin_s = 86400;

static_assert(std::has_single_bit(kDenialsKept));

// The words of a slot behind the hash: times, count, then each signature with its key.
using Words = std::array<std::uint64_t,
                         2 + kDenialKeysMax*(1 + kDenialSignatureSize / sizeof(std::uint64_t))>;

Words pack(const DenialSignatures& made) noexcept {
    Words words{};
    words[0] = (std::uint64_t{made.inception_s} << 32U) | made.expiration_s;
    words[1] = made.count;
    std::size_t at = 2;
    for (const DenialSignatures::One& one : made.all) {
        words[at++] = (std::uint64_t{one.tag} << 8U) | one.algorithm;
        std::memcpy(&words[at], one.octets.data(), one.octets.size());
        at += one.octets.size() / sizeof(std::uint64_t);
    }
    return words;
}

void unpack(const Words& words, DenialSignatures& found) noexcept {
    found.inception_s = static_cast<std::uint32_t>(words[0] >> 32U);
    found.expiration_s = static_cast<std::uint32_t>(words[0]);
    found.count = static_cast<std::size_t>(words[1]);
    std::size_t at = 2;
    for (DenialSignatures::One& one : found.all) {
        one.tag = static_cast<std::uint16_t>(words[at] >> 8U);
        one.algorithm = static_cast<std::uint8_t>(words[at++]);
        std::memcpy(one.octets.data(), &words[at], one.octets.size());
        at += one.octets.size() / sizeof(std::uint64_t);
    }
}

std::int64_t expiration_of(std::uint64_t times) noexcept {
    return static_cast<std::int64_t>(times & 0xffffffffU);
}

}  // namespace

base::Result<std::unique_ptr<DenialCache>> DenialCache::create() {
    return std::unique_ptr<DenialCache>(new DenialCache(TRY(Asks::create())));
}

DenialCache::DenialCache(std::unique_ptr<Asks> asks)
    : key_{base::random_u64(), base::random_u64()}, slots_(kDenialsKept), asks_(std::move(asks)) {
}

SipWords DenialCache::key_of(std::uint64_t signer, std::span<const std::byte> name) const noexcept {
    return siphash_2_4_128({key_.k0 ^ signer, key_.k1}, name);
}

std::size_t DenialCache::set_of(const SipWords& key) const noexcept {
    return (key.x & (kDenialsKept / kWays - 1)) * kWays;
}

bool DenialCache::find(std::uint64_t signer,
                       std::span<const std::byte> name,
                       std::int64_t now_s,
                       DenialSignatures& found) const noexcept {
    const SipWords key = key_of(signer, name);
    const std::size_t first = set_of(key);
    for (std::size_t way = 0; way < kWays; ++way) {
        const Slot& slot = slots_[first + way];
        const std::uint32_t before = slot.version.load(std::memory_order_acquire);
        if ((before & 1U) != 0 || slot.words[0].load(std::memory_order_relaxed) != key.x ||
            slot.words[1].load(std::memory_order_relaxed) != key.y) {
            continue;
        }
        Words words;  // NOLINT: written before it is read
        for (std::size_t i = 0; i < words.size(); ++i) {
            words[i] = slot.words[2 + i].load(std::memory_order_relaxed);
        }
        std::atomic_thread_fence(std::memory_order_acquire);
        if (slot.version.load(std::memory_order_relaxed) != before) {
            return false;
        }
        unpack(words, found);
        return found.count != 0 && now_s + kLeftMin_s < expiration_of(words[0]);
    }
    return false;
}

void DenialCache::put(std::uint64_t signer,
                      std::span<const std::byte> name,
                      std::int64_t now_s,
                      const DenialSignatures& made) noexcept {
    const SipWords key = key_of(signer, name);
    const std::size_t first = set_of(key);
    Slot* place = &slots_[first + replaced_++ % kWays];
    for (std::size_t way = 0; way < kWays; ++way) {
        Slot& slot = slots_[first + way];
        if (slot.words[0].load(std::memory_order_relaxed) == key.x &&
            slot.words[1].load(std::memory_order_relaxed) == key.y) {
            place = &slot;
            break;
        }
        if (expiration_of(slot.words[2].load(std::memory_order_relaxed)) <= now_s) {
            place = &slot;
        }
    }
    const std::uint32_t version = place->version.load(std::memory_order_relaxed);
    place->version.store(version + 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    place->words[0].store(key.x, std::memory_order_relaxed);
    place->words[1].store(key.y, std::memory_order_relaxed);
    const Words words = pack(made);
    for (std::size_t i = 0; i < words.size(); ++i) {
        place->words[2 + i].store(words[i], std::memory_order_relaxed);
    }
    place->version.store(version + 2, std::memory_order_release);
}

bool DenialCache::ask(const DenialAsk& ask) noexcept {
    return asks_->push_by([&ask](DenialAsk& slot) {
        slot.zone = ask.zone;
        slot.index = ask.index;
        slot.signer = ask.signer;
        slot.size = ask.size;
        std::memcpy(slot.name.data(), ask.name.data(), ask.size);
    });
}

bool DenialCache::pop(DenialAsk& ask) noexcept {
    const auto next = asks_->pop();
    if (next) {
        ask = *next;
    }
    return next.has_value();
}

void DenialCache::wait() noexcept {
    asks_->wait();
}

void DenialCache::wake() noexcept {
    asks_->wake();
}

}  // namespace dns::dnssec
