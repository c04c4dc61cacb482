#include "storage/mirror/agent_state.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace storage {

namespace {

constexpr unsigned kFolderMode = 0700;
constexpr unsigned kFileMode = 0600;
constexpr std::size_t kEpochMax = 64;
// A journal is compacted at each start; a writer opens a segment a second at the very most.
constexpr std::size_t kJournalMax = 64U << 20U;
constexpr std::size_t kQueueMax = 4'096;
constexpr std::string_view kOpen = "open ";
constexpr std::string_view kDone = "done ";

base::Result<std::uint64_t> read_epoch(const std::string& path) {
    const base::Result<std::string> text = base::read_file(path, kEpochMax);
    if (!text) {
        if (text.error().code == base::Errc::NotFound) {
            return std::uint64_t{0};
        }
        return text.error();
    }
    std::uint64_t epoch = 0;
    const char* end = text.value().data() + text.value().size();
    const auto [stop, error] = std::from_chars(text.value().data(), end, epoch);
    if (error != std::errc() || stop + 1 != end || *stop != '\n') {
        // Never guess: an epoch used twice would make two writers look like one.
        return base::Error{base::Errc::Corrupt, path + " does not hold a boot epoch"};
    }
    return epoch;
}

base::Result<std::vector<SegmentId>> read_journal(const std::string& path) {
    const base::Result<std::string> text = base::read_file(path, kJournalMax);
    if (!text) {
        if (text.error().code == base::Errc::NotFound) {
            return std::vector<SegmentId>();
        }
        return text.error();
    }
    std::vector<SegmentId> unsealed;
    std::string_view rest = text.value();
    for (std::size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
        const std::string_view line = rest.substr(0, end);
        rest.remove_prefix(end + 1);
        const bool opened = line.starts_with(kOpen);
        if (!opened && !line.starts_with(kDone)) {
            continue;  // torn by a power loss
        }
        const base::Result<SegmentId> id = SegmentId::parse(line.substr(kOpen.size()));
        if (!id) {
            continue;
        }
        std::erase(unsealed, id.value());
        if (opened) {
            unsealed.push_back(id.value());
        }
    }
    return unsealed;
}

enum class Sync : std::uint8_t { No, Yes };

base::Status append_line(const base::Fd& journal,
                         std::string_view event,
                         const SegmentId& id,
                         Sync sync) {
    const std::string line = std::string(event) + id.text() + "\n";
    // One write of a short line to a file opened for appending: it is there whole, or not at all.
    const ssize_t written = ::write(journal.get(), line.data(), line.size());
    if (written != static_cast<ssize_t>(line.size()) ||
        (sync == Sync::Yes && ::fdatasync(journal.get()) != 0)) {
        return base::errno_error("append to the journal of segments", written < 0 ? errno : EIO);
    }
    return base::Done{};
}

}  // namespace

AgentState::AgentState(Private /*key*/,
                       base::LockFile lock,
                       base::Fd journal,
                       std::uint64_t boot_epoch)
    : lock_(std::move(lock)),
      journal_(std::move(journal)),
      boot_epoch_(boot_epoch),
      worker_("segments", 1, kQueueMax) {
}

AgentState::~AgentState() = default;

base::Result<std::unique_ptr<AgentState>> AgentState::open(const std::string& state_dir) {
    const std::string folder = state_dir + "/segments-agent";
    (void)TRY(base::ensure_dir(folder, kFolderMode));
    base::LockFile lock = TRY(base::LockFile::acquire(folder + "/lock"));
    const std::uint64_t epoch = TRY(read_epoch(folder + "/boot-epoch")) + 1;
    (void)TRY(
        base::write_file_atomic(folder + "/boot-epoch", std::to_string(epoch) + "\n", kFileMode));
    const std::string path = folder + "/journal";
    std::vector<SegmentId> unsealed = TRY(read_journal(path));
    std::string compact;
    for (const SegmentId& id : unsealed) {
        compact += std::string(kOpen) + id.text() + "\n";
    }
    (void)TRY(base::write_file_atomic(path, compact, kFileMode));
    base::Fd journal(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
    if (!journal) {
        return base::errno_error("open " + path, errno);
    }
    auto state =
        std::make_unique<AgentState>(Private{}, std::move(lock), std::move(journal), epoch);
    state->unsealed_.with([&](std::vector<SegmentId>& ids) { ids = std::move(unsealed); });
    return state;
}

std::vector<SegmentId> AgentState::unsealed() const {
    return unsealed_.with([](const std::vector<SegmentId>& ids) { return ids; });
}

// When the queue is full or the line cannot be written, recovery looks at a segment in vain, or
// finds it by listing: the callers go on.

void AgentState::record_open(const SegmentId& segment,
                             std::function<void(base::Status)> on_durable) {
    const base::Status queued = worker_.submit(
        [this, segment, on_durable] {
            on_durable(append_line(journal_, kOpen, segment, Sync::Yes));
        },
        [on_durable] {
            on_durable(base::Error{base::Errc::Cancelled, "stopping"});
        });
    if (!queued) {
        on_durable(queued.error());
    }
}

void AgentState::record_unsealed(const SegmentId& segment) {
    unsealed_.with([&](std::vector<SegmentId>& ids) {
        if (std::ranges::find(ids, segment) == ids.end()) {
            ids.push_back(segment);
        }
    });
    (void)worker_.submit(
        [this, segment] { (void)append_line(journal_, kOpen, segment, Sync::Yes); });
}

void AgentState::record_done(const SegmentId& segment) {
    unsealed_.with([&](std::vector<SegmentId>& ids) { std::erase(ids, segment); });
    (void)worker_.submit(
        [this, segment] { (void)append_line(journal_, kDone, segment, Sync::No); });
}

void AgentState::flush(base::Deadline deadline) {
    (void)worker_.run([] {}, deadline);  // one worker: what was queued before is done
}

}  // namespace storage
