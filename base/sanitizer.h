#pragma once

// What the address and thread sanitizers must be told when stacks are switched. Without them each
// function is empty. For fiber.cpp only.

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

// Always inlined: a function that returns after the switch would confuse the shadow call stacks.
#define BASE_SWITCH_INLINE [[gnu::always_inline]] inline

namespace base::detail {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

#if defined(__SANITIZE_ADDRESS__)
// Bounds of the stack that the loop runs on: learnt when a fiber is entered.
inline thread_local const void* main_stack_bottom = nullptr;
inline thread_local std::size_t main_stack_bytes = 0;
inline thread_local bool to_fiber = false;
#endif

// Before a jump. `fake_stack` null: the stack that is left will not be used again. `bottom` null:
// to the loop's stack.
BASE_SWITCH_INLINE void switch_stack_begin([[maybe_unused]] void** fake_stack,
                                           [[maybe_unused]] const void* bottom,
                                           [[maybe_unused]] std::size_t bytes) noexcept {
#if defined(__SANITIZE_ADDRESS__)
    to_fiber = bottom != nullptr;
    __sanitizer_start_switch_fiber(
        fake_stack, to_fiber ? bottom : main_stack_bottom, to_fiber ? bytes : main_stack_bytes);
#endif
}

// After a jump, on the new stack.
BASE_SWITCH_INLINE void switch_stack_end([[maybe_unused]] void* fake_stack) noexcept {
#if defined(__SANITIZE_ADDRESS__)
    const void* bottom = nullptr;
    std::size_t bytes = 0;
    __sanitizer_finish_switch_fiber(fake_stack, &bottom, &bytes);
    if (to_fiber) {
        main_stack_bottom = bottom;
        main_stack_bytes = bytes;
    }
#endif
}

// A stack that is used again must not remember the red zones of its last user.
inline void unpoison([[maybe_unused]] void* bottom, [[maybe_unused]] std::size_t bytes) noexcept {
#if defined(__SANITIZE_ADDRESS__)
    __asan_unpoison_memory_region(bottom, bytes);
#endif
}

#if defined(__SANITIZE_THREAD__)
inline thread_local void* main_tsan_fiber = nullptr;
#endif

[[nodiscard]] inline void* create_tsan_fiber() noexcept {
#if defined(__SANITIZE_THREAD__)
    return __tsan_create_fiber(0);
#else
    return nullptr;
#endif
}

inline void destroy_tsan_fiber([[maybe_unused]] void* fiber) noexcept {
#if defined(__SANITIZE_THREAD__)
    __tsan_destroy_fiber(fiber);
#endif
}

BASE_SWITCH_INLINE void switch_to_tsan_fiber([[maybe_unused]] void* fiber) noexcept {
#if defined(__SANITIZE_THREAD__)
    main_tsan_fiber = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(fiber, 0);
#endif
}

BASE_SWITCH_INLINE void switch_to_main_fiber_tsan() noexcept {
#if defined(__SANITIZE_THREAD__)
    __tsan_switch_to_fiber(main_tsan_fiber, 0);
#endif
}

}  // namespace base::detail
