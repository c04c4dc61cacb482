#include "ops/store_root.h"

#include <filesystem>

#include "base/file.h"
#include "storage/segment/name.h"

namespace ops {

namespace {

constexpr unsigned kParentMode = 0755;
constexpr unsigned kRootMode = 0750;
constexpr unsigned kIdentityMode = 0640;
constexpr std::size_t kIdentityMax = 128;

base::Status mark_store_root(const std::string& directory, const base::Uuid& store) {
    if (directory.empty() || directory.front() != '/') {
        return base::Error{base::Errc::Invalid,
                           "a storage path is absolute; '" + directory + "' is not"};
    }
    // The daemons' user must be able to come through what lies above the root.
    (void)TRY(base::ensure_dir(std::filesystem::path(directory).parent_path(), kParentMode));
    (void)TRY(base::ensure_dir(directory, kRootMode));
    const std::string file = directory + "/" + std::string(storage::kIdentityFile);
    auto identity = base::read_file(file, kIdentityMax);
    if (identity) {
        std::string line = identity.value();
        line.erase(std::min(line.find('\n'), line.size()));
        if (line == store.to_text()) {
            return base::Done{};
        }
        return base::Error{base::Errc::Refused,
                           directory + " belongs to another storage server (" + line +
                               "); name an empty directory"};
    }
    if (identity.error().code != base::Errc::NotFound) {
        return identity.error();
    }
    // lost+found is what a fresh file system has.
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
        if (entry.path().filename() != "lost+found") {
            return base::Error{base::Errc::Refused,
                               directory + " is not empty and no storage root (it has no " +
                                   std::string(storage::kIdentityFile) +
                                   "); name an empty directory, or mount what belongs there"};
        }
    }
    if (error) {
        return base::errno_error("look into " + directory, error.value());
    }
    return base::write_file_atomic(file, store.to_text() + "\n", kIdentityMode);
}

}  // namespace

base::Status mark_store_roots(const std::vector<std::string>& directories,
                              const base::Uuid& store) {
    for (const std::string& directory : directories) {
        (void)TRY(mark_store_root(directory, store));
    }
    return base::Done{};
}

}  // namespace ops
