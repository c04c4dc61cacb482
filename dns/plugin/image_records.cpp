#include "dns/plugin/image_records.h"

#include <algorithm>
#include <optional>

#include "base/hash.h"
#include "dns/limits.h"
#include "dns/name_places.h"
#include "dns/wire.h"

namespace dns::plugin {
namespace {

constexpr unsigned kPointer = 0xc0;
constexpr std::size_t kRecordFixed = 10;  // type, class, TTL, data length

// Reads an image as it would stand in a message behind its question.
class Reader {
  public:
    Reader(const ImageView& image, const Name& question) {
        const auto name = question.wire();
        message_.resize(kHeaderSize);
        message_.insert(message_.end(), name.begin(), name.end());
        message_.resize(message_.size() + 4);  // type and class: nothing points there
        const std::size_t base = message_.size();
        const auto octets = image.octets();
        message_.insert(message_.end(), octets.begin(), octets.end());
        for (std::size_t i = 0; i < image.header().relocations; ++i) {
            const std::size_t at = base + image.relocation(i);
            const std::uint16_t field = load_u16(message_.data() + at);
            // The question ends where the image begins.
            store_u16(message_.data() + at, static_cast<std::uint16_t>(0xc000U | (base + field)));
        }
        at_ = base;
    }

    [[nodiscard]] std::optional<ImageRecord> next() {
        ImageRecord record;
        std::string owner;
        if (!take_name(owner) || at_ + kRecordFixed > message_.size()) {
            return std::nullopt;
        }
        const std::byte* const fixed = message_.data() + at_;
        record.type = load_u16(fixed);
        record.ttl = (std::uint32_t{load_u16(fixed + 4)} << 16) | load_u16(fixed + 6);
        const std::size_t size = load_u16(fixed + 8);
        at_ += kRecordFixed;
        const std::size_t end = at_ + size;
        if (end > message_.size() || !take_data(name_places(record.type), end, record.data)) {
            return std::nullopt;
        }
        auto name = Name::from_wire(base::as_bytes(owner));
        if (!name) {
            return std::nullopt;
        }
        record.owner = std::move(name).take_value();
        return record;
    }

  private:
    bool take_data(NamePlaces layout, std::size_t end, std::string& data) {
        const std::size_t skipped = std::min(at_ + layout.skip, end);
        append(at_, skipped, data);
        at_ = skipped;
        for (std::size_t i = 0; i < layout.names; ++i) {
            if (!take_name(data)) {
                return false;
            }
        }
        if (at_ > end) {
            return false;
        }
        append(at_, end, data);
        at_ = end;
        return true;
    }

    // Appends the name at at_, whole. It ends: each turn adds a label, or goes back.
    bool take_name(std::string& out) {
        std::size_t at = at_;
        bool jumped = false;
        const std::size_t most = out.size() + kNameMax;
        while (at < message_.size() && out.size() <= most) {
            const auto length = std::to_integer<unsigned>(message_[at]);
            if (length >= kPointer) {
                if (at + 2 > message_.size()) {
                    return false;
                }
                const std::size_t target = load_u16(message_.data() + at) & 0x3fffU;
                if (target >= at) {
                    return false;
                }
                at_ = jumped ? at_ : at + 2;
                jumped = true;
                at = target;
                continue;
            }
            const std::size_t end = at + 1 + length;
            if (end > message_.size()) {
                return false;
            }
            append(at, end, out);
            at = end;
            if (length == 0) {
                at_ = jumped ? at_ : at;
                return true;
            }
        }
        return false;
    }

    void append(std::size_t from, std::size_t to, std::string& out) const {
        out += base::as_text(std::span(message_).subspan(from, to - from));
    }

    std::vector<std::byte> message_;
    std::size_t at_ = 0;
};

}  // namespace

ImageRecords read_image(const ImageView& image, const Name& question) {
    Reader reader(image, question);
    std::size_t extras = 0;
    for (std::size_t i = 0; i < image.header().extras; ++i) {
        extras += image.extra(i).records;
    }
    ImageRecords records;
    for (std::size_t i = 0; i < image.header().records + extras; ++i) {
        auto record = reader.next();
        if (!record) {
            break;
        }
        (i < image.header().records ? records.own : records.extras).push_back(std::move(*record));
    }
    return records;
}

}  // namespace dns::plugin
