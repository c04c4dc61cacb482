#include "base/parallel.h"

#include <algorithm>
#include <atomic>

#include "base/worker_pool.h"

namespace base {

void parallel_for(const std::string& name,
                  std::size_t threads,
                  std::size_t count,
                  const std::function<void(std::size_t)>& f) {
    std::atomic<std::size_t> next{0};
    const auto work = [&next, count, &f] {
        for (std::size_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) {
            f(i);
        }
    };
    const std::size_t helpers = std::min(threads, count);
    if (helpers < 2) {
        work();
        return;
    }
    // Its end waits for those that run. One that never came to run is not missed: nothing is left.
    WorkerPool pool(name, helpers - 1, helpers - 1);
    for (std::size_t i = 1; i < helpers; ++i) {
        (void)pool.submit(work);
    }
    work();
}

}  // namespace base
