#include "storage/segment/compress.h"

#include <zstd.h>

namespace storage {

namespace {

// Level 1 costs half of level 3 and gains nearly as much on mail; below an eighth of gain the
// reader's work is not worth it.
constexpr int kLevel = 1;
constexpr std::size_t kLeastGain = 8;
constexpr std::size_t kSmallest = 512;

base::Error corrupt() {
    return base::Error{base::Errc::Corrupt, "segment: bad zstd data"};
}

}  // namespace

std::optional<std::string> compress(std::string_view octets) {
    if (octets.size() < kSmallest) {
        return std::nullopt;
    }
    // Room for what is worth keeping only: zstd stops by itself when it does not fit.
    std::string out(octets.size() - octets.size() / kLeastGain, '\0');
    const std::size_t size =
        ZSTD_compress(out.data(), out.size(), octets.data(), octets.size(), kLevel);
    if (ZSTD_isError(size) != 0U) {
        return std::nullopt;
    }
    out.resize(size);
    return out;
}

base::Result<std::string> decompress(std::string_view compressed, std::size_t octets) {
    if (octets > format::kMessageSizeMax) {
        return corrupt();
    }
    std::string out(octets, '\0');
    const std::size_t size =
        ZSTD_decompress(out.data(), out.size(), compressed.data(), compressed.size());
    if (ZSTD_isError(size) != 0U || size != octets) {
        return corrupt();
    }
    return out;
}

void compress_ahead(FrameInput& frame) {
    std::optional<std::string> compressed = compress(frame.message);
    if (!compressed) {
        frame.compression = Compression::None;
        return;
    }
    frame.compression = Compression::Zstd;
    frame.octets = static_cast<std::uint32_t>(frame.message.size());
    frame.message = std::move(*compressed);
}

base::Result<std::string> message_octets(const FrameView& frame) {
    if (frame.compression == Compression::None) {
        return std::string(frame.message);
    }
    return decompress(frame.message, frame.octets);
}

}  // namespace storage
