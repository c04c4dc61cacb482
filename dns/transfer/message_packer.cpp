#include "dns/transfer/message_packer.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/hash.h"
#include "dns/limits.h"
#include "dns/name_places.h"

namespace dns::transfer {
namespace {

constexpr std::size_t kFixedSize = 10;  // type, class, TTL, data length
constexpr std::size_t kPointerMax = 0x3fff;
constexpr std::uint16_t kPointer = 0xc000;

}  // namespace

MessagePacker::MessagePacker(const TransferRequest& request,
                             std::span<std::byte> out,
                             std::size_t reserved,
                             bool is_first)
    : out_(out), reserved_(reserved), size_(kHeaderSize), has_opt_(is_first && request.has_opt) {
    CHECK(out.size() >= kMessageMax && reserved < kMessageMax - kTransferMessageSize);
    std::memset(out_.data(), 0, kHeaderSize);
    store_u16(out_.data(), request.id);
    store_u16(out_.data() + 2, kFlagResponse | kFlagAuthoritative);
    if (is_first) {
        std::ranges::copy(request.question, out_.begin() + kHeaderSize);
        size_ += request.question.size();
        store_u16(out_.data() + 4, 1);
    }
}

std::size_t MessagePacker::limit() const noexcept {
    const std::size_t whole = empty() ? kMessageMax - reserved_ : kTransferMessageSize;
    return whole - (has_opt_ ? kOptSize : 0);
}

bool MessagePacker::add(const RecordView& record) {
    // Compression only makes it smaller, so this is a bound that needs no second pass.
    if (record.octets().size() > limit() - std::min(size_, limit()) || records_ == 0xffff) {
        return false;
    }
    put_name(record.owner());
    const std::string_view fixed = record.octets().substr(record.owner().size(), kFixedSize - 2);
    put(fixed);
    const std::size_t length_at = size_;
    put_u16(0);
    put_data(record.type(), record.data());
    const auto length = static_cast<std::uint16_t>(size_ - length_at - 2);
    store_u16(out_.data() + length_at, length);
    ++records_;
    return true;
}

std::size_t MessagePacker::finish() {
    store_u16(out_.data() + 6, records_);
    if (has_opt_) {
        std::byte* const at = out_.data() + size_;
        std::memset(at, 0, kOptSize);
        store_u16(at + 1, static_cast<std::uint16_t>(RrType::Opt));
        store_u16(at + 3, static_cast<std::uint16_t>(kUdpResponseMax));
        store_u16(out_.data() + 10, 1);
        size_ += kOptSize;
    }
    return size_;
}

std::size_t MessagePacker::refuse(Rcode rcode, ExtendedError error) {
    store_u16(out_.data() + 2,
              static_cast<std::uint16_t>(kFlagResponse | static_cast<std::uint16_t>(rcode)));
    if (!has_opt_) {
        return finish();
    }
    const std::size_t options_at = finish();
    EdnsWriter options(out_.subspan(options_at, kOptionHeaderSize + 2));
    (void)options.add(EdnsCode::ExtendedError, static_cast<std::uint16_t>(error));
    size_ += options.size();
    store_u16(out_.data() + options_at - 2, static_cast<std::uint16_t>(options.size()));
    return size_;
}

void MessagePacker::put(std::string_view octets) {
    std::memcpy(out_.data() + size_, octets.data(), octets.size());
    size_ += octets.size();
}

void MessagePacker::put_u16(std::uint16_t value) {
    store_u16(out_.data() + size_, value);
    size_ += 2;
}

void MessagePacker::put_name(std::string_view name) {
    while (name.size() > 1) {
        const auto known = known_.find(name);
        if (known != known_.end()) {
            put_u16(static_cast<std::uint16_t>(kPointer | known->second));
            return;
        }
        if (size_ <= kPointerMax) {
            known_.emplace(name, static_cast<std::uint16_t>(size_));
        }
        const std::size_t label = static_cast<unsigned char>(name[0]) + 1U;
        put(name.substr(0, label));
        name.remove_prefix(label);
    }
    put(name);
}

void MessagePacker::put_data(std::uint16_t type, std::string_view data) {
    const NamePlaces places = name_places(type);
    if (places.names != 0 && data.size() > places.skip) {
        put(data.substr(0, places.skip));
        data.remove_prefix(places.skip);
        for (std::size_t i = 0; i < places.names && !data.empty(); ++i) {
            const std::size_t size = name_size(data);
            put_name(data.substr(0, size));
            data.remove_prefix(size);
        }
    }
    put(data);
}

}  // namespace dns::transfer
