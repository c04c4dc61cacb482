#pragma once

// The system user that the daemons run as, and giving files to it. Thread rule: any thread.
// Errors: Errc::NotFound no such user, with how to make it; Errc::Io.

#include <string>

#include <sys/types.h>

#include "base/result.h"

namespace ops {

struct SystemUser {
    std::string name;  ///< empty: ourselves; nothing is given away
    uid_t uid = 0;
    gid_t gid = 0;

    /// `name` looked up when we are root, else ourselves.
    [[nodiscard]] static base::Result<SystemUser> for_daemons(const std::string& name);

    /// Gives one file or directory to the user.
    base::Status own(const std::string& path) const;
};

}  // namespace ops
