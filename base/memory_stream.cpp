#include <algorithm>

#include "base/fiber_core.h"
#include "base/stream.h"

namespace base {

MemoryStream::MemoryStream(std::string_view input, const StreamLimits& limits)
    : MemoryStream(input, Endpoint(), Endpoint(), limits) {
}

MemoryStream::MemoryStream(std::string_view input,
                           const Endpoint& local,
                           const Endpoint& peer,
                           const StreamLimits& limits)
    : Stream(local, peer, limits) {
    push_input(input);
}

void MemoryStream::push_input(std::string_view bytes) {
    if (!bytes.empty()) {
        input_pieces_.emplace_back(bytes);
        pushed_.notify();
    }
}

void MemoryStream::set_fill_max(std::size_t bytes) {
    fill_max_ = std::max<std::size_t>(bytes, 1);
}

Stream::Step MemoryStream::read_some(char* out, std::size_t size_max) {
    if (closed_) {
        return Step{Io::End, 0, 0};
    }
    if (input_pieces_.empty()) {
        return Step{at_end_ == AtEnd::Closed ? Io::End : Io::WantRead, 0, 0};
    }
    std::string& piece = input_pieces_.front();
    const std::size_t count = std::min({piece.size(), size_max, fill_max_});
    std::copy_n(piece.data(), count, out);
    piece.erase(0, count);
    if (piece.empty()) {
        input_pieces_.pop_front();
    }
    return Step{Io::Moved, count, 0};
}

Stream::Step MemoryStream::write_some(const char* bytes, std::size_t size) {
    if (closed_) {
        return Step{Io::End, 0, 0};
    }
    const std::size_t count = std::min(size, output_accept_);
    if (count == 0) {
        return Step{Io::WantWrite, 0, 0};
    }
    sent_.append(bytes, count);
    if (output_accept_ != static_cast<std::size_t>(-1)) {
        output_accept_ -= count;
    }
    return Step{Io::Moved, count, 0};
}

Result<Stream::Waited> MemoryStream::wait_for(Interest interest,
                                              FiberEvent* event,
                                              Deadline deadline) {
    if (blocking_ == Blocking::No || !in_fiber()) {
        return Error{Errc::Timeout, "nothing can end this wait"};
    }
    (void)pushed_.take();
    WaitQueue::Waiter on_push;
    WaitQueue::Waiter on_event;
    on_push.fiber = detail::current_fiber();
    on_event.fiber = on_push.fiber;
    if (interest == Interest::Read) {
        pushed_.waiters().add(on_push);
    }
    if (event != nullptr) {
        event->waiters().add(on_event);
    }
    const detail::Wake wake = detail::park(deadline, "memory");
    WaitQueue::remove(on_push);
    WaitQueue::remove(on_event);
    TRY(detail::to_status(wake));
    return pushed_.is_set() ? Waited::Ready : Waited::Event;
}

}  // namespace base
