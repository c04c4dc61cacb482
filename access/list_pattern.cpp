#include "access/list_pattern.h"

#include "access/imap_chars.h"
#include "access/limits.h"
#include "access/mailbox_name.h"

namespace accessd {
namespace {

constexpr std::string_view kInbox = "INBOX";

template <typename Bits>
void set_bit(Bits& bits, std::size_t index) {
    bits[index / 64] |= std::uint64_t{1} << (index % 64);
}

template <typename Bits>
bool has_bit(const Bits& bits, std::size_t index) {
    return ((bits[index / 64] >> (index % 64)) & 1U) != 0;
}

template <typename Bits>
void add_bits(Bits& bits, const Bits& more) {
    for (std::size_t w = 0; w < bits.size(); ++w) {
        bits[w] |= more[w];
    }
}

constexpr char to_lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Names have their first level INBOX in capitals; patterns may write it in any case.
std::size_t inbox_level_size(std::string_view name) {
    const bool inbox = name.substr(0, kInbox.size()) == kInbox &&
                       (name.size() == kInbox.size() || name[kInbox.size()] == kHierarchySeparator);
    return inbox ? kInbox.size() : 0;
}

}  // namespace

// Position n is one more than the tokens matched before it, so the last bit must stay free.
static_assert(kListPatternBytesMax < std::size_t{8} * 64);

base::Result<ListPattern> ListPattern::create(std::string_view pattern) {
    if (pattern.size() > kListPatternBytesMax) {
        return base::Error{base::Errc::TooLarge, "LIST pattern"};
    }
    ListPattern made;
    char last = '\0';
    for (const char c : pattern) {
        const bool wild = c == '*' || c == '%';
        // Neighbours merge: "%%" is "%", and with "*" beside it a "%" says nothing.
        if (wild && (last == '*' || last == '%')) {
            if (c == '*' && last == '%') {
                made.percent_[(made.tokens_ - 1) / 64] &=
                    ~(std::uint64_t{1} << ((made.tokens_ - 1) % 64));
                set_bit(made.star_, made.tokens_ - 1);
                last = '*';
            }
            continue;
        }
        last = c;
        if (c == '*') {
            set_bit(made.star_, made.tokens_);
        } else if (c == '%') {
            set_bit(made.percent_, made.tokens_);
        } else {
            set_bit(made.accepts_[static_cast<unsigned char>(c)], made.tokens_);
        }
        ++made.tokens_;
    }
    return made;
}

void ListPattern::close(Bits& positions) const {
    // A wildcard may match nothing. After merging no two are neighbours, so one pass is enough.
    std::uint64_t carry = 0;
    for (std::size_t w = 0; w < kWords; ++w) {
        const std::uint64_t skips = positions[w] & (star_[w] | percent_[w]);
        positions[w] |= (skips << 1U) | carry;
        carry = skips >> 63U;
    }
}

bool ListPattern::matches(std::string_view name) const {
    Bits positions{};
    set_bit(positions, 0);
    close(positions);
    const std::size_t any_case = inbox_level_size(name);
    for (std::size_t i = 0; i < name.size(); ++i) {
        const char c = name[i];
        Bits accepts = accepts_[static_cast<unsigned char>(c)];
        if (i < any_case) {
            add_bits(accepts, accepts_[static_cast<unsigned char>(to_lower(c))]);
        }
        std::uint64_t carry = 0;
        for (std::size_t w = 0; w < kWords; ++w) {
            const std::uint64_t moved = positions[w] & accepts[w];
            std::uint64_t stayed = positions[w] & star_[w];
            if (c != kHierarchySeparator) {
                stayed |= positions[w] & percent_[w];
            }
            positions[w] = (moved << 1U) | carry | stayed;
            carry = moved >> 63U;
        }
        close(positions);
    }
    return has_bit(positions, tokens_);
}

}  // namespace accessd
