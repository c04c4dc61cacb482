#include "base/stream.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace base {

namespace {

constexpr std::size_t kInputFirst = 4096;

}  // namespace

Stream::Stream(const Endpoint& local, const Endpoint& peer, const StreamLimits& limits)
    : limits_(limits), local_(local), peer_(peer) {
}

Stream::~Stream() = default;

Error Stream::step_error(const Step& step) {
    if (step.io == Io::End) {
        return Error{Errc::Closed, "end of input"};
    }
    switch (step.error_number) {
        case ECONNRESET:
        case ECONNABORTED:
        case EPIPE:
        case ETIMEDOUT:
            return Error{Errc::Closed, errno_error("connection", step.error_number).detail};
        default:
            return errno_error("connection", step.error_number);
    }
}

Status Stream::make_input_room() {
    if (input_start_ == input_end_) {
        input_start_ = 0;
        input_end_ = 0;
    }
    const std::size_t unconsumed = input_end_ - input_start_;
    if (unconsumed >= limits_.input_max) {
        return Error{Errc::TooLarge,
                     std::to_string(unconsumed) + " bytes of input without a complete item"};
    }
    if (input_end_ < std::min(input_.size(), limits_.input_max)) {
        return Done{};
    }
    // Moving is cheap while little is left; otherwise the buffer grows.
    if (input_start_ > 0 &&
        (unconsumed <= input_.size() / 2 || input_.size() >= limits_.input_max)) {
        std::memmove(input_.data(), input_.data() + input_start_, unconsumed);
        input_start_ = 0;
        input_end_ = unconsumed;
        return Done{};
    }
    const std::size_t wanted = std::max(kInputFirst, input_.size() * 2);
    input_.resize(std::max(std::min(wanted, limits_.input_max), input_end_ + 1));
    return Done{};
}

Stream::Step Stream::read_more() {
    const std::size_t room = std::min(input_.size(), limits_.input_max) - input_end_;
    const Step step = read_some(input_.data() + input_end_, room);
    if (step.io == Io::Moved) {
        input_end_ += step.count;
    } else if (step.io == Io::End || step.io == Io::Failed) {
        input_over_ = true;
        over_step_ = step;
    }
    return step;
}

Status Stream::fill(Deadline deadline) {
    TRY(make_input_room());
    while (!input_over_) {
        const Step step = read_more();
        if (step.io == Io::Moved) {
            return Done{};
        }
        if (step.io == Io::WantRead || step.io == Io::WantWrite) {
            TRY(flush(deadline));
            const Interest interest = step.io == Io::WantRead ? Interest::Read : Interest::Write;
            TRY(wait_for(interest, nullptr, deadline));
        }
    }
    return step_error(over_step_);
}

Status Stream::wait_readable_or(FiberEvent& event, Deadline deadline) {
    while (!readable_now() && !event.is_set()) {
        TRY(make_input_room());
        const Step step = read_more();
        if (step.io == Io::WantRead || step.io == Io::WantWrite) {
            TRY(flush(deadline));
            const Interest interest = step.io == Io::WantRead ? Interest::Read : Interest::Write;
            TRY(wait_for(interest, &event, deadline));
        }
    }
    return Done{};
}

void Stream::consume(std::size_t count) noexcept {
    input_start_ += std::min(count, input_end_ - input_start_);
}

void Stream::discard_input() noexcept {
    input_start_ = 0;
    input_end_ = 0;
}

// `sent` counts what went out, also when an error follows.
Status Stream::send_piece(std::string_view piece, Deadline deadline, std::size_t& sent) {
    sent = 0;
    while (sent < piece.size()) {
        const Step step = write_some(piece.data() + sent, piece.size() - sent);
        switch (step.io) {
            case Io::Moved:
                sent += step.count;
                break;
            case Io::WantRead:
                TRY(wait_for(Interest::Read, nullptr, deadline));
                break;
            case Io::WantWrite:
                TRY(wait_for(Interest::Write, nullptr, deadline));
                break;
            case Io::End:
            case Io::Failed:
                return step_error(step);
        }
    }
    return Done{};
}

// Piece by piece, each with the write timeout: a peer must read high_water bytes in that time.
Status Stream::send_all(std::string_view bytes) {
    while (!bytes.empty()) {
        const std::string_view piece =
            bytes.substr(0, std::max<std::size_t>(limits_.output_high_water, 1));
        std::size_t sent = 0;
        TRY(send_piece(piece, Deadline::after(limits_.write_timeout), sent));
        bytes.remove_prefix(piece.size());
    }
    return Done{};
}

Status Stream::write(std::string_view bytes) {
    if (output_pending() + bytes.size() <= limits_.output_high_water) {
        output_.append(bytes);
        return Done{};
    }
    TRY(flush(Deadline::after(limits_.write_timeout)));
    if (bytes.size() > limits_.output_high_water) {
        return send_all(bytes);
    }
    output_.append(bytes);
    return Done{};
}

Status Stream::flush(Deadline deadline) {
    if (output_.empty()) {
        return Done{};
    }
    std::size_t sent = 0;
    Status status = send_piece(std::string_view(output_).substr(output_start_), deadline, sent);
    output_start_ += sent;
    if (output_start_ == output_.size()) {
        output_.clear();
        output_start_ = 0;
    }
    return status;
}

void Stream::release_buffers() {
    if (input_start_ == input_end_) {
        discard_input();
        std::string().swap(input_);
    }
    if (output_.empty()) {
        std::string().swap(output_);
    }
}

}  // namespace base
