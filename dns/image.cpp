#include "dns/image.h"

#include <limits>

#include "dns/limits.h"
#include "dns/name_places.h"
#include "dns/wire.h"

namespace dns {
namespace {

constexpr std::size_t kRecordFixed = 12;  // pointer owner, type, class, TTL, data length
constexpr std::size_t kPointerTargetMax = 0x3fff - kImageBaseMax;

std::string_view as_text(std::span<const std::byte> bytes) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): octets as char
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

ImageBuilder::ImageBuilder(const Name& anchor) {
    for (Name name = anchor; !name.is_root(); name = name.parent()) {
        const std::size_t back = name.size() + 4;
        known_.emplace(as_text(name.wire()),
                       static_cast<std::uint16_t>(2 * kFromQuestionEnd - back));
    }
}

void ImageBuilder::record(std::uint16_t type, std::uint32_t ttl, std::string_view data) {
    put_u16(kQuestionPointer);
    put_body(type, ttl, data);
    end_record();
}

void ImageBuilder::record_of(const Name& owner,
                             std::uint16_t type,
                             std::uint32_t ttl,
                             std::string_view data) {
    put_name(owner);
    put_body(type, ttl, data);
    end_record();
}

void ImageBuilder::end_record() {
    ++records_;
    size_ = octets_.size();
}

void ImageBuilder::extra(const Name& owner,
                         std::span<const std::byte> octets,
                         std::uint16_t records) {
    std::size_t at = 0;
    while (at + kRecordFixed <= octets.size()) {
        const std::size_t length = kRecordFixed - 2U + load_u16(octets.data() + at + 10);
        put_name(owner);
        octets_ += as_text(octets.subspan(at + 2, length));
        at += length + 2;
    }
    if (octets_.size() <= kMessageMax) {
        extras_.push_back({static_cast<std::uint16_t>(octets_.size()), records});
    }
}

base::Result<std::uint32_t> ImageBuilder::finish(Arena& arena) const {
    if (octets_.size() > kMessageMax || relocations_.size() > kMessageMax ||
        arena.size() > std::numeric_limits<std::uint32_t>::max() - 4 * kMessageMax) {
        return base::Error{base::Errc::TooLarge, "RRset does not fit a message"};
    }
    const auto at = static_cast<std::uint32_t>(arena.size());
    std::size_t extra_records = 0;
    for (const ImageExtra& extra : extras_) {
        extra_records += extra.records;
    }
    const ImageHeader header{static_cast<std::uint16_t>(size_),
                             static_cast<std::uint16_t>(records_),
                             static_cast<std::uint16_t>(octets_.size()),
                             static_cast<std::uint16_t>(relocations_.size()),
                             static_cast<std::uint16_t>(extras_.size()),
                             static_cast<std::uint16_t>(required_),
                             static_cast<std::uint16_t>(extra_records)};
    const auto append = [&arena](const void* data, std::size_t size) {
        const auto* bytes = static_cast<const std::byte*>(data);
        arena.insert(arena.end(), bytes, bytes + size);
    };
    append(&header, sizeof header);
    append(relocations_.data(), relocations_.size() * sizeof relocations_[0]);
    append(extras_.data(), extras_.size() * sizeof extras_[0]);
    append(octets_.data(), octets_.size());
    arena.resize((arena.size() + 1) & ~std::size_t{1});
    return at;
}

void ImageBuilder::put_u16(std::uint16_t value) {
    octets_.push_back(static_cast<char>(value >> 8));
    octets_.push_back(static_cast<char>(value & 0xff));
}

void ImageBuilder::put_u32(std::uint32_t value) {
    put_u16(static_cast<std::uint16_t>(value >> 16));
    put_u16(static_cast<std::uint16_t>(value & 0xffff));
}

void ImageBuilder::put_pointer(std::uint16_t field) {
    if (octets_.size() <= kMessageMax) {
        relocations_.push_back(static_cast<std::uint16_t>(octets_.size()));
    }
    put_u16(field);
}

void ImageBuilder::put_name(const Name& name) {
    std::string_view rest = as_text(name.wire());
    while (rest.size() > 1) {
        const auto found = known_.find(rest);
        if (found != known_.end()) {
            put_pointer(found->second);
            return;
        }
        if (octets_.size() <= kPointerTargetMax) {
            known_.emplace(rest, static_cast<std::uint16_t>(octets_.size()));
        }
        const std::size_t label = static_cast<unsigned char>(rest[0]) + 1U;
        octets_ += rest.substr(0, label);
        rest.remove_prefix(label);
    }
    octets_.push_back('\0');
}

// Not compressed, but a later owner may point here.
void ImageBuilder::put_raw_name(std::string_view wire) {
    std::size_t at = 0;
    while (at + 1 < wire.size() && octets_.size() + at <= kPointerTargetMax) {
        const auto name = Name::from_wire(std::as_bytes(std::span(wire.substr(at))));
        if (!name) {
            break;
        }
        known_.emplace(as_text(name.value().wire()),
                       static_cast<std::uint16_t>(octets_.size() + at));
        at += static_cast<unsigned char>(wire[at]) + 1U;
    }
    octets_ += wire;
}

void ImageBuilder::put_data(std::uint16_t type, std::string_view data) {
    const NamePlaces places = name_places(type);
    if (static_cast<RrType>(type) == RrType::Srv && data.size() > 6) {
        octets_ += data.substr(0, 6);  // RFC 2782: the target is not compressed
        put_raw_name(data.substr(6));
        return;
    }
    octets_ += data.substr(0, places.skip);
    data.remove_prefix(std::min(places.skip, data.size()));
    for (std::size_t i = 0; i < places.names; ++i) {
        const std::size_t length = name_size(data);
        const auto name = Name::from_wire(std::as_bytes(std::span(data.substr(0, length))));
        if (!name) {
            break;
        }
        put_name(name.value());
        data.remove_prefix(length);
    }
    octets_ += data;
}

// Type, class, TTL, length and data.
void ImageBuilder::put_body(std::uint16_t type, std::uint32_t ttl, std::string_view data) {
    put_u16(type);
    put_u16(static_cast<std::uint16_t>(RrClass::In));
    put_u32(ttl);
    const std::size_t length_at = octets_.size();
    put_u16(0);
    put_data(type, data);
    const std::size_t length = octets_.size() - length_at - 2;
    octets_[length_at] = static_cast<char>(length >> 8);
    octets_[length_at + 1] = static_cast<char>(length & 0xff);
}

}  // namespace dns
