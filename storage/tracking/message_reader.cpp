#include "storage/tracking/message_reader.h"

#include <algorithm>
#include <utility>

#include "base/fiber.h"
#include "storage/segment/compress.h"

namespace storage {
namespace {

using base::Deadline;
using base::Errc;
using base::Error;
using base::Result;
using base::Status;

constexpr std::size_t kSegmentsMax = 16'384;
// The message is there already: it waits no longer for a better place.
constexpr auto kLookAgain = std::chrono::milliseconds(500);

std::uint64_t weight_of(const mail::Summary& summary) {
    std::uint64_t weight = sizeof(summary) + summary.envelope.size() + summary.bodystructure.size();
    for (const std::string& field : summary.fields) {
        weight += field.size();
    }
    return weight + summary.parts.nodes().size() * sizeof(mail::PartNode);
}

}  // namespace

MessageReader::MessageReader(base::Loop& loop,
                             base::DbPool& catalog,
                             CopyReader& copies,
                             const MessageReaderOptions& options)
    : loop_(loop),
      catalog_(catalog),
      copies_(copies),
      summaries_(options.summary_cache_bytes),
      messages_(options.message_cache_bytes),
      places_(options.places_max),
      segments_(kSegmentsMax) {
}

void MessageReader::keep(const mail::MessageId& id,
                         const FrameLocation& location,
                         Replicas replicas) {
    places_.put(id, {location, std::move(replicas)}, 1);
}

void MessageReader::keep(const MessagePlace& place) {
    const Replicas* known = segments_.find(place.location.segment);
    if (known == nullptr || **known != place.replicas) {
        segments_.put(place.location.segment,
                      std::make_shared<const std::vector<ReplicaPlace>>(place.replicas),
                      1);
        known = segments_.find(place.location.segment);
    }
    keep(place.id, place.location, *known);
}

void MessageReader::remember(const mail::MessageId& id,
                             const FrameLocation& location,
                             std::vector<ReplicaPlace> replicas) {
    keep({id, location, std::move(replicas)});
}

void MessageReader::forget_segment(const SegmentId& segment) {
    ++forgotten_;
    segments_.erase(segment);
}

Status MessageReader::locate(const std::vector<mail::MessageId>& ids, Deadline deadline) {
    std::vector<mail::MessageId> unknown;
    for (const mail::MessageId& id : ids) {
        if (places_.find(id) == nullptr) {
            unknown.push_back(id);
        }
    }
    for (std::size_t from = 0; from < unknown.size(); from += kLocateMax) {
        const std::size_t to = std::min(unknown.size(), from + kLocateMax);
        std::vector<mail::MessageId> part(unknown.begin() + static_cast<std::ptrdiff_t>(from),
                                          unknown.begin() + static_cast<std::ptrdiff_t>(to));
        const std::vector<MessagePlace> places = TRY(catalog_.run(
            [part = std::move(part)](base::Connection& connection) {
                return storage::locate(connection, part);
            },
            deadline));
        for (const MessagePlace& place : places) {
            keep(place);
        }
    }
    return base::Done{};
}

Result<MessageReader::Place> MessageReader::place_of(const mail::MessageId& id) {
    const Place* place = places_.find(id);
    if (place == nullptr) {
        return Error{Errc::NotFound, "the catalog has no message " + id.text()};
    }
    // A newer set of replicas may have come with another message of the segment.
    const Replicas* newer = segments_.find(place->location.segment);
    return Place{place->location, newer != nullptr ? *newer : place->replicas};
}

// A copy that is bad, or was repaired since, would be tried again at each reading. While the
// catalog is away the old place is better than none.
Status MessageReader::look_up_again(const mail::MessageId& id,
                                    const Place& place,
                                    Deadline deadline) {
    places_.erase(id);
    segments_.erase(place.location.segment);
    Status located = locate({id}, deadline);
    if (!located) {
        keep(id, place.location, place.replicas);
    }
    return located;
}

Result<MessageReader::Frame> MessageReader::read(const mail::MessageId& id, Deadline deadline) {
    const Place place = TRY(place_of(id));
    const std::uint64_t forgotten_before = forgotten_;
    Result<Frame> frame = copies_.read(id, place.location, *place.replicas, deadline);
    if (frame && forgotten_ != forgotten_before) {
        (void)look_up_again(id, place, Deadline::after(kLookAgain).sooner(deadline));  // no harm
        return frame;
    }
    if (frame || deadline.passed() || frame.error().code == Errc::Cancelled) {
        return frame;
    }
    // The place may be an old one: the segment may have been recovered or compacted since.
    if (!look_up_again(id, place, deadline)) {
        return frame;
    }
    const Place now = TRY(place_of(id));
    if (now.location == place.location && *now.replicas == *place.replicas) {
        return frame;
    }
    return copies_.read(id, now.location, *now.replicas, deadline);
}

Result<MessageReader::SummaryPtr> MessageReader::summary(const mail::MessageId& id,
                                                         Deadline deadline) {
    const Frame frame = TRY(read(id, deadline));
    Result<mail::Summary> decoded = mail::decode_summary(frame->view.summary);
    SummaryPtr summary;
    if (decoded) {
        summary = std::make_shared<const mail::Summary>(std::move(decoded).take_value());
    } else {
        // Written by another version: the message itself is good.
        summary = std::make_shared<const mail::Summary>(
            mail::summarize(TRY(message_octets(frame->view))));
    }
    summaries_.put(id, summary, weight_of(*summary));
    return summary;
}

std::vector<Result<MessageReader::SummaryPtr>> MessageReader::summaries(
    const std::vector<mail::MessageId>& ids, Deadline deadline) {
    std::vector<Result<SummaryPtr>> results;
    std::vector<std::size_t> missing;
    std::vector<mail::MessageId> missing_ids;
    for (std::size_t n = 0; n < ids.size(); ++n) {
        if (const SummaryPtr* known = summaries_.find(ids[n]); known != nullptr) {
            results.emplace_back(*known);
        } else {
            results.emplace_back(Error{Errc::Cancelled, "not read"});
            missing.push_back(n);
            missing_ids.push_back(ids[n]);
        }
    }
    if (missing.empty()) {
        return results;
    }
    const Status located = locate(missing_ids, deadline);

    // The helpers live on the stack of nobody: they may outlast a cancelled caller.
    struct Shared {
        std::vector<mail::MessageId> ids;
        std::vector<Result<SummaryPtr>> results;
        std::size_t next = 0;
        std::size_t running = 0;
        base::Completion<base::Done> done;
    };

    auto shared = std::make_shared<Shared>();
    shared->ids = std::move(missing_ids);
    shared->results.assign(shared->ids.size(), Error{Errc::Cancelled, "not read"});
    const auto work = [this, shared, deadline] {
        while (shared->next < shared->ids.size()) {
            const std::size_t mine = shared->next++;
            shared->results[mine] = summary(shared->ids[mine], deadline);
        }
        if (--shared->running == 0) {
            shared->done.fulfil(base::Done{});
        }
    };
    const std::size_t helpers = std::min(kFanOut, shared->ids.size());
    shared->running = helpers;
    for (std::size_t n = 1; n < helpers; ++n) {
        if (!base::spawn(loop_, "read", work)) {
            --shared->running;
        }
    }
    work();
    // Each read has the same deadline, so this wait is short; after Cancelled nothing is used.
    const Result<base::Done> waited =
        shared->done.await(Deadline::after(deadline.remaining() + std::chrono::seconds(1)));
    for (std::size_t n = 0; n < missing.size(); ++n) {
        Result<SummaryPtr> result =
            waited ? std::move(shared->results[n]) : Result<SummaryPtr>(waited.error());
        // What was not found may only not have been looked up.
        if (!located && !result && result.error().code == Errc::NotFound) {
            result = Error{Errc::Unavailable, "the catalog is away: " + located.error().detail};
        }
        results[missing[n]] = std::move(result);
    }
    return results;
}

Result<MessageReader::MessagePtr> MessageReader::message(const mail::MessageId& id,
                                                         Deadline deadline) {
    if (const MessagePtr* known = messages_.find(id); known != nullptr) {
        return *known;
    }
    const Status located = locate({id}, deadline);
    if (!located) {
        return Error{Errc::Unavailable, "the catalog is away: " + located.error().detail};
    }
    const Frame frame = TRY(read(id, deadline));
    auto message = std::make_shared<const std::string>(TRY(message_octets(frame->view)));
    messages_.put(id, message, message->size());
    return MessagePtr(std::move(message));
}

}  // namespace storage
