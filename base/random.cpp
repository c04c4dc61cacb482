#include "base/random.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <sys/random.h>

#include "base/check.h"

namespace base {

void random_fill(std::span<std::byte> out) noexcept {
    while (!out.empty()) {
        const ssize_t count = getrandom(out.data(), out.size(), 0);
        if (count < 0) {
            CHECK(errno == EINTR);
            continue;
        }
        out = out.subspan(static_cast<std::size_t>(count));
    }
}

std::uint64_t random_u64() noexcept {
    std::uint64_t value = 0;
    random_fill(std::as_writable_bytes(std::span(&value, 1)));
    return value;
}

std::uint64_t random_below(std::uint64_t bound) noexcept {
    if (bound == 0) {
        return 0;
    }
    // The top of the range that does not divide evenly is thrown away, else small values are
    // favoured.
    const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    std::uint64_t value = random_u64();
    while (value >= limit) {
        value = random_u64();
    }
    return value % bound;
}

}  // namespace base
