#include "mail/summary.h"

#include <algorithm>
#include <vector>

#include "mail/ascii.h"
#include "mail/codec.h"
#include "mail/header.h"
#include "mail/imap_format.h"
#include "mail/limits.h"
#include "mail/structure.h"

namespace mail {

using base::Errc;
using base::Error;

namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::array<std::string_view, kSummaryFields> kFieldNames = {"Subject",
                                                                      "From",
                                                                      "Sender",
                                                                      "Reply-To",
                                                                      "To",
                                                                      "Cc",
                                                                      "Bcc",
                                                                      "Date",
                                                                      "Message-ID",
                                                                      "In-Reply-To",
                                                                      "References"};
constexpr int kZoneMinutesMax = 100 * 60;

/// What joins the values of several fields of one name; empty: the first alone counts.
std::string_view joiner(SummaryField field) {
    switch (field) {
        case SummaryField::From:
        case SummaryField::Sender:
        case SummaryField::ReplyTo:
        case SummaryField::To:
        case SummaryField::Cc:
        case SummaryField::Bcc:
            return ", ";
        case SummaryField::InReplyTo:
        case SummaryField::References:
            return " ";
        case SummaryField::Subject:
        case SummaryField::Date:
        case SummaryField::MessageId:
            break;
    }
    return {};
}

void fill_fields(const Header& header, Summary& summary) {
    for (std::size_t i = 0; i < kSummaryFields; ++i) {
        std::string& value = summary.fields[i];
        const std::string_view between = joiner(static_cast<SummaryField>(i));
        bool cut = header.truncated;
        bool seen = false;
        for (const HeaderField& field : header.fields) {
            if (!equal_ignoring_case(field.name, kFieldNames[i]) || (seen && between.empty())) {
                continue;
            }
            value.append(value.empty() ? "" : between).append(unfold(field.value));
            seen = true;
            if (value.size() > kSummaryFieldMax || field.value.size() > kFieldValueMax) {
                value.resize(std::min(value.size(), kSummaryFieldMax));
                cut = true;
                break;
            }
        }
        summary.cut_fields |= cut ? 1U << i : 0U;
    }
}

/// Parts in order. Where a part ends in the tree is told by how many parts it has below it; the
/// offset is that from the part before, so that small messages have small numbers.
void write_parts(ByteWriter& out, const PartTree& tree) {
    const std::vector<PartNode>& nodes = tree.nodes();
    out.number(nodes.size());
    std::uint64_t previous = 0;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        const PartNode& node = nodes[i];
        out.octet(static_cast<std::uint8_t>(static_cast<unsigned>(node.type) |
                                            (static_cast<unsigned>(node.encoding) << 4U)));
        out.number(node.subtree_end - i - 1);
        out.number(node.header_offset - previous);
        out.number(node.header_size);
        out.number(node.body_size);
        out.number(node.body_lines);
        previous = node.header_offset;
    }
}

PartNode read_part(ByteReader& in, std::uint64_t previous) {
    PartNode node;
    const std::uint8_t kind = in.octet();
    const unsigned type = kind & 15U;
    const unsigned encoding = static_cast<unsigned>(kind) >> 4U;
    if (type > static_cast<unsigned>(PartType::Message) ||
        encoding > static_cast<unsigned>(TransferEncoding::Unknown)) {
        in.fail(Errc::Corrupt, "unknown part type in a summary");
        return node;
    }
    node.type = static_cast<PartType>(type);
    node.encoding = static_cast<TransferEncoding>(encoding);
    node.subtree_end = static_cast<std::uint32_t>(in.size(kPartsMax));
    node.header_offset = previous + in.number();
    node.header_size = in.number();
    node.body_size = in.number();
    node.body_lines = in.number();
    return node;
}

PartTree read_parts(ByteReader& in, std::uint64_t message_size) {
    const std::size_t count = in.size(kPartsMax);
    std::vector<PartNode> nodes;
    std::vector<std::uint32_t> open;
    for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
        PartNode node = read_part(in, nodes.empty() ? 0 : nodes.back().header_offset);
        node.subtree_end += i + 1;
        while (!open.empty() && nodes[open.back()].subtree_end <= i) {
            open.pop_back();
        }
        node.parent = open.empty() ? 0 : open.back();
        open.push_back(i);
        nodes.push_back(node);
    }
    if (in.ok()) {
        PartTree tree(std::move(nodes));
        if (tree.is_consistent(message_size)) {
            return tree;
        }
        in.fail(Errc::Corrupt, "inconsistent parts in a summary");
    }
    return {};
}

std::optional<ZonedTime> read_sent(ByteReader& in) {
    const std::uint8_t present = in.octet();
    if (present > 1) {
        in.fail(Errc::Corrupt, "malformed date in a summary");
    }
    if (present != 1) {
        return std::nullopt;
    }
    ZonedTime sent;
    sent.unix_seconds = in.signed_number();
    const std::int64_t zone = in.signed_number();
    if (zone < -kZoneMinutesMax || zone > kZoneMinutesMax) {
        in.fail(Errc::Corrupt, "malformed zone in a summary");
    }
    sent.zone_minutes = static_cast<int>(zone);
    return sent;
}

Summary make_summary(std::string_view message, const Header& header, Structure structure) {
    Summary summary;
    summary.message_size = message.size();
    summary.bodystructure = format_bodystructure(message, structure);
    if (summary.bodystructure.size() > kBodystructureMax) {
        structure = parse_structure(message, {0, 1});
        summary.bodystructure = format_bodystructure(message, structure);
    }
    summary.envelope = format_envelope(header);
    fill_fields(header, summary);
    summary.sent = parse_header_date(header.value("Date"));
    summary.parts = std::move(structure.tree);
    return summary;
}

}  // namespace

std::optional<SummaryField> summary_field(std::string_view header_name) noexcept {
    for (std::size_t i = 0; i < kSummaryFields; ++i) {
        if (equal_ignoring_case(kFieldNames[i], header_name)) {
            return static_cast<SummaryField>(i);
        }
    }
    return std::nullopt;
}

Summary summarize(std::string_view message) {
    return make_summary(message, scan_header(message), parse_structure(message));
}

ParsedMessage summarize_with_kind(std::string_view message) {
    const Header header = scan_header(message);
    Structure structure = parse_structure(message);
    ParsedMessage parsed;
    parsed.finding = detect_kind(message, header, structure);
    parsed.summary = make_summary(message, header, std::move(structure));
    return parsed;
}

std::string encode(const Summary& summary) {
    ByteWriter out;
    out.octet(kVersion);
    out.number(summary.message_size);
    out.octet(summary.sent ? 1 : 0);
    if (summary.sent) {
        out.signed_number(summary.sent->unix_seconds);
        out.signed_number(summary.sent->zone_minutes);
    }
    out.string(summary.envelope);
    out.string(summary.bodystructure);
    out.number(kSummaryFields);
    for (const std::string& field : summary.fields) {
        out.string(field);
    }
    out.number(summary.cut_fields);
    write_parts(out, summary.parts);
    return std::move(out).take();
}

base::Result<Summary> decode_summary(std::string_view bytes) {
    if (bytes.size() > kSummaryMax) {
        return Error{Errc::TooLarge, "summary is over its size limit"};
    }
    ByteReader in(bytes);
    if (const std::uint8_t version = in.octet(); in.ok() && version != kVersion) {
        return Error{Errc::Unsupported, "summary version " + std::to_string(version)};
    }
    Summary summary;
    summary.message_size = in.number();
    summary.sent = read_sent(in);
    summary.envelope = in.string(kEnvelopeTextMax);
    summary.bodystructure = in.string(kBodystructureMax);
    if (in.size(kSummaryFields) != kSummaryFields) {
        in.fail(Errc::Corrupt, "wrong number of fields in a summary");
    }
    for (std::string& field : summary.fields) {
        field = in.string(kSummaryFieldMax);
    }
    const std::size_t cut = in.size((1U << kSummaryFields) - 1);
    summary.cut_fields = static_cast<std::uint32_t>(cut);
    summary.parts = read_parts(in, summary.message_size);
    TRY(in.finish());
    return summary;
}

}  // namespace mail
