#include "dns/probe/http_response.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "dns/limits.h"

namespace dns::probe {
namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return out;
}

std::string_view trimmed(std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) {
        return {};
    }
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// False if the text is no number from 0 on.
bool read_number(std::string_view text, std::size_t& value) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
}

// A line without its end; what is taken leaves `rest`.
std::string_view take_line(std::string_view& rest) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(rest.size(), end + 1));
    if (line.ends_with('\r')) {
        line.remove_suffix(1);
    }
    return line;
}

}  // namespace

HttpResponse::State HttpResponse::fail(std::string problem) {
    failed_ = true;
    problem_ = std::move(problem);
    return State::Bad;
}

HttpResponse::State HttpResponse::on_bytes(std::string_view bytes) {
    if (failed_) {
        return State::Bad;
    }
    if (in_body_) {
        return take_body(bytes);
    }
    // Searched from where its beginning may lie in what was there before.
    const std::size_t before = head_.size() < 3 ? 0 : head_.size() - 3;
    head_.append(
        bytes.substr(0, kProbeHttpHeadMax + 1 - std::min(head_.size(), kProbeHttpHeadMax)));
    const std::size_t crlf = head_.find("\r\n\r\n", before);
    const std::size_t lf = head_.find("\n\n", before);
    if (crlf == std::string::npos && lf == std::string::npos) {
        return head_.size() > kProbeHttpHeadMax ? fail("head too long") : State::More;
    }
    const std::size_t end = crlf < lf ? crlf + 4 : lf + 2;
    const std::size_t of_these =
        end - std::min(end, head_.size() - std::min(head_.size(), bytes.size()));
    if (read_head(std::string_view(head_).substr(0, end)) == State::Bad) {
        return State::Bad;
    }
    in_body_ = true;
    return take_body(bytes.substr(std::min(of_these, bytes.size())));
}

HttpResponse::State HttpResponse::read_head(std::string_view head) {
    const std::string_view first = take_line(head);
    const bool is_http = first.starts_with("HTTP/1.0 ") || first.starts_with("HTTP/1.1 ");
    std::size_t status = 0;
    if (!is_http || first.size() < 12 || (first.size() > 12 && first[12] != ' ') ||
        !read_number(first.substr(9, 3), status) || status < 100) {
        return fail("not HTTP");
    }
    status_ = static_cast<unsigned>(status);
    while (!head.empty()) {
        const std::string_view line = take_line(head);
        if (!line.empty() && read_field(line) == State::Bad) {
            return State::Bad;
        }
    }
    if (status_ == 204 || status_ == 304) {
        length_ = 0;  // RFC 9112 6.3
    }
    return State::More;
}

HttpResponse::State HttpResponse::read_field(std::string_view line) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) {
        return fail("a field without a colon");
    }
    const std::string name = lower(line.substr(0, colon));
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (name == "transfer-encoding") {
        return fail("transfer coding in an answer to HTTP/1.0");
    }
    if (name == "connection") {
        keeps_open_ = lower(value) == "keep-alive";
    } else if (name == "content-length") {
        std::size_t length = 0;
        if (!read_number(value, length) || (length_ && *length_ != length)) {
            return fail("bad Content-Length");
        }
        if (length > kProbeHttpBodyMax) {
            return fail("body too long");
        }
        length_ = length;
    }
    return State::More;
}

HttpResponse::State HttpResponse::take_body(std::string_view bytes) {
    const std::size_t most = length_.value_or(kProbeHttpBodyMax);
    if (bytes.size() > most - body_.size()) {
        return fail(length_ ? "more than Content-Length" : "body too long");
    }
    body_.append(bytes);
    return length_ && body_.size() == *length_ ? State::Complete : State::More;
}

HttpResponse::State HttpResponse::on_end() {
    if (failed_) {
        return State::Bad;
    }
    if (!in_body_ || length_) {
        return fail("closed within the answer");
    }
    return State::Complete;
}

}  // namespace dns::probe
