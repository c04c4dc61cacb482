// Fuzzes the snapshot files. Octet 0: which file, and whether the rest is the file or a body to put
// under a good checksum (else the fuzzer would never get past it). What decodes is encoded and
// decoded to the same, and a directory that decodes can be steered and served, or is refused.

#include <cstdint>
#include <string>

#include "base/hash.h"
#include "dns/directory/byte_format.h"
#include "dns/directory/directory_file.h"
#include "test/fuzz/dns_fuzz.h"

namespace {

// See directory_file.h.
std::string framed(std::string_view good, std::string_view body) {
    dns::ByteWriter out;
    out.raw(good.substr(0, 9));
    out.u32(base::crc32c(base::as_bytes(body)));
    out.u64(body.size());
    out.raw(body);
    return out.take();
}

template <typename Decode, typename Encode>
auto again(const std::string& file, Decode decode, Encode encode) {
    auto read = decode(file);
    if (read) {
        const std::string written = encode(read.value());
        const auto second = decode(written);
        dns_fuzz::require(second && encode(second.value()) == written);
    }
    return read;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::string_view rest(reinterpret_cast<const char*>(data) + 1,
                                size - 1);  // NOLINT(*-reinterpret-cast): text
    const auto file = [&](const std::string& good) {
        return (data[0] & 4) != 0 ? std::string(rest) : framed(good, rest);
    };
    if (data[0] % 4 == 0) {
        const auto encode = [](const dns::Directory& read) { return dns::encode_directory(read); };
        auto read = again(file(dns::encode_directory({})), dns::decode_directory, encode);
        if (read) {
            (void)dns_fuzz::build(std::move(read).take_value());  // refused is fine
        }
    } else {
        (void)again(file(dns::encode_trims({})), dns::decode_trims, dns::encode_trims);
    }
    return 0;
}
