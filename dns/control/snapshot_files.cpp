#include "dns/control/snapshot_files.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

namespace dns {
namespace {

constexpr std::size_t kFileMax = std::size_t{4} << 30U;
constexpr unsigned kMode = 0600;

template <typename Decode>
auto load_file(const std::string& path, Decode decode)
    -> std::optional<std::decay_t<decltype(decode(std::string_view()).value())>> {
    const auto bytes = base::read_file(path, kFileMax);
    if (!bytes) {
        if (bytes.error().code != base::Errc::NotFound) {
            base::log::warning(
                "dns", "snapshot-unread", {{"file", path}, {"error", bytes.error()}});
        }
        return std::nullopt;
    }
    auto decoded = decode(bytes.value());
    if (!decoded) {
        base::log::warning("dns", "snapshot-refused", {{"file", path}, {"error", decoded.error()}});
        return std::nullopt;
    }
    return std::move(decoded).take_value();
}

}  // namespace

SnapshotFiles::SnapshotFiles(std::string state_dir) : directory_(std::move(state_dir)) {
    directory_ += "/snapshot";
}

base::Result<SavedState> SnapshotFiles::load() const {
    TRY(base::ensure_dir(directory_));
    SavedState state;
    if (auto directory = load_file(directory_ + "/directory", decode_directory)) {
        state.directory = std::make_shared<const Directory>(std::move(*directory));
    }
    if (auto trims = load_file(directory_ + "/trims", decode_trims)) {
        state.trims = std::move(*trims);
    }
    if (auto health = load_file(directory_ + "/health", decode_health)) {
        state.health = std::move(*health);
    }
    const auto decode_held = [](std::string_view bytes) {
        return decode_signatures(bytes, base::wall_us() / 1'000'000);
    };
    if (auto signatures = load_file(directory_ + "/signatures", decode_held)) {
        state.signatures = std::move(*signatures);
    }
    return state;
}

base::Status SnapshotFiles::save_directory(const Directory& directory,
                                           const std::vector<std::uint32_t>& serials) const {
    return base::write_file_atomic(
        directory_ + "/directory", encode_directory(directory, serials), kMode);
}

base::Status SnapshotFiles::save_trims(const SavedTrims& trims) const {
    return base::write_file_atomic(directory_ + "/trims", encode_trims(trims), kMode);
}

base::Status SnapshotFiles::save_health(const SavedPoolHealth& health) const {
    return base::write_file_atomic(directory_ + "/health", encode_health(health), kMode);
}

base::Status SnapshotFiles::save_signatures(const SignatureCaches& caches) const {
    return base::write_file_atomic(
        directory_ + "/signatures", encode_signatures(caches, base::wall_us() / 1'000'000), kMode);
}

}  // namespace dns
