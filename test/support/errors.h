#pragma once

// Every error code there is, for tests of what becomes of each. A code that is added to Errc is
// added here: "no error is ever 250" is only as good as this list.

#include <array>

#include "base/result.h"

namespace test_support {

inline constexpr std::array kAllErrors = {base::Errc::Invalid,
                                          base::Errc::NotFound,
                                          base::Errc::Exists,
                                          base::Errc::Refused,
                                          base::Errc::TooLarge,
                                          base::Errc::Corrupt,
                                          base::Errc::Unsupported,
                                          base::Errc::Timeout,
                                          base::Errc::Unavailable,
                                          base::Errc::UnknownOutcome,
                                          base::Errc::Busy,
                                          base::Errc::Io,
                                          base::Errc::Closed,
                                          base::Errc::Cancelled};

}  // namespace test_support
