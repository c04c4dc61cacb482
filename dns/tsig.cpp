#include "dns/tsig.h"

#include <algorithm>
#include <cstring>

#include "dns/packet_cursor.h"

namespace dns {
namespace {

constexpr std::size_t kTruncatedMin = 10;  // RFC 8945 5.2.2.1
constexpr std::size_t kFixedSize = 10;     // type, class, TTL, data length of a record
constexpr std::size_t kTimersSize = 8;     // time signed, fudge
constexpr std::size_t kOtherTimeSize = 6;  // our time, with BADTIME
constexpr std::size_t kQuestionFixed = 4;  // type and class
constexpr std::uint16_t kRcodeBits = 0x000f;

constexpr std::array<std::string_view, 3> kAlgorithms = {
    "hmac-sha256", "hmac-sha384", "hmac-sha512"};
constexpr std::array<std::string_view, 3> kAlgorithmWires = {
    std::string_view("\x0bhmac-sha256\0", 13),
    std::string_view("\x0bhmac-sha384\0", 13),
    std::string_view("\x0bhmac-sha512\0", 13)};

bool same_octets(std::span<const std::byte> left, std::span<const std::byte> right) noexcept {
    return std::ranges::equal(left, right);
}

bool less_octets(std::span<const std::byte> left, std::span<const std::byte> right) noexcept {
    return std::ranges::lexicographical_compare(left, right);
}

void store_u48(std::byte* at, std::uint64_t value) noexcept {
    store_u16(at, static_cast<std::uint16_t>((value >> 32) & 0xffff));
    store_u32(at + 2, static_cast<std::uint32_t>(value & 0xffffffff));
}

// What a code is taken over beside the message.
struct Signed {
    std::span<const std::byte> name;       // of the key, lower case
    std::span<const std::byte> algorithm;  // lower case
    std::uint64_t time = 0;
    std::uint16_t fudge = 0;
    std::uint16_t error = 0;
    std::span<const std::byte> other;
};

enum class Variables : std::uint8_t { All, TimersOnly };

void add_prior(Hmac& hmac, std::span<const std::byte> prior) noexcept {
    std::array<std::byte, 2> size{};
    store_u16(size.data(), static_cast<std::uint16_t>(prior.size()));
    hmac.update(size);
    hmac.update(prior);
}

// RFC 8945 4.3.3; only the timers for messages of an answer after its first (5.3.1).
void add_variables(Hmac& hmac, const Signed& fields, Variables which) noexcept {
    std::array<std::byte, kTimersSize> timers{};
    store_u48(timers.data(), fields.time);
    store_u16(timers.data() + 6, fields.fudge);
    if (which == Variables::TimersOnly) {
        hmac.update(timers);
        return;
    }
    hmac.update(fields.name);
    std::array<std::byte, 6> class_and_ttl{};
    store_u16(class_and_ttl.data(), static_cast<std::uint16_t>(RrClass::Any));
    hmac.update(class_and_ttl);
    hmac.update(fields.algorithm);
    hmac.update(timers);
    std::array<std::byte, 4> error{};
    store_u16(error.data(), fields.error);
    store_u16(error.data() + 2, static_cast<std::uint16_t>(fields.other.size()));
    hmac.update(error);
    hmac.update(fields.other);
}

// The header as it was before the TSIG was added, and before a forwarder changed its ID.
void unsign_header(std::byte* header, std::uint16_t original_id) noexcept {
    store_u16(header, original_id);
    store_u16(header + 10, static_cast<std::uint16_t>(load_u16(header + 10) - 1));
}

// The message as it was before its TSIG was added: RFC 8945 4.3.2.
void add_message(Hmac& hmac, std::span<const std::byte> packet, const TsigRecord& record) noexcept {
    std::array<std::byte, kHeaderSize> header{};
    std::ranges::copy(packet.first(kHeaderSize), header.begin());
    unsign_header(header.data(), record.original_id);
    hmac.update(header);
    hmac.update(packet.subspan(kHeaderSize, record.message_size - kHeaderSize));
}

struct Found {
    bool present = false;
    bool malformed = false;
};

// Walks all records up to a TSIG, which must be the last of the additional section, and alone.
Found find_tsig(PacketCursor& cursor, std::span<const std::byte> packet) noexcept {
    for (unsigned i = 0; i < load_u16(packet.data() + 4); ++i) {
        cursor.skip_name();
        (void)cursor.take(kQuestionFixed);  // cut: failed() tells
        if (cursor.failed()) {
            return {false, true};
        }
    }
    const std::uint32_t before =
        std::uint32_t{load_u16(packet.data() + 6)} + load_u16(packet.data() + 8);
    const std::uint32_t all = before + load_u16(packet.data() + 10);
    for (std::uint32_t i = 0; i < all; ++i) {
        const PacketCursor start = cursor;
        cursor.skip_name();
        const std::uint16_t type = cursor.take_u16();
        (void)cursor.take(kFixedSize - 4);  // cut: failed() tells
        (void)cursor.take(cursor.take_u16());
        if (cursor.failed()) {
            return {false, true};
        }
        if (type == static_cast<std::uint16_t>(RrType::Tsig)) {
            const bool last = i + 1 == all && i >= before && cursor.left() == 0;
            cursor = start;
            return {last, !last};
        }
    }
    return {};
}

struct Parsed {
    std::span<const std::byte> other;
    bool good = false;
    bool mac_too_long = false;  // for any algorithm that we know
};

// Reads the record that the cursor stands at.
Parsed read_record(PacketCursor& cursor, TsigRecord& record) noexcept {
    record.message_size = cursor.at();
    cursor.take_name(record.name);
    (void)cursor.take_u16();  // the type, known
    const std::uint16_t rr_class = cursor.take_u16();
    const std::uint32_t ttl = cursor.take_u32();
    const std::uint16_t length = cursor.take_u16();
    if (cursor.failed() || rr_class != static_cast<std::uint16_t>(RrClass::Any) || ttl != 0 ||
        length != cursor.left()) {
        return {};
    }
    cursor.take_name(record.algorithm);
    record.time_signed = cursor.take_u48();
    record.fudge = cursor.take_u16();
    const auto mac = cursor.take(cursor.take_u16());
    record.original_id = cursor.take_u16();
    record.error = cursor.take_u16();
    const std::uint16_t other_size = cursor.take_u16();
    const auto other = cursor.take(other_size);
    if (cursor.failed() || cursor.left() != 0) {
        return {};
    }
    if (mac.size() > kMacMax) {
        return {other, true, true};
    }
    record.mac.size = mac.size();
    std::ranges::copy(mac, record.mac.octets.begin());
    return {other, true, false};
}

bool in_time(const TsigRecord& record, std::uint64_t now_s) noexcept {
    const std::uint64_t distance =
        now_s > record.time_signed ? now_s - record.time_signed : record.time_signed - now_s;
    return distance <= record.fudge;
}

// What is signed: this record's fields under the key that we know, whose name is the record's.
Signed signed_fields(const TsigRecord& record,
                     const TsigKey& key,
                     std::span<const std::byte> other) noexcept {
    return {key.name.wire(),
            tsig_algorithm_wire(key.hmac.algorithm()),
            record.time_signed,
            record.fudge,
            record.error,
            other};
}

// Length, code, time, truncation: in the order of RFC 8945 5.2.
TsigVerdict judge(const TsigRecord& record, const Mac& right, std::uint64_t now_s) noexcept {
    const std::size_t least = std::max(kTruncatedMin, right.size / 2);
    if (record.mac.size > right.size || record.mac.size < least) {
        return TsigVerdict::Malformed;
    }
    if (!same_mac(record.mac.bytes(), right.bytes().first(record.mac.size))) {
        return TsigVerdict::BadSig;
    }
    if (!in_time(record, now_s)) {
        return TsigVerdict::BadTime;
    }
    return record.mac.size < right.size ? TsigVerdict::BadTrunc : TsigVerdict::Good;
}

// Header and question of a packet, as far as they are whole, as the start of an answer.
std::size_t start_error(std::span<const std::byte> packet,
                        Rcode rcode,
                        std::span<std::byte> out) noexcept {
    std::size_t size = kHeaderSize;
    std::memset(out.data(), 0, kHeaderSize);
    std::memcpy(out.data(), packet.data(), 2);
    const std::uint16_t flags = load_u16(packet.data() + 2);
    store_u16(out.data() + 2,
              static_cast<std::uint16_t>(kFlagResponse | (flags & kFlagOpcode) |
                                         (flags & kFlagRecursionDesired) |
                                         (static_cast<std::uint16_t>(rcode) & kRcodeBits)));
    if (load_u16(packet.data() + 4) == 1) {
        PacketCursor cursor(packet, kHeaderSize);
        WireName name;  // NOLINT(cppcoreguidelines-pro-type-member-init): see WireName
        cursor.take_name(name);
        (void)cursor.take(kQuestionFixed);  // cut: failed() tells
        if (!cursor.failed()) {
            size = cursor.at();
            std::memcpy(out.data() + kHeaderSize, packet.data() + kHeaderSize, size - kHeaderSize);
            store_u16(out.data() + 4, 1);
        }
    }
    return size;
}

}  // namespace

// A TSIG record as it is to be written.
struct detail::TsigFields {
    std::span<const std::byte> name;
    std::span<const std::byte> algorithm;
    std::uint64_t time = 0;
    std::uint16_t fudge = 0;
    std::uint16_t original_id = 0;
    TsigError error = TsigError::None;
    std::span<const std::byte> other;
    std::span<const std::byte> mac;

    // Appends the record to a message and counts it.
    [[nodiscard]] std::size_t write(std::span<std::byte> buffer, std::size_t size) const noexcept {
        std::byte* at = buffer.data() + size;
        const auto put = [&at](std::span<const std::byte> octets) {
            at = std::ranges::copy(octets, at).out;
        };
        const auto put_u16 = [&at](std::size_t value) {
            store_u16(at, static_cast<std::uint16_t>(value));
            at += 2;
        };
        put(name);
        put_u16(static_cast<std::size_t>(RrType::Tsig));
        put_u16(static_cast<std::size_t>(RrClass::Any));
        put_u16(0);
        put_u16(0);
        put_u16(algorithm.size() + kTimersSize + 2 + mac.size() + 6 + other.size());
        put(algorithm);
        store_u48(at, time);
        at += 6;
        put_u16(fudge);
        put_u16(mac.size());
        put(mac);
        put_u16(original_id);
        put_u16(static_cast<std::size_t>(error));
        put_u16(other.size());
        put(other);
        const auto count = static_cast<std::uint16_t>(load_u16(buffer.data() + 10) + 1);
        store_u16(buffer.data() + 10, count);
        return static_cast<std::size_t>(at - buffer.data());
    }
};

base::Result<HmacAlgorithm> tsig_algorithm(std::string_view text) {
    const auto found = std::ranges::find(kAlgorithms, text);
    if (found == kAlgorithms.end()) {
        return base::Error{base::Errc::Invalid,
                           "no TSIG algorithm '" + std::string(text) +
                               "': give hmac-sha256, hmac-sha384 or hmac-sha512"};
    }
    return static_cast<HmacAlgorithm>(found - kAlgorithms.begin());
}

std::string_view tsig_algorithm_text(HmacAlgorithm algorithm) noexcept {
    return kAlgorithms[static_cast<std::size_t>(algorithm)];
}

std::span<const std::byte> tsig_algorithm_wire(HmacAlgorithm algorithm) noexcept {
    const std::string_view wire = kAlgorithmWires[static_cast<std::size_t>(algorithm)];
    return std::as_bytes(std::span(wire));
}

TsigKeys::TsigKeys(std::vector<TsigKey> keys) : keys_(std::move(keys)) {
    std::ranges::stable_sort(keys_, [](const TsigKey& left, const TsigKey& right) {
        return less_octets(left.name.wire(), right.name.wire());
    });
}

const TsigKey* TsigKeys::find(std::span<const std::byte> name) const noexcept {
    const auto at = std::ranges::lower_bound(
        keys_, name, less_octets, [](const TsigKey& key) { return key.name.wire(); });
    return at != keys_.end() && same_octets(at->name.wire(), name) ? &*at : nullptr;
}

TsigVerdict verify_tsig(const TsigKeys& keys,
                        std::span<const std::byte> packet,
                        std::uint64_t now_s,
                        TsigRecord& record) noexcept {
    if (packet.size() < kHeaderSize) {
        return TsigVerdict::Malformed;
    }
    PacketCursor cursor(packet, kHeaderSize);
    const Found found = find_tsig(cursor, packet);
    if (!found.present) {
        return found.malformed ? TsigVerdict::Malformed : TsigVerdict::Absent;
    }
    const Parsed parsed = read_record(cursor, record);
    if (!parsed.good) {
        return TsigVerdict::Malformed;
    }
    const TsigKey* const key = keys.find(record.name.wire());
    if (key == nullptr ||
        !same_octets(tsig_algorithm_wire(key->hmac.algorithm()), record.algorithm.wire())) {
        return TsigVerdict::BadKey;
    }
    if (parsed.mac_too_long) {
        return TsigVerdict::Malformed;
    }
    record.key = key;
    Hmac hmac(key->hmac);
    add_message(hmac, packet, record);
    add_variables(hmac, signed_fields(record, *key, parsed.other), Variables::All);
    return judge(record, hmac.finish(), now_s);
}

TsigVerdict verify_tsig_answer(const TsigKey& key,
                               std::span<const std::byte> request_mac,
                               std::span<const std::byte> packet,
                               std::uint64_t now_s) noexcept {
    if (packet.size() < kHeaderSize) {
        return TsigVerdict::Malformed;
    }
    PacketCursor cursor(packet, kHeaderSize);
    const Found found = find_tsig(cursor, packet);
    if (!found.present) {
        return found.malformed ? TsigVerdict::Malformed : TsigVerdict::Absent;
    }
    TsigRecord record;
    const Parsed parsed = read_record(cursor, record);
    if (!parsed.good || parsed.mac_too_long) {
        return TsigVerdict::Malformed;
    }
    if (!same_octets(key.name.wire(), record.name.wire()) ||
        !same_octets(tsig_algorithm_wire(key.hmac.algorithm()), record.algorithm.wire())) {
        return TsigVerdict::BadKey;
    }
    Hmac hmac(key.hmac);
    add_prior(hmac, request_mac);
    add_message(hmac, packet, record);
    add_variables(hmac, signed_fields(record, key, parsed.other), Variables::All);
    const TsigVerdict verdict = judge(record, hmac.finish(), now_s);
    if (verdict == TsigVerdict::Good && record.error != 0) {
        return record.error == static_cast<std::uint16_t>(TsigError::BadTime) ? TsigVerdict::BadTime
                                                                              : TsigVerdict::BadSig;
    }
    return verdict;
}

std::span<std::byte> strip_tsig(std::span<const std::byte> packet,
                                const TsigRecord& record,
                                std::span<std::byte> out) noexcept {
    std::memcpy(out.data(), packet.data(), record.message_size);
    unsign_header(out.data(), record.original_id);
    return out.first(record.message_size);
}

std::size_t tsig_record_size(const TsigKey& key) noexcept {
    return key.name.size() + kFixedSize + tsig_algorithm_wire(key.hmac.algorithm()).size() +
           kTimersSize + 2 + mac_size(key.hmac.algorithm()) + 6 + kOtherTimeSize;
}

std::size_t TsigSigner::append(std::span<std::byte> buffer,
                               std::size_t size,
                               const detail::TsigFields& fields) noexcept {
    Hmac hmac(key_->hmac);
    if (has_prior_) {
        add_prior(hmac, prior_.bytes());
    }
    hmac.update(buffer.first(size));
    add_variables(hmac,
                  {fields.name,
                   fields.algorithm,
                   fields.time,
                   fields.fudge,
                   static_cast<std::uint16_t>(fields.error),
                   fields.other},
                  first_ ? Variables::All : Variables::TimersOnly);
    const Mac mac = hmac.finish();
    detail::TsigFields whole = fields;
    whole.mac = mac.bytes();
    const std::size_t result = whole.write(buffer, size);
    prior_ = mac;
    first_ = !has_prior_;  // a request starts anew, an answer is continued
    return result;
}

std::size_t TsigSigner::sign(std::span<std::byte> buffer,
                             std::size_t size,
                             std::uint64_t now_s) noexcept {
    detail::TsigFields fields;
    fields.name = key_->name.wire();
    fields.algorithm = tsig_algorithm_wire(key_->hmac.algorithm());
    fields.time = now_s;
    fields.fudge = kTsigFudge;
    fields.original_id = load_u16(buffer.data());
    return append(buffer, size, fields);
}

std::size_t TsigSigner::sign_error(std::span<std::byte> buffer,
                                   std::size_t size,
                                   TsigError error,
                                   const TsigRecord& request,
                                   std::uint64_t now_s) noexcept {
    std::array<std::byte, kOtherTimeSize> ours{};
    store_u48(ours.data(), now_s);
    detail::TsigFields fields;
    fields.name = key_->name.wire();
    fields.algorithm = tsig_algorithm_wire(key_->hmac.algorithm());
    fields.time = request.time_signed;
    fields.fudge = request.fudge;
    fields.original_id = load_u16(buffer.data());
    fields.error = error;
    if (error == TsigError::BadTime) {
        fields.other = ours;
    } else {
        fields.time = now_s;
        fields.fudge = kTsigFudge;
    }
    return append(buffer, size, fields);
}

std::size_t answer_tsig_error(std::span<const std::byte> packet,
                              TsigVerdict verdict,
                              const TsigRecord& record,
                              std::uint64_t now_s,
                              std::span<std::byte> out) noexcept {
    if (packet.size() < kHeaderSize || (load_u16(packet.data() + 2) & kFlagResponse) != 0) {
        return 0;
    }
    const bool malformed = verdict == TsigVerdict::Malformed;
    const std::size_t size = start_error(packet, malformed ? Rcode::FormErr : kRcodeNotAuth, out);
    switch (verdict) {
        case TsigVerdict::BadTime:
            return TsigSigner(record).sign_error(out, size, TsigError::BadTime, record, now_s);
        case TsigVerdict::BadTrunc:
            return TsigSigner(record).sign_error(out, size, TsigError::BadTrunc, record, now_s);
        case TsigVerdict::BadKey:
        case TsigVerdict::BadSig:
            break;
        case TsigVerdict::Absent:
        case TsigVerdict::Good:
        case TsigVerdict::Malformed:
            return size;
    }
    // Not signed: the sender's own names and time, no code (RFC 8945 5.3.2). Two long names and
    // the question may not fit; the RCODE alone says enough then.
    const std::size_t needed =
        record.name.size + record.algorithm.size + kFixedSize + kTimersSize + 8;
    if (needed > out.size() - size) {
        return size;
    }
    detail::TsigFields fields;
    fields.name = record.name.wire();
    fields.algorithm = record.algorithm.wire();
    fields.time = record.time_signed;
    fields.fudge = record.fudge;
    fields.original_id = record.original_id;
    fields.error = verdict == TsigVerdict::BadKey ? TsigError::BadKey : TsigError::BadSig;
    return fields.write(out, size);
}

}  // namespace dns
