#include "storage/path/chunked_read.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "base/check.h"
#include "storage/path/protocol.h"

namespace storage {

using helper::kSlotSize;

void ChunkedRead::start(const std::shared_ptr<PathAttempts>& attempts,
                        PathClient& through,
                        base::Deadline deadline) {
    const std::size_t chunks = (length + kSlotSize - 1) / kSlotSize;
    const std::size_t round = ++round_;
    bytes_.assign(length, std::byte{0});
    sizes_.assign(chunks, 0);
    chunks_left_ = chunks;
    for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
        const std::size_t from = chunk * kSlotSize;
        helper::Request request;
        request.type = helper::RequestType::Read;
        request.path = path;
        request.offset = offset + from;
        request.length =
            static_cast<std::uint32_t>(std::min<std::size_t>(kSlotSize, length - from));
        through.call(
            std::move(request),
            {},
            deadline,
            [self = shared_from_this(), attempts, round, chunk](base::Result<PathAnswer> answer) {
                if (self->round_ == round) {
                    self->on_chunk(*attempts, chunk, std::move(answer));
                }
            });
    }
}

void ChunkedRead::on_chunk(PathAttempts& attempts,
                           std::size_t chunk,
                           base::Result<PathAnswer> answer) {
    if (!answer) {
        ++round_;  // what else comes from this attempt is too late
        attempts.failed(std::move(answer).take_error());
        return;
    }
    const std::span<const std::byte> data = answer.value().data;
    if (!data.empty()) {
        CHECK(chunk * kSlotSize + data.size() <= bytes_.size());
        std::memcpy(bytes_.data() + chunk * kSlotSize, data.data(), data.size());
    }
    sizes_[chunk] = static_cast<std::uint32_t>(data.size());
    if (--chunks_left_ == 0) {
        finish();
    }
}

void ChunkedRead::finish() {
    std::size_t total = 0;
    for (const std::uint32_t size : sizes_) {
        total += size;
        if (size < kSlotSize) {
            break;  // the file ends there, whatever a later chunk found a moment later
        }
    }
    if (total < length && exact) {
        on_done(base::Error{base::Errc::Corrupt, "short read of " + path});
        return;
    }
    bytes_.resize(total);
    on_done(std::move(bytes_));
}

}  // namespace storage
