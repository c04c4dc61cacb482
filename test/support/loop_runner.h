#pragma once

// Runs a test's body as a fiber of a fresh Loop on this thread, and ends when the body does. A body
// that hangs fails the test after 60 s (its waits answer Cancelled).

#include <functional>

#include "base/loop.h"

namespace test_support {

void run_in_fiber(const std::function<void(base::Loop&)>& body);

}  // namespace test_support
