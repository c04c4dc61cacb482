#include "mail/part_tree.h"

#include "mail/ascii.h"
#include "mail/limits.h"

namespace mail {

namespace {

std::uint64_t end_of(const PartNode& node) {
    return node.body_offset() + node.body_size;
}

/// True if the node lies in [begin, end); no sum can overflow.
bool lies_within(const PartNode& node, std::uint64_t begin, std::uint64_t end) {
    return node.header_offset >= begin && node.header_offset <= end &&
           node.header_size <= end - node.header_offset &&
           node.body_size <= end - node.header_offset - node.header_size;
}

/// A message has one child, which fills its body; a leaf has none.
bool may_have_child(const PartNode& parent, std::size_t parent_index, std::size_t index) {
    if (parent.type == PartType::Message) {
        return index == parent_index + 1;
    }
    return parent.type == PartType::Multipart;
}

/// A message within fills the body of its parent.
bool fills(const PartNode& child, const PartNode& parent) {
    return parent.type != PartType::Message ||
           (child.header_offset == parent.body_offset() && end_of(child) == end_of(parent));
}

}  // namespace

bool PartTree::is_consistent(std::uint64_t message_size) const noexcept {
    if (nodes_.empty() || nodes_.size() > kPartsMax) {
        return false;
    }
    const PartNode& first = nodes_.front();
    if (first.parent != 0 || first.subtree_end != nodes_.size() || first.header_offset != 0 ||
        end_of(first) != message_size || !lies_within(first, 0, message_size)) {
        return false;
    }
    const auto lacks_child = [this](std::size_t i) {
        return nodes_[i].type == PartType::Message && nodes_[i].subtree_end == i + 1;
    };
    if (lacks_child(0)) {
        return false;
    }
    std::vector<std::size_t> open = {0};
    std::uint64_t taken_to = first.body_offset();
    for (std::size_t i = 1; i < nodes_.size(); ++i) {
        while (nodes_[open.back()].subtree_end == i) {
            taken_to = end_of(nodes_[open.back()]);
            open.pop_back();
        }
        const PartNode& node = nodes_[i];
        const PartNode& parent = nodes_[open.back()];
        const bool fits = node.parent == open.back() && node.subtree_end > i &&
                          node.subtree_end <= parent.subtree_end &&
                          may_have_child(parent, node.parent, i) && fills(node, parent) &&
                          lies_within(node, taken_to, end_of(parent));
        if (!fits || lacks_child(i) || open.size() > kPartDepthMax) {
            return false;
        }
        open.push_back(i);
        taken_to = node.body_offset();
    }
    return true;
}

std::optional<std::uint32_t> PartTree::find(const std::vector<std::uint32_t>& path) const {
    std::uint32_t at = 0;
    bool is_part = false;  // else `at` is a message, whose parts are numbered
    for (const std::uint32_t number : path) {
        if (is_part && nodes_[at].type == PartType::Message) {
            ++at;
            is_part = false;
        }
        if (nodes_[at].type != PartType::Multipart) {
            // A message that is no multipart is its own part 1 (RFC 9051 6.4.5.1).
            if (number != 1 || is_part) {
                return std::nullopt;
            }
            is_part = true;
            continue;
        }
        const std::uint32_t end = nodes_[at].subtree_end;
        std::uint32_t child = at + 1;
        for (std::uint32_t n = 1; n < number && child < end; ++n) {
            child = nodes_[child].subtree_end;
        }
        if (child >= end) {
            return std::nullopt;
        }
        at = child;
        is_part = true;
    }
    return at;
}

std::optional<ByteRange> PartTree::range(const std::vector<std::uint32_t>& path,
                                         PartSpecifier specifier) const {
    if (path.empty()) {
        const PartNode& message = root();
        switch (specifier) {
            case PartSpecifier::Body:
                return ByteRange{0, message.header_size + message.body_size};
            case PartSpecifier::Header:
                return ByteRange{0, message.header_size};
            case PartSpecifier::Text:
                return ByteRange{message.header_size, message.body_size};
            case PartSpecifier::Mime:
                break;
        }
        return std::nullopt;
    }
    const auto index = find(path);
    if (!index) {
        return std::nullopt;
    }
    const PartNode& part = nodes_[*index];
    if (specifier == PartSpecifier::Body) {
        return ByteRange{part.body_offset(), part.body_size};
    }
    if (specifier == PartSpecifier::Mime) {
        return ByteRange{part.header_offset, part.header_size};
    }
    if (part.type != PartType::Message) {
        return std::nullopt;
    }
    const PartNode& within = nodes_[*index + 1];
    return specifier == PartSpecifier::Header ? ByteRange{within.header_offset, within.header_size}
                                              : ByteRange{within.body_offset(), within.body_size};
}

std::optional<std::vector<std::uint32_t>> parse_part_path(std::string_view text) {
    std::vector<std::uint32_t> path;
    while (!text.empty()) {
        std::uint32_t number = 0;
        std::size_t digits = 0;
        while (digits < text.size() && is_digit(text[digits]) && number <= kPartsMax) {
            number = number * 10 + static_cast<std::uint32_t>(text[digits] - '0');
            ++digits;
        }
        if (digits == 0 || text.front() == '0' || path.size() >= kPartDepthMax) {
            return std::nullopt;
        }
        path.push_back(number);
        text.remove_prefix(digits);
        if (text.empty()) {
            break;
        }
        if (text.front() != '.' || text.size() == 1) {
            return std::nullopt;
        }
        text.remove_prefix(1);
    }
    return path;
}

std::optional<ByteRange> part_range(const PartTree& tree,
                                    std::string_view path,
                                    PartSpecifier specifier) {
    const auto numbers = parse_part_path(path);
    return numbers ? tree.range(*numbers, specifier) : std::nullopt;
}

}  // namespace mail
