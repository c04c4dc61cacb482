#pragma once

// Message: a response under construction in the caller's buffer. Bounded: nothing is ever written
// past the limit that the transport and the client's EDNS size allow; what does not fit is left
// out whole and the caller says whether that truncates (RFC 2181 9).
//
// Thread rule: lives on the stack of one answer. No allocation, no failure.

#include <cstddef>
#include <cstdint>
#include <span>

#include "dns/image.h"
#include "dns/wire.h"

namespace dns {

enum class Transport : std::uint8_t { Udp, Tcp };

enum class Section : std::uint8_t { Answer = 6, Authority = 8, Additional = 10 };

/// Which of an image's additional RRsets go along: as many as fit, or those without which the
/// answer is truncated.
enum class Extras : std::uint8_t { Fitting, Required };

class Message {
  public:
    /// Copies header and question of the query. `out` holds at least kUdpPlainMax octets. The
    /// question is the sender's own octets, so that its case comes back (0x20).
    Message(const Query& query,
            std::span<const std::byte> packet,
            Transport transport,
            std::span<std::byte> out) noexcept;

    /// Copies an image's RRset into `section`, and its extras, as many as fit, into the additional
    /// section. `owner` replaces 0xC00C. False if the RRset or a required extra does not fit; then
    /// nothing was written.
    [[nodiscard]] bool append(const ImageView& image,
                              Section section,
                              std::uint16_t owner = kQuestionPointer,
                              Extras extras = Extras::Fitting) noexcept;

    /// Space for one record of `size` octets, counted in `section`; null if it does not fit.
    [[nodiscard]] std::byte* append_record(Section section, std::size_t size) noexcept;

    /// Takes back all records: the answer becomes header and question with TC=1.
    void truncate() noexcept;

    void set_authoritative() noexcept { flags_ |= kFlagAuthoritative; }

    void clear_authoritative() noexcept {
        flags_ = static_cast<std::uint16_t>(flags_ & ~kFlagAuthoritative);
    }

    void set_rcode(Rcode rcode) noexcept { rcode_ = rcode; }

    [[nodiscard]] Rcode rcode() const noexcept { return rcode_; }

    [[nodiscard]] bool truncated() const noexcept { return (flags_ & kFlagTruncated) != 0; }

    /// Octets so far: where the next record starts.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    /// The last `count` octets of the last record.
    [[nodiscard]] std::byte* last(std::size_t count) noexcept { return out_ + size_ - count; }

    /// Writes header and OPT; gives the size of the response.
    [[nodiscard]] std::size_t finish() noexcept;

  private:
    void count(Section section, std::size_t records) noexcept;

    std::byte* out_;
    std::size_t limit_;  // without the OPT's room
    std::size_t size_ = kHeaderSize;
    std::size_t question_end_ = kHeaderSize;
    std::uint16_t id_;
    std::uint16_t flags_;
    Rcode rcode_ = Rcode::NoError;
    bool has_opt_;
    bool dnssec_ok_;
};

}  // namespace dns
