#include "dns/message.h"

#include <algorithm>
#include <cstring>

#include "dns/limits.h"

namespace dns {
namespace {

constexpr std::size_t kPointerMax = 0x3fff;

std::size_t response_limit(const Query& query, Transport transport, std::size_t room) noexcept {
    std::size_t limit = kMessageMax;
    if (transport == Transport::Udp) {
        limit = query.has_opt
                    ? std::clamp<std::size_t>(query.udp_size, kUdpPlainMax, kUdpResponseMax)
                    : kUdpPlainMax;
    }
    return std::min(limit, room);
}

// The smallest response has room for the longest question and every option at its longest.
static_assert(kUdpPlainMax >= kHeaderSize + kNameMax + 4 + kOptSize + kCookieOptionSize +
                                  2 * (kOptionHeaderSize + 2) + kOptionHeaderSize + kNsidMax);

// The owners of an RRset's records, when the RRset is not that of the question's name but of the
// end of a chain of aliases.
void set_owners(std::byte* octets, std::size_t size, std::uint16_t owner) noexcept {
    std::size_t at = 0;
    while (at + 12 <= size) {
        if (load_u16(octets + at) == kQuestionPointer) {
            store_u16(octets + at, owner);
        }
        at += 12U + load_u16(octets + at + 10);
    }
}

}  // namespace

// NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): cookie_ is written before it is read.
Message::Message(const Query& query,
                 std::span<const std::byte> packet,
                 Transport transport,
                 std::span<std::byte> out) noexcept
    : out_(out.data()),
      limit_(response_limit(query, transport, out.size())),
      limit_all_(limit_),
      id_(query.id),
      flags_(static_cast<std::uint16_t>(kFlagResponse | (query.flags & kFlagOpcode) |
                                        (query.flags & kFlagRecursionDesired))),
      has_question_(query.has_question),
      has_opt_(query.has_opt),
      dnssec_ok_(query.has_opt && query.dnssec_ok) {
    if (has_opt_) {
        limit_ -= kOptSize;
    }
    if (has_question_) {
        std::memcpy(out_ + kHeaderSize, packet.data() + kHeaderSize, query.question_size());
        size_ += query.question_size();
        question_end_ = size_;
    }
}

bool Message::append(const ImageView& image,
                     Section section,
                     std::uint16_t owner,
                     Extras extras) noexcept {
    const ImageHeader& header = image.header();
    const std::size_t room = limit_ - size_;
    // Pointers into the image have 14 bits (RFC 1035 4.1.4).
    const bool too_far =
        size_ > kImageBaseMax && header.relocations != 0 && size_ + header.total_size > kPointerMax;
    if (header.size > room || too_far) {
        return false;
    }
    std::size_t size = header.size;
    std::size_t extra_records = 0;
    std::size_t wanted = extras == Extras::Fitting ? header.extras : header.extras_required;
    if (wanted == header.extras && header.total_size <= room) {
        size = header.total_size;  // all of it: the common case
        extra_records = header.extra_records;
        wanted = 0;
    }
    for (std::size_t i = 0; i < wanted; ++i) {
        const ImageExtra extra = image.extra(i);
        if (extra.end > room) {
            if (i < header.extras_required) {
                return false;
            }
            break;
        }
        size = extra.end;
        extra_records += extra.records;
    }
    std::byte* const base = out_ + size_;
    std::memcpy(base, image.octets().data(), size);
    // Kept here: octets that are written could be any object's, which would then be read again.
    const std::size_t relocations = header.relocations;
    const std::size_t question_end = question_end_;
    const std::size_t start = size_;
    for (std::size_t i = 0; i < relocations; ++i) {
        const std::uint16_t at = image.relocation(i);
        if (at >= size) {
            break;
        }
        const unsigned field = load_u16(base + at);
        const std::size_t from = (field & kFromQuestionEnd) != 0 ? question_end : start;
        store_u16(base + at, static_cast<std::uint16_t>(0xc000U | (from + field)));
    }
    if (owner != kQuestionPointer) {
        set_owners(base, header.size, owner);
    }
    size_ += size;
    count(section, header.records);
    count(Section::Additional, extra_records);
    return true;
}

bool Message::append_first(const ImageView& image, Section section, std::uint16_t owner) noexcept {
    // A pointer in an image is known by its place alone.
    const std::byte* const octets = image.octets().data();
    const std::size_t pointer =
        image.header().relocations == 0 ? image.header().size : image.relocation(0);
    std::size_t end = 0;
    while (end != pointer && octets[end] != std::byte{0}) {
        end += std::to_integer<std::size_t>(octets[end]) + 1;
    }
    const std::byte* const at = octets + end + (end == pointer ? 2 : 1);
    const std::size_t size = 10U + load_u16(at + 8);  // RFC 1035 3.2.1
    std::byte* const record = append_record(section, 2 + size);
    if (record == nullptr) {
        return false;
    }
    store_u16(record, owner);
    std::memcpy(record + 2, at, size);
    return true;
}

std::byte* Message::start_record(Section section,
                                 std::uint16_t owner,
                                 RrType type,
                                 std::uint32_t ttl,
                                 std::size_t size) noexcept {
    constexpr std::size_t kFixedSize = 12;  // pointer, type, class, TTL, length
    std::byte* const at = append_record(section, kFixedSize + size);
    if (at == nullptr) {
        return nullptr;
    }
    store_u16(at, owner);
    store_u16(at + 2, static_cast<std::uint16_t>(type));
    store_u16(at + 4, static_cast<std::uint16_t>(RrClass::In));
    store_u32(at + 6, ttl);
    store_u16(at + 10, static_cast<std::uint16_t>(size));
    return at + kFixedSize;
}

std::byte* Message::append_record(Section section, std::size_t size) noexcept {
    if (size > limit_ - size_) {
        return nullptr;
    }
    std::byte* const at = out_ + size_;
    size_ += size;
    count(section, 1);
    return at;
}

void Message::limit_ttls(std::uint32_t most) noexcept {
    std::size_t at = question_end_;
    while (at < size_) {
        while (out_[at] != std::byte{0} && (out_[at] & std::byte{0xc0}) == std::byte{0}) {
            at += std::to_integer<std::size_t>(out_[at]) + 1;
        }
        at += out_[at] == std::byte{0} ? 1 : 2;  // the root, or a pointer
        const std::uint32_t ttl =
            (std::uint32_t{load_u16(out_ + at + 4)} << 16U) | load_u16(out_ + at + 6);
        if (ttl > most) {
            store_u32(out_ + at + 4, most);
        }
        at += std::size_t{10} + load_u16(out_ + at + 8);
    }
}

void Message::clear_records() noexcept {
    size_ = question_end_;
    std::ranges::fill(counts_, 0U);
}

void Message::truncate() noexcept {
    clear_records();
    flags_ |= kFlagTruncated;
}

void Message::set_cookie(const FullCookie& cookie) noexcept {
    if (has_opt_ && !has_cookie_) {
        cookie_ = cookie;
        has_cookie_ = true;
        has_options_ = true;
        limit_ -= kCookieOptionSize;
    }
}

std::size_t Message::finish() noexcept {
    if (has_opt_) {
        write_opt();
    }
    const auto rcode = static_cast<std::uint16_t>(rcode_);
    store_u16(out_, id_);
    store_u16(out_ + 2, static_cast<std::uint16_t>(flags_ | (rcode & 0x0fU)));
    store_u16(out_ + 4, has_question_ ? 1 : 0);
    for (std::size_t section = 0; section < std::size(counts_); ++section) {
        store_u16(out_ + 6 + 2 * section, static_cast<std::uint16_t>(counts_[section]));
    }
    return size_;
}

// RFC 6891 6.1.2; DO comes back as it was sent (RFC 3225 3). Version 0.
void Message::write_opt() noexcept {
    std::byte* const opt = out_ + size_;
    opt[0] = std::byte{0};
    store_u16(opt + 1, static_cast<std::uint16_t>(RrType::Opt));
    store_u16(opt + 3, kUdpResponseMax);
    opt[5] = static_cast<std::byte>(static_cast<unsigned>(rcode_) >> 4);
    opt[6] = std::byte{0};
    store_u16(
        opt + 7,
        static_cast<std::uint16_t>((dnssec_ok_ ? 0x8000U : 0U) | (compact_ok_ ? 0x4000U : 0U)));
    const std::size_t options =
        has_options_ ? write_options({opt + kOptSize, limit_all_ - size_ - kOptSize}) : 0;
    store_u16(opt + 9, static_cast<std::uint16_t>(options));
    size_ += kOptSize + options;
    count(Section::Additional, 1);
}

// What matters most goes first.
std::size_t Message::write_options(std::span<std::byte> room) const noexcept {
    EdnsWriter options(room);
    if (has_cookie_) {
        options.add(EdnsCode::Cookie, cookie_);
    }
    if (has_keepalive_) {
        options.add(EdnsCode::Keepalive, keepalive_);
    }
    if (error_ != ExtendedError::None) {
        options.add(EdnsCode::ExtendedError, static_cast<std::uint16_t>(error_));
    }
    if (!nsid_.empty()) {
        options.add(EdnsCode::Nsid, std::as_bytes(std::span(nsid_)));
    }
    return options.size();
}

}  // namespace dns
