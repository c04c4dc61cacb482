#include "base/busy_meter.h"

#include <algorithm>

namespace base {

namespace {

constexpr unsigned kBusyBits = 24;
constexpr std::uint64_t kBusyMask = (std::uint64_t{1} << kBusyBits) - 1;
static_assert(BusyMeter::kSlotNs / 1000 <= kBusyMask, "a slot's microseconds must fit");

}  // namespace

void BusyMeter::end(std::uint64_t now_ns) noexcept {
    const std::uint64_t since = since_.load(std::memory_order_relaxed);
    if (since == 0) {
        return;
    }
    since_.store(0, std::memory_order_relaxed);
    // Older than the memory does not matter.
    const std::uint64_t memory = kSlotNs * (kSlots - 1);
    std::uint64_t at = now_ns > memory ? std::max(since, now_ns - memory) : since;
    while (at < now_ns) {
        const std::uint64_t number = at / kSlotNs;
        const std::uint64_t until = std::min(now_ns, (number + 1) * kSlotNs);
        std::atomic<std::uint64_t>& slot = slots_[number % kSlots];
        const std::uint64_t old = slot.load(std::memory_order_relaxed);
        const std::uint64_t busy = (old >> kBusyBits) == number ? old & kBusyMask : 0;
        slot.store((number << kBusyBits) | std::min(busy + (until - at + 500) / 1000, kBusyMask),
                   std::memory_order_relaxed);
        at = until;
    }
}

double BusyMeter::share(std::uint64_t now_ns) const noexcept {
    const std::uint64_t number = now_ns / kSlotNs;
    const std::uint64_t first = number >= kWindow ? number - kWindow : 0;
    std::uint64_t busy_ns = 0;
    for (const std::atomic<std::uint64_t>& slot : slots_) {
        const std::uint64_t value = slot.load(std::memory_order_relaxed);
        const std::uint64_t slot_number = value >> kBusyBits;
        if (slot_number >= first && slot_number <= number) {
            busy_ns += (value & kBusyMask) * 1000;
        }
    }
    const std::uint64_t window_start = first * kSlotNs;
    const std::uint64_t since = since_.load(std::memory_order_relaxed);
    if (since != 0 && since < now_ns) {
        busy_ns += now_ns - std::max(since, window_start);
    }
    const std::uint64_t span = now_ns - window_start;
    return span == 0 ? 0.0
                     : std::min(1.0, static_cast<double>(busy_ns) / static_cast<double>(span));
}

}  // namespace base
