#include "mail/uid_set.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "mail/ascii.h"
#include "mail/limits.h"

namespace mail {

using base::Errc;
using base::Error;

namespace {

constexpr std::uint32_t kUidMax = std::numeric_limits<std::uint32_t>::max();

void append_range(std::string& out, UidRange range) {
    if (!out.empty()) {
        out.push_back(',');
    }
    out.append(std::to_string(range.first));
    if (range.last != range.first) {
        out.push_back(':');
        out.append(std::to_string(range.last));
    }
}

/// seq-number of RFC 9051 9: nz-number / "*". Takes it from the front of `rest`.
std::optional<std::uint32_t> take_number(std::string_view& rest) {
    if (rest.starts_with('*')) {
        rest.remove_prefix(1);
        return SequenceSet::kStar;
    }
    if (rest.empty() || rest.front() < '1' || rest.front() > '9') {
        return std::nullopt;
    }
    std::uint64_t value = 0;
    while (!rest.empty() && is_digit(rest.front())) {
        value = value * 10 + static_cast<std::uint64_t>(rest.front() - '0');
        if (value > kUidMax) {
            return std::nullopt;
        }
        rest.remove_prefix(1);
    }
    return static_cast<std::uint32_t>(value);
}

}  // namespace

UidSet UidSet::from_ranges(std::vector<UidRange> ranges) {
    std::ranges::sort(ranges, {}, &UidRange::first);
    UidSet set;
    for (const UidRange range : ranges) {
        set.add_range(range);
    }
    return set;
}

void UidSet::add_range(UidRange range) {
    // First range that is not wholly below and apart, and the first that is wholly above and apart.
    const auto begin = std::ranges::partition_point(ranges_, [&](const UidRange& r) {
        return r.last < range.first && range.first - r.last > 1;
    });
    auto end = begin;
    while (end != ranges_.end() && (end->first <= range.last || end->first - range.last == 1)) {
        range.first = std::min(range.first, end->first);
        range.last = std::max(range.last, end->last);
        ++end;
    }
    if (begin == end) {
        ranges_.insert(begin, range);
        return;
    }
    *begin = range;
    ranges_.erase(begin + 1, end);
}

bool UidSet::contains(std::uint32_t uid) const noexcept {
    const auto it = std::ranges::lower_bound(ranges_, uid, {}, &UidRange::last);
    return it != ranges_.end() && it->first <= uid;
}

std::uint64_t UidSet::count() const noexcept {
    std::uint64_t total = 0;
    for (const UidRange& range : ranges_) {
        total += std::uint64_t{range.last} - range.first + 1;
    }
    return total;
}

UidSet UidSet::intersected_with(const UidSet& other) const {
    UidSet out;
    auto a = ranges_.begin();
    auto b = other.ranges_.begin();
    while (a != ranges_.end() && b != other.ranges_.end()) {
        const UidRange common{std::max(a->first, b->first), std::min(a->last, b->last)};
        if (common.first <= common.last) {
            out.add_range(common);
        }
        (a->last < b->last ? a : b)++;
    }
    return out;
}

UidSet UidSet::without(const UidSet& other) const {
    UidSet out;
    auto hole = other.ranges_.begin();
    for (UidRange rest : ranges_) {
        while (hole != other.ranges_.end() && hole->last < rest.first) {
            ++hole;
        }
        bool left = true;
        for (auto h = hole; left && h != other.ranges_.end() && h->first <= rest.last; ++h) {
            if (h->first > rest.first) {
                out.add_range({rest.first, h->first - 1});
            }
            left = h->last < rest.last;
            rest.first = left ? h->last + 1 : rest.first;
        }
        if (left) {
            out.add_range(rest);
        }
    }
    return out;
}

std::string UidSet::text() const {
    std::string out;
    for (const UidRange& range : ranges_) {
        append_range(out, range);
    }
    return out;
}

base::Result<SequenceSet> SequenceSet::parse(std::string_view text) {
    const Error malformed{Errc::Invalid, "malformed sequence set"};
    if (text.size() > kSequenceTextMax) {
        return Error{Errc::TooLarge, "sequence set is too long"};
    }
    SequenceSet set;
    if (text == "$") {
        set.saved_result_ = true;
        return set;
    }
    while (true) {
        if (set.items_.size() >= kSequenceRangesMax) {
            return Error{Errc::TooLarge, "sequence set has too many ranges"};
        }
        const auto first = take_number(text);
        if (!first) {
            return malformed;
        }
        Item item{*first, *first};
        if (text.starts_with(':')) {
            text.remove_prefix(1);
            const auto last = take_number(text);
            if (!last) {
                return malformed;
            }
            item.last = *last;
        }
        set.items_.push_back(item);
        if (text.empty()) {
            return set;
        }
        if (text.front() != ',') {
            return malformed;
        }
        text.remove_prefix(1);
    }
}

bool SequenceSet::has_star() const noexcept {
    return std::ranges::any_of(items_,
                               [](const Item& i) { return i.first == kStar || i.last == kStar; });
}

UidSet SequenceSet::resolve(std::uint32_t largest) const {
    std::vector<UidRange> ranges;
    ranges.reserve(items_.size());
    for (const Item& item : items_) {
        const std::uint32_t a = item.first == kStar ? largest : item.first;
        const std::uint32_t b = item.last == kStar ? largest : item.last;
        if (a != 0 && b != 0) {
            ranges.push_back({std::min(a, b), std::max(a, b)});
        }
    }
    return UidSet::from_ranges(std::move(ranges));
}

std::string SequenceSet::text() const {
    if (saved_result_) {
        return "$";
    }
    const auto number = [](std::uint32_t n) {
        return n == kStar ? std::string("*") : std::to_string(n);
    };
    std::string out;
    for (const Item& item : items_) {
        if (!out.empty()) {
            out.push_back(',');
        }
        out.append(number(item.first));
        if (item.last != item.first) {
            out.append(":").append(number(item.last));
        }
    }
    return out;
}

base::Result<UidSet> parse_uid_set(std::string_view text) {
    const SequenceSet set = TRY(SequenceSet::parse(text));
    if (set.is_saved_result() || set.has_star()) {
        return Error{Errc::Invalid, "set must have numbers only"};
    }
    return set.resolve(0);
}

}  // namespace mail
