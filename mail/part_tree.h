#pragma once

// PartTree: where each MIME part of a message is. It is what a listing and a FETCH of a section
// need, small enough to be stored with every message; structure.h makes it, summary.h stores it.
//
// Offsets are octets from the start of the message; sizes are octets as stored.
// Thread rule: an immutable value after it was made.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace mail {

/// What a part is to the structure. The numbers are stored.
enum class PartType : std::uint8_t {
    Other = 0,      ///< a leaf that is not text
    Text = 1,       ///< text/*
    Multipart = 2,  ///< its children are the parts
    Message = 3,    ///< message/rfc822: its one child is the message within
};

/// How a body is encoded (RFC 2045 6.1). The numbers are stored.
enum class TransferEncoding : std::uint8_t {
    Identity = 0,  ///< 7bit, 8bit, binary or nothing
    QuotedPrintable = 1,
    Base64 = 2,
    Unknown = 3,
};

/// One part. The root is the message. The child of a Message part is the message within: its header
/// starts where the body of its parent starts.
struct PartNode {
    PartType type = PartType::Text;
    TransferEncoding encoding = TransferEncoding::Identity;
    std::uint32_t parent = 0;       ///< index; the root names itself
    std::uint32_t subtree_end = 1;  ///< index after the last descendant
    std::uint64_t header_offset = 0;
    std::uint64_t header_size = 0;  ///< with the empty line
    std::uint64_t body_size = 0;    ///< the body starts where the header ends
    std::uint64_t body_lines = 0;   ///< line ends in the body, as BODYSTRUCTURE counts them

    [[nodiscard]] std::uint64_t body_offset() const noexcept { return header_offset + header_size; }

    friend bool operator==(const PartNode&, const PartNode&) = default;
};

/// A run of octets of a message.
struct ByteRange {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;

    friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

/// What of a part is wanted, RFC 9051 6.4.5.1: BODY[1], BODY[1.MIME], BODY[1.HEADER], BODY[1.TEXT].
enum class PartSpecifier { Body, Mime, Header, Text };

/// Parts in the order of the message, parents before children; never empty.
class PartTree {
  public:
    PartTree() : nodes_(1) {}

    /// Takes nodes whose parent and subtree_end are consistent (CHECKed by is_consistent).
    explicit PartTree(std::vector<PartNode> nodes) : nodes_(std::move(nodes)) {}

    [[nodiscard]] const std::vector<PartNode>& nodes() const noexcept { return nodes_; }

    [[nodiscard]] const PartNode& root() const noexcept { return nodes_.front(); }

    /// True if the nodes form a preorder tree, lie within `message_size`, and children lie within
    /// the body of their parent.
    [[nodiscard]] bool is_consistent(std::uint64_t message_size) const noexcept;

    /// Index of the part that IMAP calls by this path ("1.2" is {1, 2}); empty path: the root. A
    /// part number 1 of something that is not a multipart is that thing itself.
    [[nodiscard]] std::optional<std::uint32_t> find(const std::vector<std::uint32_t>& path) const;

    /// The octets of BODY[path.specifier]. With an empty path, Body is the whole message and Mime
    /// is refused. Header and Text of a path need a message/rfc822 part there. None: no such part.
    [[nodiscard]] std::optional<ByteRange> range(const std::vector<std::uint32_t>& path,
                                                 PartSpecifier specifier) const;

    friend bool operator==(const PartTree&, const PartTree&) = default;

  private:
    std::vector<PartNode> nodes_;
};

/// "1.2.3" as numbers; empty text is the empty path. None: malformed, a zero, or deeper than
/// kPartDepthMax.
[[nodiscard]] std::optional<std::vector<std::uint32_t>> parse_part_path(std::string_view text);

/// PartTree::range with the path as text: part_range(tree, "1.2", PartSpecifier::Mime).
[[nodiscard]] std::optional<ByteRange> part_range(const PartTree& tree,
                                                  std::string_view path,
                                                  PartSpecifier specifier);

}  // namespace mail
