#pragma once

// Handle<T, free_fn>: unique ownership of a C library's object, the size of a raw pointer.

#include <memory>

namespace base {

template <auto Free>
struct Freer {
    template <typename T>
    void operator()(T* handle) const noexcept {
        Free(handle);
    }
};

template <typename T, auto Free>
using Handle = std::unique_ptr<T, Freer<Free>>;

}  // namespace base
