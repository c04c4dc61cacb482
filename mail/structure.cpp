#include "mail/structure.h"

#include <algorithm>
#include <cstring>

#include "mail/ascii.h"
#include "mail/header.h"
#include "mail/limits.h"
#include "mail/mime_field.h"

namespace mail {

namespace {

/// A part whose end was not met yet. `boundary` is empty for anything but an open multipart.
struct OpenPart {
    std::uint32_t index = 0;
    std::string boundary;
    bool is_digest = false;
};

/// A line that is a delimiter of some open multipart.
struct Delimiter {
    std::size_t level = 0;  ///< of the multipart, in the stack
    bool closes = false;
};

class StructureParser {
  public:
    StructureParser(std::string_view text, const StructureLimits& limits)
        : text_(text), limits_(limits) {}

    Structure run() {
        open_part(0, false);
        while (position_ < text_.size()) {
            const std::size_t start = position_;
            take_line();
            const auto delimiter = find_delimiter(start);
            if (delimiter) {
                on_delimiter(*delimiter, start);
            } else {
                lines_ += ends_with_line_end() ? 1U : 0U;
            }
        }
        close_down_to(0, text_.size(), lines_);
        Structure out;
        out.tree = PartTree(std::move(nodes_));
        out.infos = std::move(infos_);
        out.truncated = truncated_;
        return out;
    }

  private:
    /// Moves behind the next line end.
    void take_line() {
        const void* const end =
            std::memchr(text_.data() + position_, '\n', text_.size() - position_);
        position_ =
            end == nullptr
                ? text_.size()
                : static_cast<std::size_t>(static_cast<const char*>(end) - text_.data()) + 1;
    }

    bool ends_with_line_end() const { return position_ > 0 && text_[position_ - 1] == '\n'; }

    /// Whether the line that starts at `start` delimits an open multipart. RFC 2046 5.1.1: it is
    /// enough that the line begins with the boundary; where several match, the longest is meant,
    /// and the innermost of equal ones.
    std::optional<Delimiter> find_delimiter(std::size_t start) const {
        if (text_.substr(start, 2) != "--" || boundaries_ == 0) {
            return std::nullopt;
        }
        const std::string_view line = text_.substr(start + 2, position_ - start - 2);
        std::optional<Delimiter> found;
        std::size_t longest = 0;
        for (std::size_t level = stack_.size(); level-- > 0;) {
            const std::string& boundary = stack_[level].boundary;
            if (boundary.size() > longest && line.starts_with(boundary)) {
                longest = boundary.size();
                found = Delimiter{level, line.substr(longest).starts_with("--")};
            }
        }
        return found;
    }

    /// `start`: of the delimiter line, which was taken.
    void on_delimiter(const Delimiter& delimiter, std::size_t start) {
        // The line end before a delimiter belongs to the delimiter (RFC 2046 5.1.1), unless it is
        // the empty line that ends a header.
        std::size_t end = start;
        std::uint64_t lines = lines_;
        if (end > body_start_ && text_[end - 1] == '\n') {
            --end;
            --lines;
            end -= end > body_start_ && text_[end - 1] == '\r' ? 1U : 0U;
        }
        close_down_to(delimiter.level + 1, end, lines);
        lines_ += ends_with_line_end() ? 1U : 0U;
        OpenPart& multipart = stack_.back();
        if (delimiter.closes) {
            multipart.boundary.clear();
            --boundaries_;
        } else if (nodes_.size() < limits_.parts) {
            open_part(position_, multipart.is_digest);
        } else {
            truncated_ = true;
        }
    }

    /// Closes all open parts above `level`; they end at `end`, up to which `lines` lines were met.
    void close_down_to(std::size_t level, std::size_t end, std::uint64_t lines) {
        while (stack_.size() > level) {
            PartNode& node = nodes_[stack_.back().index];
            const std::uint64_t start = node.body_offset();
            node.body_size = end > start ? end - start : 0;
            node.body_lines = lines > node.body_lines ? lines - node.body_lines : 0;
            node.subtree_end = static_cast<std::uint32_t>(nodes_.size());
            boundaries_ -= stack_.back().boundary.empty() ? 0U : 1U;
            stack_.pop_back();
        }
    }

    /// Reads the header at `start` and, as long as it is that of a message/rfc822, the header of
    /// the message within.
    void open_part(std::size_t start, bool digest_child) {
        while (true) {
            const Header header = read_header(start);
            PartInfo info = read_part_info(header, digest_child);
            PartNode node;
            node.parent = stack_.empty() ? 0 : stack_.back().index;
            node.header_offset = start;
            node.header_size = position_ - start;
            node.encoding = transfer_encoding(info.encoding);
            node.body_lines = lines_;  // until it is closed: lines met before the body
            OpenPart part;
            part.index = static_cast<std::uint32_t>(nodes_.size());
            node.type = classify(info, part);
            nodes_.push_back(node);
            infos_.push_back(std::move(info));
            boundaries_ += part.boundary.empty() ? 0U : 1U;
            stack_.push_back(std::move(part));
            body_start_ = position_;
            if (nodes_.back().type != PartType::Message) {
                return;
            }
            start = position_;
            digest_child = false;
        }
    }

    /// Type of the part; fills in the boundary of a multipart. A container that is over a limit, or
    /// a multipart that cannot have parts, is a leaf.
    PartType classify(PartInfo& info, OpenPart& part) {
        const bool is_multipart = equal_ignoring_case(info.type, "multipart");
        const bool is_message = equal_ignoring_case(info.type, "message") &&
                                equal_ignoring_case(info.subtype, "rfc822");
        if (!is_multipart && !is_message) {
            return equal_ignoring_case(info.type, "text") ? PartType::Text : PartType::Other;
        }
        const bool fits = stack_.size() < limits_.depth && nodes_.size() + 1 < limits_.parts;
        if (!fits) {
            truncated_ = true;
            info.type = "application";
            info.subtype = "octet-stream";
            info.parameters.clear();
            return PartType::Other;
        }
        if (is_message) {
            return PartType::Message;
        }
        part.boundary = trim_end(parameter_value(info.parameters, "boundary"));
        part.boundary.resize(std::min(part.boundary.size(), kBoundaryMax));
        part.is_digest = equal_ignoring_case(info.subtype, "digest");
        return PartType::Multipart;
    }

    static std::string_view trim_end(std::string_view text) {
        while (!text.empty() && is_folding_space(text.back())) {
            text.remove_suffix(1);
        }
        return text;
    }

    /// The header at `start` ends with an empty line, before a delimiter, or with the text.
    Header read_header(std::size_t start) {
        position_ = start;
        while (position_ < text_.size()) {
            const std::size_t line = position_;
            take_line();
            if (find_delimiter(line)) {
                position_ = line;
                break;
            }
            lines_ += ends_with_line_end() ? 1U : 0U;
            const std::size_t size = position_ - line;
            if (text_[line] == '\n' ||
                (size == 2 && text_[line] == '\r' && text_[line + 1] == '\n')) {
                break;
            }
        }
        const std::size_t size = position_ - start;
        return scan_header(text_.substr(start, start == 0 ? size : std::min(size, kPartHeaderMax)));
    }

    std::string_view text_;
    StructureLimits limits_;
    std::size_t position_ = 0;    ///< what is before it was taken
    std::uint64_t lines_ = 0;     ///< line ends before position_
    std::size_t body_start_ = 0;  ///< of the part that was opened last
    std::size_t boundaries_ = 0;  ///< how many parts in the stack have one
    bool truncated_ = false;
    std::vector<PartNode> nodes_;
    std::vector<PartInfo> infos_;
    std::vector<OpenPart> stack_;
};

}  // namespace

Structure parse_structure(std::string_view message) {
    return parse_structure(message, {kPartDepthMax, kPartsMax});
}

Structure parse_structure(std::string_view message, const StructureLimits& limits) {
    return StructureParser(message, limits).run();
}

std::string_view parameter_value(const std::vector<Parameter>& parameters,
                                 std::string_view name) noexcept {
    const auto it = std::ranges::find_if(
        parameters, [name](const Parameter& p) { return equal_ignoring_case(p.name, name); });
    return it == parameters.end() ? std::string_view() : std::string_view(it->value);
}

}  // namespace mail
