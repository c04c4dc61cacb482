#pragma once

// What is told to the C library's allocator: for daemons that hold much and change it at one go. A
// door to malloc.h (glibc).
//
// Thread rule: any thread.

namespace base {

/// From now on blocks of 1 MiB and more are the system's own as soon as they are freed. Otherwise
/// glibc raises that bound to the largest that was freed, and tables that are made anew leave holes
/// behind. The end of a heap is given back from 2 MiB on. Call it before other threads are there.
void keep_large_blocks_apart() noexcept;

/// Gives free pages between the blocks that are in use back to the system. Takes as long as walking
/// the heap: for workers, and after much was freed.
void give_back_memory() noexcept;

}  // namespace base
