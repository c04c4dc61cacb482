#include "storage/upkeep/byte_rate.h"

#include <algorithm>
#include <chrono>

#include "base/fiber.h"

namespace storage {

ByteRate::ByteRate(std::uint64_t per_second) noexcept
    : per_second_(std::max<std::uint64_t>(per_second, 1)), paid_at_(base::monotonic_now()) {
}

void ByteRate::set_per_second(std::uint64_t per_second) noexcept {
    per_second_ = std::max<std::uint64_t>(per_second, 1);
}

void ByteRate::use(std::uint64_t bytes) noexcept {
    const std::chrono::duration<double> cost(static_cast<double>(bytes) /
                                             static_cast<double>(per_second_));
    paid_at_ = std::max(paid_at_, base::monotonic_now()) +
               std::chrono::duration_cast<base::Duration>(cost);
}

base::Duration ByteRate::due() const noexcept {
    return base::Deadline(paid_at_).remaining();
}

base::Status ByteRate::wait() const {
    // Others may have booked in the meantime.
    while (due() > base::Duration::zero()) {
        TRY(base::sleep_until(base::Deadline(paid_at_)));
    }
    return base::Done{};
}

}  // namespace storage
