#include "storage/tracking/copy_reader.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/metrics.h"
#include "storage/segment/format.h"
#include "storage/segment/name.h"
#include "storage/segment/reader.h"

namespace storage {
namespace {

using base::Deadline;
using base::Errc;
using base::Error;
using base::Result;
using base::Status;

// The least that an attempt gets, if the whole has so much left.
constexpr auto kAttemptMin = std::chrono::milliseconds(500);

// The part of what is left that one of `copies` attempts may use up.
Deadline share_of(Deadline deadline, std::size_t copies) {
    const base::Duration part = deadline.remaining() / static_cast<std::int64_t>(copies);
    return deadline.sooner(Deadline::after(std::max<base::Duration>(part, kAttemptMin)));
}

// The copy itself is wrong, not the way to it.
bool blames_copy(Errc code) {
    return code == Errc::Corrupt || code == Errc::NotFound;
}

template <typename T, typename Start>
Result<T> wait_for(Start start, Deadline deadline) {
    base::Completion<T> done;
    start([done](Result<T> result) { done.fulfil(std::move(result)); });
    return done.await(deadline);
}

}  // namespace

CopyReader::CopyReader(StorageServerSet& servers,
                       std::function<void(const Suspicion&)> on_suspicion)
    : servers_(servers), on_suspicion_(std::move(on_suspicion)) {
}

std::vector<ReplicaPlace> CopyReader::in_order(const FrameLocation& location,
                                               std::span<const ReplicaPlace> replicas) const {
    std::vector<std::pair<int, ReplicaPlace>> found;
    for (const ReplicaPlace& place : replicas) {
        const StorageServerClient* server = servers_.find(place.store);
        if (server != nullptr && place.may_hold(location)) {
            found.emplace_back((place.state == ReplicaState::Suspect ? 2 : 0) +
                                   (server->health().is_healthy() ? 0 : 1),
                               place);
        }
    }
    // Readers of one segment go to one server, those of another to another.
    if (!found.empty()) {
        const auto first =
            static_cast<std::ptrdiff_t>(std::hash<SegmentId>()(location.segment) % found.size());
        std::rotate(found.begin(), found.begin() + first, found.end());
    }
    std::stable_sort(
        found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<ReplicaPlace> copies;
    for (const auto& [rank, place] : found) {
        copies.push_back(place);
    }
    return copies;
}

Result<std::shared_ptr<const ReadFrame>> CopyReader::read(const mail::MessageId& id,
                                                          const FrameLocation& location,
                                                          std::span<const ReplicaPlace> replicas,
                                                          Deadline deadline) {
    static base::Counter& next_copy = base::counter(
        "roundtable_read_next_copy_total", "Reads that had to go to another copy of a message");
    TRY(acquire(location.length, deadline));
    // While some copy may still be good, the message is not lost, only out of reach.
    Error worst{Errc::Unavailable, "no storage server that is reached has a copy"};
    const std::vector<ReplicaPlace> all = in_order(location, replicas);
    const auto may_hold = std::count_if(replicas.begin(), replicas.end(), [&](const auto& place) {
        return place.may_hold(location);
    });
    bool out_of_reach = all.size() < static_cast<std::size_t>(may_hold);
    for (std::size_t n = 0; n < all.size() && !deadline.passed(); ++n) {
        Result<std::shared_ptr<const ReadFrame>> frame =
            read_copy(all[n], id, location, share_of(deadline, all.size() - n));
        if (frame) {
            release(location.length);
            return frame;
        }
        next_copy.add();
        const Error& error = frame.error();
        if (error.code == Errc::Cancelled) {
            worst = error;
            break;
        }
        if (blames_copy(error.code)) {
            suspect(all[n], location.segment, error.detail);
        }
        // Of those that the time does not suffice for nothing is known.
        const bool time_is_up = n + 1 < all.size() && deadline.passed();
        out_of_reach = out_of_reach || time_is_up || !blames_copy(error.code);
        worst = {out_of_reach ? Errc::Unavailable : Errc::Corrupt,
                 fmt::format("storage server {}: {}", all[n].store.text(), error.detail)};
    }
    release(location.length);
    return worst;
}

Result<std::shared_ptr<const ReadFrame>> CopyReader::read_copy(const ReplicaPlace& copy,
                                                               const mail::MessageId& id,
                                                               const FrameLocation& location,
                                                               Deadline deadline) {
    const Header header = TRY(header_of(copy, location.segment, deadline));
    auto frame = std::make_shared<ReadFrame>();
    // Looked up again: the wait may have changed the set.
    StorageServerClient* server = servers_.find(copy.store);
    if (server == nullptr) {
        return Error{Errc::Unavailable, "the storage server was taken away"};
    }
    frame->bytes = TRY(wait_for<Bytes>(
        [&](auto done) {
            server->read(segment_path({location.segment, copy.generation}),
                         location.offset,
                         location.length,
                         deadline,
                         std::move(done));
        },
        deadline));
    frame->view = TRY(decode_frame(*header, location.offset, frame->bytes));
    if (frame->view.type != FrameType::Message || frame->view.id != id) {
        return Error{Errc::Corrupt, "another frame is there"};
    }
    return std::shared_ptr<const ReadFrame>(std::move(frame));
}

Result<CopyReader::Header> CopyReader::header_of(const ReplicaPlace& copy,
                                                 const SegmentId& segment,
                                                 Deadline deadline) {
    if (const Header* known = headers_.find(segment); known != nullptr) {
        return *known;
    }
    StorageServerClient* server = servers_.find(copy.store);
    if (server == nullptr) {
        return Error{Errc::Unavailable, "the storage server was taken away"};
    }
    const Bytes bytes = TRY(wait_for<Bytes>(
        [&](auto done) {
            server->read_some(segment_path({segment, copy.generation}),
                              0,
                              format::kHeaderSizeMax,
                              deadline,
                              std::move(done));
        },
        deadline));
    DecodedHeader decoded = TRY(decode_header(bytes));
    if (decoded.header.segment != segment) {
        return Error{Errc::Corrupt, "the file is another segment's"};
    }
    auto header = std::make_shared<const SegmentHeader>(std::move(decoded.header));
    headers_.put(segment, header, 1);
    return Header(std::move(header));
}

Status CopyReader::acquire(std::uint64_t bytes, Deadline deadline) {
    while (bytes_in_flight_ > 0 && bytes_in_flight_ + bytes > kReadBytesMax) {
        Status waited = room_.wait(deadline);
        if (!waited) {
            room_.notify_one();  // what woke us is for the next
            return Error{
                waited.error().code == Errc::Cancelled ? Errc::Cancelled : Errc::Unavailable,
                "too many octets are being read"};
        }
    }
    bytes_in_flight_ += bytes;
    return base::Done{};
}

void CopyReader::release(std::uint64_t bytes) {
    bytes_in_flight_ -= bytes;
    room_.notify_all();
}

void CopyReader::suspect(const ReplicaPlace& copy,
                         const SegmentId& segment,
                         const std::string& why) {
    static base::Counter& suspicions = base::counter("roundtable_read_suspicions_total",
                                                     "Copies from which something wrong was read");
    suspicions.add();
    if (StorageServerClient* server = servers_.find(copy.store); server != nullptr) {
        server->report_suspicion();
    }
    on_suspicion_({segment, copy.store, why});
}

}  // namespace storage
