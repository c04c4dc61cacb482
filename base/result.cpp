#include "base/result.h"

#include <cerrno>
#include <system_error>

namespace base {

std::string_view errc_name(Errc code) noexcept {
    switch (code) {
        case Errc::Invalid:
            return "invalid";
        case Errc::NotFound:
            return "not-found";
        case Errc::Exists:
            return "exists";
        case Errc::Refused:
            return "refused";
        case Errc::TooLarge:
            return "too-large";
        case Errc::Corrupt:
            return "corrupt";
        case Errc::Unsupported:
            return "unsupported";
        case Errc::Timeout:
            return "timeout";
        case Errc::Unavailable:
            return "unavailable";
        case Errc::UnknownOutcome:
            return "unknown-outcome";
        case Errc::Busy:
            return "busy";
        case Errc::Io:
            return "io";
        case Errc::Closed:
            return "closed";
        case Errc::Cancelled:
            return "cancelled";
    }
    return "unknown";
}

Error errno_error(std::string_view what, int error_number) {
    Errc code = Errc::Io;
    switch (error_number) {
        case ENOENT:
        case ENOTDIR:
            code = Errc::NotFound;
            break;
        case EEXIST:
            code = Errc::Exists;
            break;
        case EACCES:
        case EPERM:
        case EROFS:
            code = Errc::Refused;
            break;
        default:
            break;
    }
    return Error{code, std::string(what) + ": " + std::generic_category().message(error_number)};
}

}  // namespace base
