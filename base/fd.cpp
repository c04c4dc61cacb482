#include "base/fd.h"

#include <unistd.h>

namespace base {

void Fd::reset() noexcept {
    if (number_ >= 0) {
        // Never retried: on Linux the number is free even after EINTR.
        (void)::close(std::exchange(number_, -1));
    }
}

}  // namespace base
