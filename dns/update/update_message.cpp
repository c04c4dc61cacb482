#include "dns/update/update_message.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "dns/packet_cursor.h"
#include "dns/update/message_name.h"
#include "dns/update/record_layout.h"

namespace dns::update {
namespace {

constexpr auto kOpt = static_cast<std::uint16_t>(RrType::Opt);
constexpr auto kAny = static_cast<std::uint16_t>(RrType::Any);
constexpr std::uint32_t kTtlSign = 0x80000000;
constexpr std::uint16_t kRcodeBits = 0x000f;

// RFC 6895 3.1: questions and transports, which no zone holds.
bool is_meta(std::uint16_t type) noexcept {
    return type == 0 || type == kOpt || (type >= 128 && type <= 255);
}

class Reader {
  public:
    explicit Reader(std::span<const std::byte> packet) : packet_(packet), at_(kHeaderSize) {}

    UpdateReading run() {
        if (!read_zone() || !read_section(6, reading_.request.prerequisites, Part::Prerequisite) ||
            !read_section(8, reading_.request.updates, Part::Update) || !skip_additional()) {
            reading_.request = {};
        }
        return std::move(reading_);
    }

  private:
    enum class Part : std::uint8_t { Prerequisite, Update };

    bool fail(Rcode rcode, std::string_view reason) {
        reading_.rcode = rcode;
        reading_.reason = reason;
        return false;
    }

    bool malformed(std::string_view reason) { return fail(Rcode::FormErr, reason); }

    bool read_name(Name& name) {
        std::string wire;
        if (!read_message_name(packet_, at_, packet_.size(), wire)) {
            return malformed("a name");
        }
        auto read = Name::from_wire(std::as_bytes(std::span(wire)));
        if (!read) {
            return malformed("a name");
        }
        name = std::move(read).take_value();
        return true;
    }

    // RFC 2136 3.1.1.
    bool read_zone() {
        if (load_u16(packet_.data() + 4) != 1) {
            return malformed("not one zone");
        }
        if (!read_name(reading_.request.zone)) {
            return false;
        }
        PacketCursor cursor(packet_, at_);
        const auto type = static_cast<RrType>(cursor.take_u16());
        const auto rr_class = static_cast<RrClass>(cursor.take_u16());
        at_ = cursor.at();
        if (cursor.failed() || type != RrType::Soa || rr_class == RrClass::Any ||
            rr_class == RrClass::None) {
            return malformed("the zone section");
        }
        if (rr_class != RrClass::In) {
            return fail(kRcodeNotAuth, "a class that is not served");
        }
        return true;
    }

    bool read_section(std::size_t count_at, std::vector<UpdateRecord>& records, Part part) {
        const unsigned count = load_u16(packet_.data() + count_at);
        for (unsigned i = 0; i < count; ++i) {
            UpdateRecord record;
            if (!read_record(record, part)) {
                return false;
            }
            records.push_back(std::move(record));
        }
        return true;
    }

    bool read_record(UpdateRecord& record, Part part) {
        if (!read_name(record.owner)) {
            return false;
        }
        PacketCursor cursor(packet_, at_);
        record.type = cursor.take_u16();
        record.rr_class = static_cast<RrClass>(cursor.take_u16());
        record.ttl = cursor.take_u32();
        const std::uint16_t size = cursor.take_u16();
        const std::size_t data_at = cursor.at();
        (void)cursor.take(size);  // cut: failed() tells
        if (cursor.failed()) {
            return malformed("a record that is cut");
        }
        at_ = cursor.at();
        if (!record.owner.is_within(reading_.request.zone)) {
            return fail(kRcodeNotZone, "a name outside the zone");
        }
        if (!check_form(record, size, part)) {
            return false;
        }
        const bool with_data = record.rr_class == RrClass::In ||
                               (record.rr_class == RrClass::None && part == Part::Update);
        return !with_data || read_data(record, data_at, size);
    }

    // RFC 2136 3.2.5 and 3.4.1.3.
    bool check_form(UpdateRecord& record, std::size_t size, Part part) {
        const bool zero_ttl = part == Part::Prerequisite || record.rr_class != RrClass::In;
        if (zero_ttl && record.ttl != 0) {
            return malformed("a TTL where none may be");
        }
        record.ttl = (record.ttl & kTtlSign) != 0 ? 0 : record.ttl;
        const bool any_type = record.type == kAny;
        if (is_meta(record.type) && !any_type) {
            return malformed("a type that no zone holds");
        }
        switch (record.rr_class) {
            case RrClass::Any:
                return size == 0 || malformed("data with class ANY");
            case RrClass::None:
                if (part == Part::Prerequisite) {
                    return size == 0 || malformed("data with class NONE");
                }
                return !any_type || malformed("type ANY with class NONE");
            case RrClass::In:
                return !any_type || malformed("type ANY with class IN");
            case RrClass::Chaos:
                break;
        }
        return malformed("a class that has no meaning here");
    }

    bool read_data(UpdateRecord& record, std::size_t at, std::size_t size) {
        switch (read_record_data(packet_, at, size, record.type, record.data)) {
            case DataVerdict::Good:
                return true;
            case DataVerdict::NotTaken:
                record.taken = false;
                return true;
            case DataVerdict::Malformed:
                break;
        }
        return malformed("record data");
    }

    bool skip_additional() {
        PacketCursor cursor(packet_, at_);
        const unsigned count = load_u16(packet_.data() + 10);
        for (unsigned i = 0; i < count && !cursor.failed(); ++i) {
            cursor.skip_name();
            (void)cursor.take(8);
            (void)cursor.take(cursor.take_u16());  // cut: failed() tells
        }
        if (cursor.failed() || cursor.left() != 0) {
            return malformed("the additional section");
        }
        return true;
    }

    std::span<const std::byte> packet_;
    std::size_t at_;
    UpdateReading reading_;
};

}  // namespace

UpdateReading read_update(std::span<const std::byte> packet) {
    return Reader(packet).run();
}

std::size_t write_update_answer(std::span<const std::byte> packet,
                                Rcode rcode,
                                std::size_t reserved,
                                std::span<std::byte> out) noexcept {
    std::memset(out.data(), 0, kHeaderSize);
    std::memcpy(out.data(), packet.data(), 2);
    store_u16(out.data() + 2,
              static_cast<std::uint16_t>(kFlagResponse | kOpcodeUpdate |
                                         (static_cast<std::uint16_t>(rcode) & kRcodeBits)));
    WireName name;  // NOLINT(cppcoreguidelines-pro-type-member-init): see WireName
    PacketCursor cursor(packet, kHeaderSize);
    if (load_u16(packet.data() + 4) != 1) {
        return kHeaderSize;
    }
    cursor.take_name(name);
    (void)cursor.take(4);  // cut: failed() tells
    if (cursor.failed() || cursor.at() + reserved > kUdpPlainMax) {
        return kHeaderSize;
    }
    std::memcpy(out.data() + kHeaderSize, packet.data() + kHeaderSize, cursor.at() - kHeaderSize);
    store_u16(out.data() + 4, 1);
    return cursor.at();
}

}  // namespace dns::update
