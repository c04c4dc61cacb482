#pragma once

// The same work for many things on several threads: for workers that are to be done sooner.
//
// Thread rule: from any thread that may block; returns when all is done. `f` is called once for
// each index below `count`, by the caller's thread and `threads` - 1 others, in no order; it must
// not throw. With one thread, or one thing, it is a loop.

#include <cstddef>
#include <functional>
#include <string>

namespace base {

void parallel_for(const std::string& name,
                  std::size_t threads,
                  std::size_t count,
                  const std::function<void(std::size_t)>& f);

}  // namespace base
