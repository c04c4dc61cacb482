#pragma once

// Image: one RRset ready to be copied into a response, with the addresses of its targets behind
// it. Prebuilt off the answer path; the answer path copies the octets and adds the place where
// they land to each compression pointer.
//
// Layout in an arena (16-bit fields in host order, at an even offset; never stored on disk):
//
//   size, records, total_size, relocations, extras, extras_required, extra_records
//   relocations x { offset of a pointer field }           ascending
//   extras x { end of the extra RRset, its records }      ascending ends
//   total_size octets: the RRset (size octets), then the extra RRsets
//
// Owners of the RRset's own records are 0xC00C, a pointer to the question's name (unless built with
// another owner). Any other pointer is a relocation, whose field holds either an offset from the
// start of the octets, or, with kFromQuestionEnd set, one from the end of the question, below 0:
// that is how an image points at its zone's name, which every question in the zone ends with.
//
// Thread rule: an arena is immutable once built. Compression: RFC 1035 4.1.4, and only in the data
// of the types of RFC 1035 (RFC 3597 4).

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dns/name.h"
#include "dns/zone.h"

namespace dns {

using Arena = std::vector<std::byte>;

inline constexpr std::uint16_t kQuestionPointer = 0xc00c;
inline constexpr std::uint16_t kFromQuestionEnd = 0x8000;
/// An image is copied to an offset of at most this; pointers into it then stay within 14 bits.
inline constexpr std::size_t kImageBaseMax = 4096;

struct ImageHeader {
    std::uint16_t size;        ///< octets of the RRset
    std::uint16_t records;     ///< records of the RRset
    std::uint16_t total_size;  ///< octets with the extras
    std::uint16_t relocations;
    std::uint16_t extras;           ///< RRsets behind it
    std::uint16_t extras_required;  ///< the first of them, without which the answer is truncated
    std::uint16_t extra_records;    ///< of all of them
};

static_assert(sizeof(ImageHeader) == 14);

/// The end of one set of additional records in an image: answers are cut at these places, so that a
/// set is whole or not there (RFC 2181 9).
struct ImageExtra {
    std::uint16_t end;  ///< offset of the octet after it
    std::uint16_t records;
};

/// Reads an image in an arena. Borrowed: valid as long as the arena.
class ImageView {
  public:
    ImageView(const std::byte* arena, std::uint32_t at) noexcept : at_(arena + at) {}

    [[nodiscard]] const ImageHeader& header() const noexcept {
        // NOLINTNEXTLINE(*-reinterpret-cast): it was written there as one, at an even place
        return *reinterpret_cast<const ImageHeader*>(at_);
    }

    [[nodiscard]] std::uint16_t relocation(std::size_t index) const noexcept {
        std::uint16_t value = 0;
        std::memcpy(&value, at_ + sizeof(ImageHeader) + 2 * index, sizeof value);
        return value;
    }

    [[nodiscard]] ImageExtra extra(std::size_t index) const noexcept {
        ImageExtra value{};
        std::memcpy(&value,
                    at_ + sizeof(ImageHeader) + 2U * header().relocations + 4 * index,
                    sizeof value);
        return value;
    }

    [[nodiscard]] std::span<const std::byte> octets() const noexcept {
        const ImageHeader& head = header();
        return {at_ + sizeof head + 2U * head.relocations + 4U * head.extras, head.total_size};
    }

  private:
    const std::byte* at_;
};

/// Builds one image. Call records first, then extras.
class ImageBuilder {
  public:
    /// Every question that this image answers ends with `anchor`; the root if nothing is known.
    explicit ImageBuilder(const Name& anchor);

    /// A record of the RRset; its owner is the question's name.
    void record(std::uint16_t type, std::uint32_t ttl, std::string_view data);

    /// A record of the RRset with another owner: the anchor, or a name above it.
    void record_of(const Name& owner, std::uint16_t type, std::uint32_t ttl, std::string_view data);

    /// An RRset of another owner behind it. `octets` is an image's RRset without relocations (A or
    /// AAAA), owners 0xC00C.
    void extra(const Name& owner, std::span<const std::byte> octets, std::uint16_t records);

    /// The extras so far are required.
    void end_required() { required_ = extras_.size(); }

    /// Octets so far.
    [[nodiscard]] std::size_t size() const { return octets_.size(); }

    /// Appends the image to the arena and gives its offset. TooLarge if it fits no message, or the
    /// arena is full (4 GiB).
    base::Result<std::uint32_t> finish(Arena& arena) const;

  private:
    void put_u16(std::uint16_t value);
    void put_u32(std::uint32_t value);
    void put_pointer(std::uint16_t field);
    void put_name(const Name& name);
    void put_raw_name(std::string_view wire);
    void put_data(std::uint16_t type, std::string_view data);
    void put_body(std::uint16_t type, std::uint32_t ttl, std::string_view data);
    void end_record();

    std::string octets_;
    std::map<std::string, std::uint16_t, std::less<>> known_;  // wire name -> pointer field
    std::vector<std::uint16_t> relocations_;
    std::vector<ImageExtra> extras_;
    std::size_t size_ = 0;
    std::size_t records_ = 0;
    std::size_t required_ = 0;
};

}  // namespace dns
