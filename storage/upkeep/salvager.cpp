#include "storage/upkeep/salvager.h"

#include <span>
#include <utility>
#include <vector>

#include "base/fiber.h"
#include "base/log.h"
#include "base/metrics.h"
#include "storage/journal/journal_frame.h"
#include "storage/segment/reader.h"
#include "storage/upkeep/merged_copy.h"

namespace storage {
namespace {

using base::Deadline;
using base::Errc;
using base::Error;
using base::Result;
using base::Status;

constexpr std::size_t kPage = 1'000;  // live frames of one look-up
constexpr std::size_t kReportedMax = 10'000;

Result<FrameView> view_at(const CopyMerge& merge, std::uint64_t offset) {
    const auto entry = merge.frames.find(offset);
    if (entry == merge.frames.end()) {
        return Error{Errc::NotFound, "no copy has it"};
    }
    return decode_frame(merge.header->header,
                        offset,
                        std::span<const std::byte>(merge.image)
                            .subspan(static_cast<std::size_t>(offset), entry->second.length));
}

// On a worker. What is not there is left out.
struct Taken {
    std::vector<FrameInput> frames;
    std::vector<LiveFrame> from;
};

Taken take(const CopyMerge& merge, const std::vector<LiveFrame>& live) {
    Taken taken;
    for (const LiveFrame& frame : live) {
        const Result<FrameView> view = view_at(merge, frame.location.offset);
        if (!view || view.value().id != frame.id) {
            continue;
        }
        Result<FrameInput> input = frame_input(view.value());
        if (input) {
            taken.frames.push_back(std::move(input).take_value());
            taken.from.push_back(frame);
        }
    }
    return taken;
}

std::vector<mail::MessageId> messages_of(const CopyMerge& merge) {
    std::vector<mail::MessageId> ids;
    for (const auto& [offset, entry] : merge.frames) {
        if (entry.type == FrameType::Message) {
            ids.push_back(entry.id);
        }
    }
    return ids;
}

// Those that cancel a frame of another segment; its own go with it.
std::vector<CarriedAbort> aborts_of(const CopyMerge& merge) {
    std::vector<CarriedAbort> aborts;
    for (const auto& [offset, entry] : merge.frames) {
        if (entry.type != FrameType::Abort) {
            continue;
        }
        const Result<FrameView> view = view_at(merge, offset);
        const Result<AbortTarget> target =
            view ? abort_target(view.value()) : Result<AbortTarget>(view.error());
        if (target && target.value().segment != merge.header->header.segment) {
            aborts.push_back({target.value(), view.value().received_us, view.value().server});
        }
    }
    return aborts;
}

}  // namespace

Salvager::Salvager(StorageServerSet& servers,
                   base::DbPool& pool,
                   base::WorkerPool& workers,
                   SalvageOptions options)
    : servers_(servers), pool_(pool), workers_(workers), options_(std::move(options)) {
}

Deadline Salvager::statement() const {
    return Deadline::after(options_.statement_deadline);
}

Result<std::size_t> Salvager::run_once() {
    const std::vector<HopelessSegment> claimed = TRY(pool_.run(
        [options = options_](base::Connection& connection) {
            return claim_hopeless(connection, options.tracker, options.segments_max, options.lease);
        },
        statement()));
    for (const HopelessSegment& segment : claimed) {
        const Status salvaged = salvage(segment);
        if (!salvaged && salvaged.error().code == Errc::Cancelled) {
            return salvaged.error();
        }
        if (!salvaged) {
            TRY(put_off(segment.id, options_.pause, salvaged.error().detail));
        }
    }
    return claimed.size();
}

Status Salvager::salvage(const HopelessSegment& segment) {
    const ReadCopies read =
        TRY(read_copies(servers_, workers_, segment.id, Deadline::after(options_.read_deadline)));
    if (read.unread > 0 || servers_.all().empty()) {
        return put_off(segment.id, options_.pause, "not every storage server answers");
    }
    if (segment.writer == kJournalWriter) {
        base::log::warning("storage", "journal_segment_lost", {{"segment", segment.id.text()}});
        return pool_.run(
            [id = segment.id](base::Connection& connection) {
                return abandon_journal(connection, id);
            },
            statement());
    }
    if (!segment.catalogued && !read.merge->header && read.copies > 0) {
        // Frames that nobody has delivered may be in there: an operator may still read them.
        return put_off(segment.id, options_.lost_pause, "no copy has a good header");
    }
    // Its mark cannot reach an end that is not there any more, but each message can be looked for.
    const std::size_t unknown =
        TRY(pool_.run([ids = messages_of(*read.merge)](
                          base::Connection& connection) { return count_unknown(connection, ids); },
                      statement()));
    if (unknown > 0) {
        return put_off(segment.id, options_.pause, "messages are not catalogued yet");
    }
    return move_live(segment.id, read.merge);
}

Status Salvager::move_live(const SegmentId& segment, const Merge& merge) {
    MovingFrames moving;
    const std::uint64_t lost = TRY(take_live(segment, merge, moving));
    if (lost == 0) {
        if (merge->header) {
            moving.aborts = TRY(workers_.run([merge] { return aborts_of(*merge); },
                                             Deadline::after(options_.read_deadline)));
        }
        moving.done.push_back(segment);
    }
    if (lost == 0 || !moving.frames.empty()) {
        TRY(move(merge, std::move(moving)));
    }
    if (lost > 0) {
        report_lost(segment, lost);
        return put_off(segment, options_.lost_pause, "messages are in no copy");
    }
    return base::Done{};
}

// Returns how many of the live messages no copy has.
Result<std::uint64_t> Salvager::take_live(const SegmentId& segment,
                                          const Merge& merge,
                                          MovingFrames& moving) {
    std::uint64_t lost = 0;
    std::uint64_t octets = 0;
    std::uint64_t after = 0;
    for (;;) {
        const auto page = std::make_shared<const std::vector<LiveFrame>>(TRY(pool_.run(
            [segment, after](base::Connection& connection) {
                return live_frames(connection, segment, after, kPage);
            },
            statement())));
        Taken taken;
        if (merge->header) {
            taken = TRY(workers_.run([merge, page] { return take(*merge, *page); },
                                     Deadline::after(options_.read_deadline)));
        }
        lost += page->size() - taken.frames.size();
        for (std::size_t n = 0; n < taken.frames.size(); ++n) {
            const std::uint64_t size = octets_of(taken.frames[n]);
            if (!moving.frames.empty() && octets + size > kMovingMax) {
                TRY(move(merge, std::exchange(moving, {})));
                octets = 0;
            }
            octets += size;
            moving.frames.push_back(std::move(taken.frames[n]));
            moving.from.push_back(taken.from[n]);
        }
        if (page->size() < kPage) {
            return lost;
        }
        after = page->back().location.offset;
    }
}

Status Salvager::move(const Merge& merge, MovingFrames moving) {
    static base::Counter& salvaged = base::counter("roundtable_salvaged_messages_total",
                                                   "Messages moved out of segments that no storage "
                                                   "server holds whole");
    const std::size_t messages = moving.frames.size();
    // Without a header there is nothing to write either, but an end to make.
    const MovedFrames moved =
        TRY(move_frames({servers_, pool_, workers_, options_.tracker, options_.lease},
                        merge->header ? merge->header->header : SegmentHeader(),
                        std::move(moving)));
    counters_.segments += moved.superseded.size();
    counters_.messages += messages;
    salvaged.add(messages);
    base::log::warning("storage",
                       "salvaged",
                       {{"segments", moved.superseded.size()},
                        {"messages", messages},
                        {"into", moved.into ? moved.into->text() : std::string("nothing")}});
    return base::Done{};
}

Status Salvager::put_off(const SegmentId& segment,
                         std::chrono::seconds pause,
                         const std::string& why) {
    base::log::info("storage", "salvage_put_off", {{"segment", segment.text()}, {"problem", why}});
    return pool_.run(
        [segment, pause, tracker = options_.tracker](base::Connection& connection) {
            return put_off_upkeep(connection, segment, tracker, pause);
        },
        statement());
}

void Salvager::report_lost(const SegmentId& segment, std::uint64_t messages) {
    if (reported_.size() >= kReportedMax || !reported_.insert(segment).second) {
        return;
    }
    counters_.lost += messages;
    const Event event{Severity::Alarm,
                      "messages_lost",
                      options_.tracker,
                      std::to_string(messages) + " of segment " + segment.text()};
    base::log::error(
        "storage", "messages_lost", {{"segment", segment.text()}, {"messages", messages}});
    // If this is lost, the log has it.
    (void)pool_.run(
        [event](base::Connection& connection) { return raise_event(connection, event); },
        statement());
}

}  // namespace storage
