#include "ops/system_user.h"

#include <array>
#include <cerrno>

#include <pwd.h>
#include <unistd.h>

namespace ops {

base::Result<SystemUser> SystemUser::for_daemons(const std::string& name) {
    if (::geteuid() != 0) {
        return SystemUser{};
    }
    std::array<char, 4096> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (found == nullptr || found->pw_uid == 0) {
        return base::Error{base::Errc::NotFound,
                           "the daemons do not run as root, and there is no user '" + name +
                               "' for them: make it (useradd --system " + name +
                               ") or name another with --user"};
    }
    return SystemUser{name, found->pw_uid, found->pw_gid};
}

base::Status SystemUser::own(const std::string& path) const {
    if (!name.empty() && ::lchown(path.c_str(), uid, gid) != 0) {
        return base::errno_error("give " + path + " to " + name, errno);
    }
    return base::Done{};
}

}  // namespace ops
