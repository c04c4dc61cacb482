#include "access/pop3_format.h"

#include <algorithm>
#include <limits>

namespace accessd {

Pop3MessageText::Pop3MessageText(std::string_view message, std::optional<std::uint32_t> body_lines)
    : rest_(message),
      lines_left_(body_lines ? std::uint64_t{*body_lines}
                             : std::numeric_limits<std::uint64_t>::max()) {
}

/// Appends from one line, at most `size` octets of it: a line may be as long as the message.
void Pop3MessageText::append_line(std::string& out, std::size_t size) {
    if (at_line_start_ && rest_.front() == '.') {
        out.push_back('.');
    }
    const std::size_t end = rest_.substr(0, size).find('\n');
    if (end == std::string_view::npos) {
        std::size_t take = std::min(size, rest_.size());
        // A CR stays with the LF that may follow it.
        take -= take > 1 && take < rest_.size() && rest_[take - 1] == '\r' ? 1U : 0U;
        out.append(rest_.substr(0, take));
        rest_.remove_prefix(take);
        at_line_start_ = false;
        return;
    }
    const bool has_cr = end > 0 && rest_[end - 1] == '\r';
    const std::string_view text = rest_.substr(0, has_cr ? end - 1 : end);
    const bool ends_header = at_line_start_ && text.empty();
    out.append(text).append("\r\n");
    rest_.remove_prefix(end + 1);
    at_line_start_ = true;
    if (!in_header_) {
        --lines_left_;
    }
    in_header_ = in_header_ && !ends_header;
}

bool Pop3MessageText::append_piece(std::string& out, std::size_t size) {
    const std::size_t start = out.size();
    while (!rest_.empty() && (in_header_ || lines_left_ > 0)) {
        const std::size_t done = out.size() - start;
        if (done >= size) {
            return true;
        }
        append_line(out, std::max<std::size_t>(size - done, 2));
    }
    if (!at_line_start_) {
        out.append("\r\n");
    }
    out.append(".\r\n");
    return false;
}

std::string pop3_unique_id(std::uint32_t uid_validity, std::uint32_t uid) {
    return std::to_string(uid_validity) + "." + std::to_string(uid);
}

std::string_view pop3_error_text(const base::Error& error) noexcept {
    switch (error.code) {
        case base::Errc::NotFound:
            return "No such message any more";
        case base::Errc::Corrupt:
            return "[SYS/PERM] The message cannot be read";
        case base::Errc::Busy:
            return "[SYS/TEMP] Too busy, please try again";
        case base::Errc::Cancelled:
            return "[SYS/TEMP] Server is shutting down";
        case base::Errc::Invalid:
            return "Malformed command";
        case base::Errc::Refused:
            return "[SYS/PERM] Not allowed";
        case base::Errc::TooLarge:
            return "[SYS/PERM] Too large";
        case base::Errc::Unsupported:
            return "[SYS/PERM] Not supported";
        case base::Errc::Exists:
        case base::Errc::Timeout:
        case base::Errc::Unavailable:
        case base::Errc::UnknownOutcome:
        case base::Errc::Io:
        case base::Errc::Closed:
            break;
    }
    return "[SYS/TEMP] Not available now, please try again";
}

}  // namespace accessd
