// A sequence set reads back from its text and resolves to sorted ranges; sets keep set arithmetic.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "mail/uid_set.h"

namespace {

void check_sorted(const mail::UidSet& set) {
    std::uint64_t next = 1;
    for (const mail::UidRange& range : set.ranges()) {
        CHECK(range.first >= next && range.first <= range.last);
        next = std::uint64_t{range.last} + 2;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto parsed = mail::SequenceSet::parse(text);
    if (!parsed) {
        return 0;
    }
    const auto again = mail::SequenceSet::parse(parsed.value().text());
    CHECK(again && again.value().text() == parsed.value().text());
    const mail::UidSet low = parsed.value().resolve(7);
    const mail::UidSet high = parsed.value().resolve(4'294'967'295U);
    check_sorted(low);
    check_sorted(high);
    const mail::UidSet common = low.intersected_with(high);
    const mail::UidSet rest = low.without(high);
    check_sorted(common);
    check_sorted(rest);
    CHECK(common.count() + rest.count() == low.count());
    CHECK(common.without(high).empty() && rest.intersected_with(high).empty());
    if (!low.empty()) {
        CHECK(mail::parse_uid_set(low.text()).value() == low);
    }
    return 0;
}
