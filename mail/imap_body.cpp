// BODY from BODYSTRUCTURE: each part keeps its first elements and loses its extension data.

#include <algorithm>

#include "mail/ascii.h"
#include "mail/imap_format.h"
#include "mail/limits.h"

namespace mail {

namespace {

/// Reads values of the IMAP syntax: NIL and other atoms, quoted strings, literals, lists.
class ValueReader {
  public:
    explicit ValueReader(std::string_view text) : text_(text) {}

    char peek() const { return position_ < text_.size() ? text_[position_] : '\0'; }

    std::size_t position() const { return position_; }

    bool at_end() const { return position_ >= text_.size(); }

    bool take(char c) {
        if (peek() != c || at_end()) {
            return false;
        }
        ++position_;
        return true;
    }

    /// Moves over one value, a list with all that it holds. False: malformed or the end.
    bool skip_value() {
        std::size_t depth = 0;
        do {
            if (take('(')) {
                ++depth;
            } else if (take(')')) {
                if (depth-- == 0) {
                    return false;
                }
            } else if (depth > 0 && take(' ')) {
                continue;
            } else if (!skip_scalar()) {
                return false;
            }
        } while (depth > 0);
        return true;
    }

    std::string_view since(std::size_t start) const {
        return text_.substr(start, position_ - start);
    }

  private:
    bool skip_scalar() {
        if (take('"')) {
            while (!at_end() && peek() != '"') {
                position_ += peek() == '\\' ? 2U : 1U;
            }
            return take('"');
        }
        if (take('{')) {
            return skip_literal();
        }
        const std::size_t start = position_;
        while (is_alnum(peek())) {
            ++position_;
        }
        return position_ > start;
    }

    bool skip_literal() {
        std::size_t size = 0;
        while (is_digit(peek()) && size <= kSummaryMax) {
            size = size * 10 + static_cast<std::size_t>(peek() - '0');
            ++position_;
        }
        if (!take('}') || !take('\r') || !take('\n') || size > text_.size() - position_) {
            return false;
        }
        position_ += size;
        return true;
    }

    std::string_view text_;
    std::size_t position_ = 0;
};

/// How many elements of a single part BODY has (RFC 9051 9: body-type-basic, -text, -msg).
constexpr std::size_t kBasicElements = 7;
constexpr std::size_t kTextElements = 8;
constexpr std::size_t kMessageElements = 10;
constexpr std::size_t kNestedBody = 8;  // index of the body within a message part

class BodyReducer {
  public:
    explicit BodyReducer(std::string_view text) : in_(text) {}

    base::Result<std::string> run() {
        bool ok = open();
        while (ok && !open_.empty()) {
            ok = open_.back().is_multipart ? step_multipart() : step_single();
        }
        if (!ok || !in_.at_end()) {
            return base::Error{base::Errc::Corrupt, "malformed body structure"};
        }
        return std::move(out_);
    }

  private:
    struct Part {
        bool is_multipart = false;
        std::size_t elements = 0;  ///< done
        std::size_t wanted = kBasicElements;
        std::string type;
    };

    bool open() {
        if (open_.size() > kPartDepthMax || !in_.take('(')) {
            return false;
        }
        out_.push_back('(');
        open_.push_back({in_.peek() == '(', 0, kBasicElements, {}});
        return true;
    }

    bool copy_value() {
        const std::size_t start = in_.position();
        if (!in_.skip_value()) {
            return false;
        }
        out_.append(in_.since(start));
        return true;
    }

    /// Drops what is left of the part and closes it.
    bool close() {
        while (in_.take(' ')) {
            if (!in_.skip_value()) {
                return false;
            }
        }
        out_.push_back(')');
        open_.pop_back();
        return in_.take(')');
    }

    bool step_multipart() {
        if (in_.peek() == '(') {
            return open();
        }
        if (!in_.take(' ')) {
            return false;
        }
        out_.push_back(' ');
        return copy_value() && close();
    }

    bool step_single() {
        Part& part = open_.back();
        if (part.elements == part.wanted) {
            return close();
        }
        if (part.elements > 0) {
            if (!in_.take(' ')) {
                return false;
            }
            out_.push_back(' ');
        }
        if (++part.elements == kNestedBody + 1) {
            return open();
        }
        const std::size_t start = in_.position();
        if (!copy_value()) {
            return false;
        }
        if (part.elements == 1) {
            part.type = in_.since(start);
            part.wanted = equal_ignoring_case(part.type, "\"text\"") ? kTextElements : part.wanted;
        } else if (part.elements == 2 && equal_ignoring_case(part.type, "\"message\"") &&
                   equal_ignoring_case(in_.since(start), "\"rfc822\"")) {
            part.wanted = kMessageElements;
        }
        return true;
    }

    ValueReader in_;
    std::vector<Part> open_;
    std::string out_;
};

}  // namespace

base::Result<std::string> body_from_bodystructure(std::string_view bodystructure) {
    return BodyReducer(bodystructure).run();
}

}  // namespace mail
