#include "base/memory.h"

#include <malloc.h>

namespace base {

void keep_large_blocks_apart() noexcept {
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 20);
}

void give_back_memory() noexcept {
    (void)malloc_trim(0);
}

}  // namespace base
