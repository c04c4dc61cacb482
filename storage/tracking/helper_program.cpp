#include "storage/tracking/helper_program.h"

#include <filesystem>
#include <system_error>

#include <unistd.h>

namespace storage {

base::Result<std::string> find_helper_program(const std::string& configured) {
    std::string program = configured;
    if (program.empty()) {
        std::error_code failed;
        const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", failed);
        if (failed) {
            return base::errno_error("read /proc/self/exe", failed.value());
        }
        program = self.parent_path() / "roundtable-path-helper";
    }
    if (access(program.c_str(), X_OK) != 0) {
        return base::Error{base::Errc::NotFound, "no program " + program};
    }
    return program;
}

}  // namespace storage
