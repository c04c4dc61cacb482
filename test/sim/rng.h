#pragma once

// The random numbers of the simulator: SplitMix64 streams, so that a seed names a run on any
// machine and each cause of chance (arrivals, service, ...) has a stream of its own.
//
// Thread rule: values. The shifts are SplitMix64's and what makes 53 bits of 64.

#include <cmath>
#include <cstdint>
#include <numbers>

namespace sim {

/// One stream. README.md says which number is for what.
class Rng {
  public:
    Rng(std::uint64_t seed, std::uint64_t stream)
        : state_(seed * 0x9E3779B97F4A7C15 + stream * 0xD1B54A32D192ED03) {
        next();
        next();
    }

    std::uint64_t next() {
        state_ += 0x9E3779B97F4A7C15;
        std::uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// 0 <= u < 1, 53 bits.
    double u() { return static_cast<double>(next() >> 11) * 0x1p-53; }

    /// Exponential with mean m.
    double ex(double m) { return -m * std::log(1 - u()); }

    double normal() {
        const double u1 = u();
        const double u2 = u();
        return std::sqrt(-2 * std::log(1 - u1)) * std::cos(2 * std::numbers::pi * u2);
    }

    std::uint64_t below(std::uint64_t n) {
        return static_cast<std::uint64_t>(u() * static_cast<double>(n));
    }

  private:
    std::uint64_t state_;
};

/// The two words that stand for the keyed hash of a source: 53 random bits each, at the top.
struct SourceWords {
    std::uint64_t x = 0;
    std::uint64_t y = 0;
};

[[nodiscard]] inline SourceWords hash_source(std::uint64_t source, std::uint64_t seed) {
    Rng rng(source + 1000003, 77 + seed % 1000);
    SourceWords words;
    words.x = rng.next() >> 11 << 11;
    words.y = rng.next() >> 11 << 11;
    return words;
}

}  // namespace sim
