#include "storage/mirror/open_segment.h"

#include <algorithm>
#include <utility>

#include "base/fiber.h"
#include "storage/planted_bug.h"
#include "storage/segment/name.h"

namespace storage {

namespace {

// The client answers Timeout itself; we wait a little longer, and for ever never, should it be
// replaced meanwhile (it answers nobody then).
constexpr std::chrono::milliseconds kAnswerSlack{200};

base::Deadline with_slack(base::Deadline deadline) {
    return base::Deadline(deadline.at() + kAnswerSlack);
}

}  // namespace

OpenSegment::OpenSegment(StorageServerSet& servers, SegmentEncoder encoder, Placement placement)
    : servers_(servers),
      encoder_(std::move(encoder)),
      header_(std::make_shared<const SegmentHeader>(encoder_.header())),
      placement_(std::move(placement)),
      opened_at_(base::monotonic_now()) {
    for (const StorageServerId& server : placement_.replicas) {
        Replica replica;
        replica.server = server;
        replicas_.push_back(std::move(replica));
    }
}

void OpenSegment::set_behind(Replica& replica, const base::Error& error) {
    replica.behind = true;
    replica.reason = error.code == base::Errc::Timeout ? OwedReason::Late : OwedReason::Failed;
    replica.detail = error.detail;
}

bool OpenSegment::has_behind() const noexcept {
    return std::ranges::any_of(replicas_, &Replica::behind);
}

base::Status OpenSegment::create_files(base::Deadline deadline) {
    auto bytes = std::make_shared<Bytes>();
    encoder_.begin(*bytes);
    const std::string path = segment_path({header_->segment, header_->generation});
    std::vector<base::Completion<FileHandle>> creations(replicas_.size());
    for (std::size_t i = 0; i < replicas_.size(); ++i) {
        StorageServerClient* server = servers_.find(replicas_[i].server);
        const base::Completion<FileHandle>& created = creations[i];
        if (server == nullptr) {
            created.fulfil(base::Error{base::Errc::Unavailable, "not configured any more"});
            continue;
        }
        server->create(path, bytes, deadline, [created](base::Result<FileHandle> result) {
            created.fulfil(std::move(result));
        });
    }
    encoder_.digest(*bytes);
    base::Status outcome = base::Done{};
    for (std::size_t i = 0; i < replicas_.size(); ++i) {
        const base::Result<FileHandle> created = creations[i].await(with_slack(deadline));
        if (created) {
            replicas_[i].file = created.value();
            replicas_[i].durable_size = bytes->size();
        } else {
            set_behind(replicas_[i], created.error());
            outcome = created.error();
        }
    }
    return outcome;
}

void OpenSegment::discard() {
    const std::string path = segment_path({header_->segment, header_->generation});
    for (const Replica& replica : replicas_) {
        StorageServerClient* server = servers_.find(replica.server);
        if (server != nullptr && !replica.behind) {
            server->close(replica.file);
            // If it stays, recovery finds an empty segment without a seal, and gives it one.
            server->remove(path, base::Deadline::after(kAnswerSlack * 10), [](base::Status) {});
        }
    }
}

std::vector<StorageServerId> OpenSegment::write(std::uint64_t offset,
                                                std::shared_ptr<const Bytes> bytes,
                                                base::Deadline deadline) {
    std::vector<std::pair<Replica*, base::Completion<base::Done>>> writes;
    for (Replica& replica : replicas_) {
        if (replica.behind) {
            continue;
        }
        StorageServerClient* server = servers_.find(replica.server);
        if (server == nullptr) {
            set_behind(replica, base::Error{base::Errc::Unavailable, "not configured any more"});
            continue;
        }
        const base::Completion<base::Done> written;
        server->write(replica.file,
                      offset,
                      bytes,
                      Durability::Sync,
                      deadline,
                      [written](base::Status status) { written.fulfil(std::move(status)); });
        writes.emplace_back(&replica, written);
    }
    // While the disks are at work.
    if (!sealed_) {
        encoder_.digest(*bytes);
    }
    std::vector<StorageServerId> durable;
    for (auto& [replica, written] : writes) {
        const bool awaited = durable.empty() || !is_planted("early_ack");
        const base::Status status =
            awaited ? written.await(with_slack(deadline)) : base::Status(base::Done{});
        if (status) {
            replica->durable_size = offset + bytes->size();
            durable.push_back(replica->server);
        } else {
            set_behind(*replica, status.error());
        }
    }
    return durable;
}

SegmentClosed OpenSegment::outcome() const {
    SegmentClosed closed;
    closed.segment = header_;
    closed.generation = header_->generation;
    for (const Replica& replica : replicas_) {
        closed.replicas.push_back(ReplicaOutcome{
            replica.server,
            replica.behind ? ReplicaEnd::Behind : ReplicaEnd::Sealed,
            replica.durable_size,
            replica.detail,
            header_->generation,
        });
    }
    return closed;
}

void OpenSegment::close_files() {
    for (const Replica& replica : replicas_) {
        if (StorageServerClient* server = servers_.find(replica.server)) {
            server->close(replica.file);
        }
    }
}

SegmentClosed OpenSegment::seal(base::Deadline deadline) {
    const std::uint64_t offset = encoder_.size();
    auto bytes = std::make_shared<Bytes>();
    Seal seal = encoder_.seal(*bytes);
    sealed_ = true;
    const std::vector<StorageServerId> sealed = write(offset, std::move(bytes), deadline);
    close_files();
    SegmentClosed closed = outcome();
    closed.sealed = !sealed.empty();
    closed.seal = std::move(seal);
    return closed;
}

SegmentClosed OpenSegment::give_up(const std::string& reason) {
    close_files();
    for (Replica& replica : replicas_) {
        if (!replica.behind) {
            replica.behind = true;
            replica.detail = reason;
        }
    }
    return outcome();
}

}  // namespace storage
