#pragma once

// AskQueue: which signatures are wanted, from the threads that answer to the one that signs.
// Bounded; who finds it full goes on without: the next query asks again.
//
// Thread rule: push() from any thread: no lock, no allocation, a system call only when the signer
// sleeps. pop() and wait() from one thread. Made before and destroyed after all of them.

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/fd.h"
#include "base/result.h"

namespace dns::dnssec {

/// A signature that is wanted.
struct Ask {
    const void* zone = nullptr;  ///< the ZoneVariants that was asked: names it, is not followed
    std::uint32_t index = 0;     ///< of the zone in the snapshot then
    std::uint32_t place = 0;
    std::uint64_t content = 0;
};

inline constexpr std::size_t kAsksMax = 4096;

/// See the top of this file.
class AskQueue {
  public:
    /// Io if the system gives no descriptor.
    static base::Result<std::unique_ptr<AskQueue>> create();

    AskQueue(const AskQueue&) = delete;
    AskQueue& operator=(const AskQueue&) = delete;
    ~AskQueue() = default;

    /// False: full.
    bool push(const Ask& ask) noexcept;

    [[nodiscard]] std::optional<Ask> pop() noexcept;

    /// Until there is something, or wake() was called, or half a second is over.
    void wait() noexcept;

    void wake() noexcept;

  private:
    explicit AskQueue(base::Fd event);

    // A cell is free for the push number `turn`, or filled for the pop number `turn` - 1.
    struct Cell {
        std::atomic<std::uint64_t> turn{0};
        Ask ask;
    };

    base::Fd event_;
    std::atomic<bool> sleeping_{false};
    alignas(64) std::atomic<std::uint64_t> pushed_{0};
    alignas(64) std::uint64_t popped_ = 0;
    std::array<Cell, kAsksMax> cells_;
};

}  // namespace dns::dnssec
