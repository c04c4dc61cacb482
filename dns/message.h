#pragma once

// Message: a response under construction in the caller's buffer. Bounded: nothing is ever written
// past the limit that the transport and the client's EDNS size allow; what does not fit is left
// out whole and the caller says whether that truncates (RFC 2181 9).
//
// Thread rule: lives on the stack of one answer. No allocation, no failure.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "dns/client.h"
#include "dns/cookie.h"
#include "dns/image.h"
#include "dns/wire.h"

namespace dns {

enum class Section : std::uint8_t { Answer, Authority, Additional };

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

    /// Copies the first record of an image that has its owner written out, as one of `owner`. It
    /// must have no pointer in its data. False, and nothing written, if it does not fit.
    [[nodiscard]] bool append_first(const ImageView& image,
                                    Section section,
                                    std::uint16_t owner) noexcept;

    /// Begins a record of `owner` (a pointer) with `size` octets of data: writes what stands before
    /// them and gives their place; null if it does not fit.
    [[nodiscard]] std::byte* start_record(Section section,
                                          std::uint16_t owner,
                                          RrType type,
                                          std::uint32_t ttl,
                                          std::size_t size) noexcept;

    /// Space for one record of `size` octets, counted in `section`; null if it does not fit.
    [[nodiscard]] std::byte* append_record(Section section, std::size_t size) noexcept;

    /// Takes back all records: the answer becomes header and question.
    void clear_records() noexcept;

    /// The same, with TC=1.
    void truncate() noexcept;

    /// No record so far has a TTL beyond this, in seconds.
    void limit_ttls(std::uint32_t most) noexcept;

    // Options of the reply's OPT; without one in the query nothing comes of them. Only the cookie
    // has its room kept, and so must be set before any record; the others are left out if they do
    // not fit. Errors leave room for all of them.
    void set_cookie(const FullCookie& cookie) noexcept;

    /// Borrowed until finish(). Empty: none.
    void set_nsid(std::string_view nsid) noexcept {
        nsid_ = nsid;
        has_options_ = true;
    }

    /// How long the connection may be idle, in 100 ms (RFC 7828 3.1).
    void set_keepalive(std::uint16_t idle) noexcept {
        keepalive_ = idle;
        has_keepalive_ = true;
        has_options_ = true;
    }

    void set_extended_error(ExtendedError error) noexcept {
        error_ = error;
        has_options_ = true;
    }

    /// CO in the reply's OPT (RFC 9824 5.1).
    void set_compact_ok() noexcept { compact_ok_ = true; }

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
    void count(Section section, std::size_t records) noexcept {
        counts_[static_cast<std::size_t>(section)] += static_cast<std::uint32_t>(records);
    }

    void write_opt() noexcept;
    [[nodiscard]] std::size_t write_options(std::span<std::byte> room) const noexcept;

    std::byte* out_;
    std::size_t limit_;      // without the room of OPT and cookie
    std::size_t limit_all_;  // with it
    std::size_t size_ = kHeaderSize;
    std::size_t question_end_ = kHeaderSize;
    std::uint32_t counts_[3] = {};  // of records, by section
    std::uint16_t id_;
    std::uint16_t flags_;
    Rcode rcode_ = Rcode::NoError;
    ExtendedError error_ = ExtendedError::None;
    bool has_question_;
    bool has_opt_;
    bool dnssec_ok_;
    bool compact_ok_ = false;
    bool has_options_ = false;  // one of those below
    bool has_cookie_ = false;
    bool has_keepalive_ = false;
    std::uint16_t keepalive_ = 0;
    std::string_view nsid_;
    FullCookie cookie_;  // if has_cookie_
};

}  // namespace dns
