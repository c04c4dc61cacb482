#pragma once

// A directory for one test, removed with all that is in it. A storage root if it gets an identity.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "storage/segment/ids.h"
#include "storage/segment/name.h"

namespace storage_test {

class TempDir {
  public:
    TempDir() {
        std::string name =
            (std::filesystem::temp_directory_path() / "roundtable-store-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) {
            std::abort();
        }
        path_ = name;
    }

    ~TempDir() {
        std::error_code ignored;  // a test that leaves a mount behind has failed already
        std::filesystem::remove_all(path_, ignored);
    }

    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;

    [[nodiscard]] const std::string& path() const { return path_; }

    [[nodiscard]] std::string operator/(const std::string& name) const {
        return path_ + "/" + name;
    }

  private:
    std::string path_;
};

inline void write_identity(const std::string& root, const storage::StorageServerId& id) {
    std::ofstream(root + "/" + std::string(storage::kIdentityFile)) << id.text() << "\n";
}

inline std::string file_text(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string text;
    for (;;) {  // files of /proc do not say their size
        const std::size_t known = text.size();
        text.resize(known + (1U << 16U));
        file.read(text.data() + known, 1U << 16U);
        const auto got = static_cast<std::size_t>(file.gcount());
        text.resize(known + got);
        if (got == 0) {
            return text;
        }
    }
}

}  // namespace storage_test
