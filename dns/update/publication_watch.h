#pragma once

// PublicationWatch: whether the snapshot in force has what the directory had at a version. What is
// read and found to be the same as before is not published again: then the old snapshot has it.
//
// A value; one thread.

#include <cstdint>

namespace dns::update {

class PublicationWatch {
  public:
    /// The directory was read at version `read`; what it says is what was handed out at `same_as`.
    void on_checked(std::int64_t read, std::int64_t same_as) noexcept {
        read_ = read;
        same_as_ = same_as;
    }

    /// A snapshot of the directory of this version is in force.
    void on_published(std::int64_t version) noexcept { published_ = version; }

    [[nodiscard]] bool has(std::int64_t version) const noexcept {
        return published_ >= version || (published_ == same_as_ && read_ >= version);
    }

  private:
    std::int64_t read_ = -1;
    std::int64_t same_as_ = -1;
    std::int64_t published_ = -2;
};

}  // namespace dns::update
