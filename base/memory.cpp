#include "base/memory.h"

#include <malloc.h>

namespace base {

void keep_large_blocks_apart() noexcept {
    constexpr int kLarge = 1 << 20;
    (void)mallopt(M_MMAP_THRESHOLD, kLarge);
    // As glibc does itself as long as it moves the other. With its first value, 128 KiB, a thread
    // that makes and frees much gives the end of its heap back and takes it again, thousands of
    // times.
    (void)mallopt(M_TRIM_THRESHOLD, 2 * kLarge);
}

void give_back_memory() noexcept {
    (void)malloc_trim(0);
}

}  // namespace base
