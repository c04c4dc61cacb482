#pragma once

// CHECK(condition): ends the process, in production too, if a programmer's promise does not hold.
// Never for bad input, a bad disk or a bad peer: those are an Error. The supervisor restarts us.

namespace base {

/// Prints "file:line: CHECK failed: text" to stderr and aborts.
[[noreturn]] void check_failed(const char* file, int line, const char* text) noexcept;

}  // namespace base

#define CHECK(condition)                                          \
    do {                                                          \
        if (!(condition)) [[unlikely]] {                          \
            ::base::check_failed(__FILE__, __LINE__, #condition); \
        }                                                         \
    } while (false)
