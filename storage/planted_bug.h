#pragma once

// Bugs for the chaos harness to find: a harness that cannot fail proves nothing. In the programs
// that run, is_planted() is a constant, and nothing of it is left. test/chaos builds the files that
// ask it once more, with ROUNDTABLE_PLANTED_BUGS, into programs of its own, which take the name of
// their bug from the environment (ROUNDTABLE_PLANTED_BUG).
//
// Only .cpp files that test/chaos/CMakeLists.txt compiles again include this.
// Thread rule: any thread.

#ifdef ROUNDTABLE_PLANTED_BUGS
#include <cstdlib>
#endif
#include <string_view>

namespace storage {

#ifdef ROUNDTABLE_PLANTED_BUGS
// Another name than in production: the linker must not merge the two.
inline namespace with_planted_bugs {

inline bool is_planted(std::string_view bug) {
    static const char* const kName =
        std::getenv("ROUNDTABLE_PLANTED_BUG");  // NOLINT(concurrency-mt-unsafe): never set by us
    return kName != nullptr && bug == kName;
}

}  // namespace with_planted_bugs
#else
constexpr bool is_planted(std::string_view /*bug*/) {
    return false;
}
#endif

}  // namespace storage
