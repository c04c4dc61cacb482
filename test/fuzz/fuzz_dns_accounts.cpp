// Fuzzes the file of addresses. Octet 0: bit 0, whether the rest is the file or bodies of blocks
// (each behind a u16 of its size) to put under good checksums, else the fuzzer would never get past
// them; the other bits, the size of the pieces in which it comes. What is read is written and read
// to the same, and what the pieces are does not matter.

#include <cstdint>
#include <string>

#include "base/hash.h"
#include "dns/directory/account_format.h"
#include "test/fuzz/dns_fuzz.h"

namespace {

using Outcome = dns::AccountFileReader::Outcome;

std::string framed(std::string_view bodies) {
    dns::ByteReader in(bodies);
    dns::ByteWriter out;
    out.raw(dns::kAccountMagic);
    while (in.ok() && !in.at_end()) {
        const std::string_view body = in.raw(in.u16());
        out.u32(static_cast<std::uint32_t>(body.size()));
        out.u32(base::crc32c(base::as_bytes(body)));
        out.raw(body);
    }
    return out.take();
}

base::Result<Outcome> read(std::string_view file, std::size_t piece) {
    dns::AccountFileReader reader;
    for (std::size_t at = 0; at < file.size(); at += piece) {
        reader.take(file.substr(at, piece));
    }
    return reader.finish();
}

std::string written(const dns::AccountView& view) {
    std::string bytes;
    const base::Status done = dns::write_accounts(view, [&bytes](std::string_view piece) {
        bytes += piece;
        return base::Status(base::Done{});
    });
    dns_fuzz::require(bool(done));
    return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::string_view rest(reinterpret_cast<const char*>(data) + 1,
                                size - 1);  // NOLINT(*-reinterpret-cast): text
    const std::string file = (data[0] & 1) != 0 ? std::string(rest) : framed(rest);
    const auto found = read(file, 1 + data[0] / 2);
    const auto at_once = read(file, file.size() + 1);
    dns_fuzz::require(bool(found) == bool(at_once));
    if (!found) {
        return 0;
    }
    const std::string again = written(found.value().view);
    dns_fuzz::require(found.value().good <= file.size());
    dns_fuzz::require(again == written(at_once.value().view));
    const auto second = read(again, again.size());
    dns_fuzz::require(bool(second) && second.value().good == again.size());
    dns_fuzz::require(written(second.value().view) == again);
    return 0;
}
