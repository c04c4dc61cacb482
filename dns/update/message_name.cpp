#include "dns/update/message_name.h"

#include <algorithm>

#include "dns/limits.h"
#include "dns/wire.h"

namespace dns::update {
namespace {

constexpr unsigned kPointer = 0xc0;
constexpr std::size_t kPointerOffset = 0x3fff;

}  // namespace

bool read_message_name(std::span<const std::byte> message,
                       std::size_t& at,
                       std::size_t end,
                       std::string& wire) {
    end = std::min(end, message.size());
    std::size_t place = at;
    std::size_t start = at;  // of the labels that are being read: pointers lead to before it
    std::size_t size = 0;
    bool jumped = false;
    while (place < end) {
        const auto length = std::to_integer<std::size_t>(message[place]);
        if (length >= kPointer) {
            if (end - place < 2) {
                return false;
            }
            const std::size_t target = load_u16(message.data() + place) & kPointerOffset;
            if (target >= start) {
                return false;
            }
            if (!jumped) {
                at = place + 2;
                jumped = true;
            }
            end = message.size();
            place = start = target;
            continue;
        }
        size += length + 1;
        if (length > kLabelMax || length >= end - place || size > kNameMax) {
            return false;
        }
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): octets as char
        wire.append(reinterpret_cast<const char*>(message.data()) + place, length + 1);
        place += length + 1;
        if (length == 0) {
            at = jumped ? at : place;
            return true;
        }
    }
    return false;
}

}  // namespace dns::update
