#include "storage/path/storage_server_client.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <utility>

#include "storage/path/chunked_read.h"
#include "storage/path/path_attempts.h"
#include "storage/path/path_client.h"
#include "storage/path/protocol.h"

namespace storage {

using helper::Flag;
using helper::kSlotSize;
using helper::Request;
using helper::RequestType;

namespace {

// Handles are never used twice in a process: a client that replaces another, after a change of the
// directory, must not take the other's handles for its own.
FileHandle next_handle() noexcept {
    static std::atomic<std::uint64_t> last{0};
    return FileHandle{last.fetch_add(1, std::memory_order_relaxed) + 1};
}

base::Result<Listing> to_listing(const PathAnswer& answer) {
    std::vector<helper::Entry> entries = TRY(helper::get_entries(answer.data));
    Listing listing;
    listing.complete = answer.reply.value == 1;
    listing.entries.reserve(entries.size());
    for (helper::Entry& entry : entries) {
        listing.entries.push_back(
            FileInfo{std::move(entry.name), entry.size, entry.modified_s, entry.is_folder});
    }
    return listing;
}

}  // namespace

struct StorageServerClient::State : std::enable_shared_from_this<State> {
    struct OpenFile {
        PathClient* path = nullptr;
        std::uint64_t helper_epoch = 0;
        bool failed = false;
    };

    // One write; it may need several slots.
    struct WriteJob {
        FileHandle file{};
        bool sync_after = false;  // when all chunks are with the system
        base::Deadline deadline{base::Instant()};
        std::size_t chunks_left = 0;
        bool answered = false;
        StatusDone on_done;
    };

    base::Loop& loop;
    StorageServerConfig config;
    PathOptions options;
    std::vector<std::unique_ptr<PathClient>> paths;
    std::map<FileHandle, OpenFile> files;
    StoreState last_state = StoreState::Out;
    std::function<void()> on_change;

    State(base::Loop& on_loop, StorageServerConfig server, PathOptions path_options)
        : loop(on_loop), config(std::move(server)), options(std::move(path_options)) {
        for (const StoragePathConfig& path : config.paths) {
            paths.push_back(std::make_unique<PathClient>(loop, path, config.id, options));
        }
    }

    // Answers from the loop, unless we are gone by then.
    template <typename OnDone>
    void answer_later(OnDone on_done, base::Error error) {
        loop.post(
            [weak = weak_from_this(), on_done = std::move(on_done), error = std::move(error)] {
                if (weak.lock()) {
                    on_done(error);
                }
            });
    }

    [[nodiscard]] StoreHealth health() const;
    [[nodiscard]] std::vector<PathClient*> readable_paths() const;
    void on_path_change();
    void attempt(base::Deadline deadline,
                 PathAttempts::Attempt attempt,
                 std::function<void(base::Error)> on_failed);
    void call_any(Request request, base::Deadline deadline, PathAnswered on_answer);
    void read(std::shared_ptr<ChunkedRead> job, base::Deadline deadline);
    void write_chunks(const std::shared_ptr<WriteJob>& job,
                      PathClient& path,
                      std::uint64_t offset,
                      const std::shared_ptr<const Bytes>& data);
    void write_call(const std::shared_ptr<WriteJob>& job,
                    PathClient& path,
                    Request request,
                    Payload payload);
    void on_written(const std::shared_ptr<WriteJob>& job, base::Result<PathAnswer> answer);
    void finish_write(WriteJob& job, base::Status status);
    [[nodiscard]] bool is_open(FileHandle file) const;
};

// ---- Choosing a path.

StoreHealth StorageServerClient::State::health() const {
    StoreHealth best;
    best.reason = "no storage path";
    for (std::size_t i = 0; i < paths.size(); ++i) {
        StoreHealth health = paths[i]->health();
        if (i == 0 || health.state < best.state) {
            best = std::move(health);
        }
    }
    return best;
}

void StorageServerClient::State::on_path_change() {
    const StoreState now = health().state;
    if (std::exchange(last_state, now) != now && on_change) {
        on_change();
    }
}

std::vector<PathClient*> StorageServerClient::State::readable_paths() const {
    std::vector<PathClient*> found;
    for (const Readable wanted : {Readable::Yes, Readable::Maybe}) {
        for (const auto& path : paths) {
            if (path->readable() == wanted) {
                found.push_back(path.get());
            }
        }
    }
    return found;
}

void StorageServerClient::State::attempt(base::Deadline deadline,
                                         PathAttempts::Attempt attempt,
                                         std::function<void(base::Error)> on_failed) {
    std::vector<PathClient*> usable = readable_paths();
    if (usable.empty()) {
        answer_later(std::move(on_failed),
                     base::Error{base::Errc::Unavailable, config.name + ": " + health().reason});
        return;
    }
    std::make_shared<PathAttempts>(
        std::move(usable), deadline, std::move(attempt), std::move(on_failed))
        ->go();
}

void StorageServerClient::State::call_any(Request request,
                                          base::Deadline deadline,
                                          PathAnswered on_answer) {
    if (!is_relative_path(request.path) &&
        (request.type != RequestType::List || !request.path.empty())) {
        answer_later(std::move(on_answer),
                     base::Error{base::Errc::Invalid, "not a path below a storage root"});
        return;
    }
    attempt(
        deadline,
        [request, on_answer](
            const std::shared_ptr<PathAttempts>& attempts, PathClient& path, base::Deadline until) {
            path.call(request, {}, until, [attempts, on_answer](base::Result<PathAnswer> answer) {
                if (answer) {
                    on_answer(std::move(answer));
                } else {
                    attempts->failed(std::move(answer).take_error());
                }
            });
        },
        [on_answer](base::Error error) { on_answer(std::move(error)); });
}

void StorageServerClient::State::read(std::shared_ptr<ChunkedRead> job, base::Deadline deadline) {
    if (!is_relative_path(job->path)) {
        answer_later(job->on_done,
                     base::Error{base::Errc::Invalid, "not a path below a storage root"});
        return;
    }
    if (job->length > ChunkedRead::kLengthMax) {
        answer_later(job->on_done, base::Error{base::Errc::TooLarge, "a read over 64 MiB"});
        return;
    }
    if (job->length == 0) {
        loop.post([weak = weak_from_this(), job] {
            if (weak.lock()) {
                job->on_done(Bytes());
            }
        });
        return;
    }
    attempt(
        deadline,
        [job](const std::shared_ptr<PathAttempts>& attempts,
              PathClient& path,
              base::Deadline until) { job->start(attempts, path, until); },
        [job](base::Error error) { job->on_done(std::move(error)); });
}

// ---- Writing.

bool StorageServerClient::State::is_open(FileHandle file) const {
    const auto found = files.find(file);
    return found != files.end() && !found->second.failed &&
           found->second.path->helper_epoch() == found->second.helper_epoch;
}

void StorageServerClient::State::finish_write(WriteJob& job, base::Status status) {
    if (job.answered) {
        return;
    }
    job.answered = true;
    const auto file = files.find(job.file);
    if (!status && file != files.end()) {
        file->second.failed = true;
    }
    job.on_done(std::move(status));
}

void StorageServerClient::State::write_call(const std::shared_ptr<WriteJob>& job,
                                            PathClient& path,
                                            Request request,
                                            Payload payload) {
    request.handle = static_cast<std::uint64_t>(job->file);
    path.call(std::move(request),
              std::move(payload),
              job->deadline,
              [weak = weak_from_this(), job](base::Result<PathAnswer> answer) {
                  if (const std::shared_ptr<State> self = weak.lock()) {
                      self->on_written(job, std::move(answer));
                  }
              });
}

void StorageServerClient::State::on_written(const std::shared_ptr<WriteJob>& job,
                                            base::Result<PathAnswer> answer) {
    --job->chunks_left;
    if (!answer) {
        finish_write(*job, std::move(answer).take_error());
        return;
    }
    if (job->answered || job->chunks_left > 0) {
        return;
    }
    if (!job->sync_after) {
        finish_write(*job, base::Done{});
        return;
    }
    if (!is_open(job->file)) {
        finish_write(*job, base::Error{base::Errc::Unavailable, "the file is not open any more"});
        return;
    }
    job->sync_after = false;
    job->chunks_left = 1;
    Request request;
    request.type = RequestType::Sync;
    write_call(job, *files.at(job->file).path, std::move(request), {});
}

void StorageServerClient::State::write_chunks(const std::shared_ptr<WriteJob>& job,
                                              PathClient& path,
                                              std::uint64_t offset,
                                              const std::shared_ptr<const Bytes>& data) {
    const std::size_t size = data->size();
    job->chunks_left = std::max<std::size_t>(1, (size + kSlotSize - 1) / kSlotSize);
    // What fits one slot is written and synced in one request.
    const bool at_once = job->sync_after && job->chunks_left == 1;
    job->sync_after = job->sync_after && !at_once;
    std::size_t from = 0;
    do {
        const std::size_t part = std::min(kSlotSize, size - from);
        Request request;
        request.type = RequestType::Write;
        request.flag = at_once ? Flag::Sync : Flag::None;
        request.offset = offset + from;
        write_call(job, path, std::move(request), Payload{data, from, part});
        from += part;
    } while (from < size);
}

// ---- The outside.

StorageServerClient::StorageServerClient(base::Loop& loop,
                                         StorageServerConfig config,
                                         PathOptions options)
    : state_(std::make_shared<State>(loop, std::move(config), std::move(options))) {
}

StorageServerClient::~StorageServerClient() = default;

void StorageServerClient::start() {
    for (const auto& path : state_->paths) {
        path->set_on_change([weak = state_->weak_from_this()] {
            if (const std::shared_ptr<State> self = weak.lock()) {
                self->on_path_change();
            }
        });
        path->start();
    }
}

const StorageServerConfig& StorageServerClient::config() const noexcept {
    return state_->config;
}

StoreHealth StorageServerClient::health() const {
    return state_->health();
}

std::vector<StoreHealth> StorageServerClient::path_health() const {
    std::vector<StoreHealth> all;
    for (const auto& path : state_->paths) {
        all.push_back(path->health());
    }
    return all;
}

std::vector<PathCounters> StorageServerClient::path_counters() const {
    std::vector<PathCounters> all;
    for (const auto& path : state_->paths) {
        all.push_back(path->counters());
    }
    return all;
}

std::vector<pid_t> StorageServerClient::helper_pids() const {
    std::vector<pid_t> all;
    for (const auto& path : state_->paths) {
        all.push_back(path->helper_pid());
    }
    return all;
}

void StorageServerClient::set_on_health_change(std::function<void()> on_change) {
    state_->on_change = std::move(on_change);
}

void StorageServerClient::create(std::string path,
                                 std::shared_ptr<const Bytes> first,
                                 base::Deadline deadline,
                                 Done<FileHandle> on_done) {
    State& state = *state_;
    if (!is_relative_path(path) || first->size() > kSlotSize) {
        const bool is_path = is_relative_path(path);
        state.answer_later(
            std::move(on_done),
            base::Error{is_path ? base::Errc::TooLarge : base::Errc::Invalid, "create " + path});
        return;
    }
    const auto chosen = std::ranges::find_if(
        state.paths, [](const auto& candidate) { return candidate->health().is_healthy(); });
    if (chosen == state.paths.end()) {
        state.answer_later(
            std::move(on_done),
            base::Error{base::Errc::Unavailable, state.config.name + ": " + health().reason});
        return;
    }
    PathClient& through = **chosen;
    const FileHandle handle = next_handle();
    Request request;
    request.type = RequestType::Create;
    request.path = std::move(path);
    request.handle = static_cast<std::uint64_t>(handle);
    const std::size_t size = first->size();
    through.call(std::move(request),
                 Payload{std::move(first), 0, size},
                 deadline,
                 [weak = state.weak_from_this(),
                  &through,
                  epoch = through.helper_epoch(),
                  handle,
                  on_done = std::move(on_done)](base::Result<PathAnswer> answer) {
                     const std::shared_ptr<State> self = weak.lock();
                     if (!self) {
                         return;
                     }
                     if (!answer) {
                         on_done(std::move(answer).take_error());
                         return;
                     }
                     self->files.emplace(handle, State::OpenFile{&through, epoch, false});
                     on_done(handle);
                 });
}

void StorageServerClient::write(FileHandle file,
                                std::uint64_t offset,
                                std::shared_ptr<const Bytes> data,
                                Durability durability,
                                base::Deadline deadline,
                                StatusDone on_done) {
    if (!state_->is_open(file)) {
        state_->answer_later(std::move(on_done),
                             base::Error{base::Errc::Unavailable, "the file is not open any more"});
        return;
    }
    auto job = std::make_shared<State::WriteJob>();
    job->file = file;
    job->sync_after = durability == Durability::Sync;
    job->deadline = deadline;
    job->on_done = std::move(on_done);
    state_->write_chunks(job, *state_->files.at(file).path, offset, data);
}

void StorageServerClient::close(FileHandle file) {
    const auto found = state_->files.find(file);
    if (found == state_->files.end()) {
        return;
    }
    // Also when a write of it failed or was late: the helper may have it open still.
    if (found->second.path->helper_epoch() == found->second.helper_epoch) {
        Request request;
        request.type = RequestType::Close;
        request.handle = static_cast<std::uint64_t>(file);
        found->second.path->call(std::move(request),
                                 {},
                                 base::Deadline::after(state_->options.probe_deadline),
                                 [](const base::Result<PathAnswer>&) {});  // nobody waits for it
    }
    state_->files.erase(found);
}

bool StorageServerClient::is_open(FileHandle file) const {
    return state_->is_open(file);
}

void StorageServerClient::read(std::string path,
                               std::uint64_t offset,
                               std::uint32_t length,
                               base::Deadline deadline,
                               Done<Bytes> on_done) {
    auto job = std::make_shared<ChunkedRead>();
    job->path = std::move(path);
    job->offset = offset;
    job->length = length;
    job->exact = true;
    job->on_done = std::move(on_done);
    state_->read(std::move(job), deadline);
}

void StorageServerClient::read_some(std::string path,
                                    std::uint64_t offset,
                                    std::uint32_t length,
                                    base::Deadline deadline,
                                    Done<Bytes> on_done) {
    auto job = std::make_shared<ChunkedRead>();
    job->path = std::move(path);
    job->offset = offset;
    job->length = length;
    job->on_done = std::move(on_done);
    state_->read(std::move(job), deadline);
}

void StorageServerClient::list(std::string folder,
                               std::string after,
                               ListDetail detail,
                               base::Deadline deadline,
                               Done<Listing> on_done) {
    Request request;
    request.type = RequestType::List;
    request.flag = detail == ListDetail::Names ? Flag::None : Flag::Detail;
    request.path = std::move(folder);
    request.after = std::move(after);
    if (request.after.size() > kRelativePathMax) {
        state_->answer_later(std::move(on_done),
                             base::Error{base::Errc::Invalid, "list after no name"});
        return;
    }
    state_->call_any(std::move(request),
                     deadline,
                     [on_done = std::move(on_done)](base::Result<PathAnswer> answer) {
                         if (answer) {
                             on_done(to_listing(answer.value()));
                         } else {
                             on_done(std::move(answer).take_error());
                         }
                     });
}

void StorageServerClient::stat(std::string path, base::Deadline deadline, Done<FileInfo> on_done) {
    Request request;
    request.type = RequestType::Stat;
    request.path = std::move(path);
    std::string name = request.path.substr(request.path.rfind('/') + 1);
    state_->call_any(
        std::move(request),
        deadline,
        [name = std::move(name), on_done = std::move(on_done)](base::Result<PathAnswer> answer) {
            if (!answer) {
                on_done(std::move(answer).take_error());
                return;
            }
            const helper::Reply& reply = answer.value().reply;
            on_done(FileInfo{
                name, reply.value, static_cast<std::int64_t>(reply.second), reply.is_folder});
        });
}

void StorageServerClient::remove(std::string path, base::Deadline deadline, StatusDone on_done) {
    Request request;
    request.type = RequestType::Remove;
    request.path = std::move(path);
    state_->call_any(std::move(request),
                     deadline,
                     [on_done = std::move(on_done)](base::Result<PathAnswer> answer) {
                         if (answer) {
                             on_done(base::Done{});
                         } else {
                             on_done(std::move(answer).take_error());
                         }
                     });
}

void StorageServerClient::report_suspicion() {
    for (const auto& path : state_->paths) {
        path->probe_soon();
    }
}

}  // namespace storage
