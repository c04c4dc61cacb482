// Fuzzes the segment reader, two ways by the first octet of the input.
//   even: the rest is a file; nothing may crash, and what replay accepts decodes alone.
//   odd:  the rest is a script of edits on a good segment, in steps of four octets (place, value);
//         whatever is damaged, every frame that comes out is one that was put in.
//
// clang++ -fsanitize=fuzzer,address; seeds in test/fuzz/corpus/segment.

#include <cstdint>
#include <cstdlib>
#include <span>

#include "storage/segment/compress.h"
#include "storage/segment/reader.h"
#include "test/unit/storage/segment/segment_fixture.h"

namespace {

void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

void replay_file(std::span<const std::byte> file) {
    const auto found = storage::replay(file);
    if (!found) {
        return;
    }
    for (const storage::IndexEntry& entry : found.value().frames) {
        const auto frame = storage::decode_frame(
            found.value().header.header,
            entry.offset,
            file.subspan(static_cast<std::size_t>(entry.offset), entry.length));
        require(frame.operator bool());
        (void)storage::message_octets(frame.value());  // either way is fine
    }
    (void)storage::verify_sealed(file);
    (void)storage::seal_offset(file);
}

void damage_segment(std::span<const std::byte> script) {
    static const storage_test::BuiltSegment kBuilt = storage_test::build_segment(
        storage_test::make_header(), {"one", std::string(500, 'x'), "", "four"}, true, true);
    storage::Bytes bytes = kBuilt.bytes;
    const std::size_t first = kBuilt.frames[0].offset;
    for (; script.size() >= 4; script = script.subspan(4)) {
        const std::size_t place = (std::to_integer<std::size_t>(script[0]) << 8U) |
                                  std::to_integer<std::size_t>(script[1]);
        bytes[first + place % (bytes.size() - first)] = script[2];
    }
    const auto found = storage::replay(bytes);
    require(found.operator bool());
    for (const storage::IndexEntry& entry : found.value().frames) {
        bool genuine = false;
        for (const storage::FrameLocation& written : kBuilt.frames) {
            genuine = genuine ||
                      (written.offset == entry.offset && written.length == entry.length &&
                       std::equal(
                           bytes.begin() + static_cast<std::ptrdiff_t>(entry.offset),
                           bytes.begin() + static_cast<std::ptrdiff_t>(entry.offset + entry.length),
                           kBuilt.bytes.begin() + static_cast<std::ptrdiff_t>(entry.offset)));
        }
        require(genuine);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const auto rest = std::as_bytes(std::span(data, size)).subspan(1);
    if (data[0] % 2 == 0) {
        replay_file(rest);
    } else {
        damage_segment(rest);
    }
    return 0;
}
