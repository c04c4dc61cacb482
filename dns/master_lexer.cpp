#include "dns/master_lexer.h"

#include "dns/limits.h"

namespace dns {
namespace {

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

bool ends_word(char c) {
    return is_blank(c) || c == '\n' || c == ';' || c == '(' || c == ')';
}

bool is_control(char c) {
    const auto octet = static_cast<unsigned char>(c);
    return (octet < 0x20 && c != '\t') || octet == 0x7f;
}

}  // namespace

base::Error MasterLexer::error(std::string_view what, base::Errc code) const {
    return {code, "line " + std::to_string(line_) + ": " + std::string(what)};
}

void MasterLexer::skip_comment() noexcept {
    at_ = std::min(text_.find('\n', at_), text_.size());
}

base::Result<std::string> MasterLexer::read_word() {
    std::string word;
    bool quoted = false;
    while (at_ < text_.size() && (quoted || !ends_word(text_[at_]))) {
        const char c = text_[at_];
        if (c == '\n') {
            return error("a quote is open at the end of the line");
        }
        if (is_control(c)) {
            return error("control character");
        }
        word.push_back(c);
        ++at_;
        if (c == '"') {
            quoted = !quoted;
        } else if (c == '\\') {
            if (at_ == text_.size() || is_control(text_[at_])) {
                return error("an escape stands before the end of the line");
            }
            word.push_back(text_[at_++]);
        }
        if (word.size() > kRecordTextMax) {
            return error("entry longer than its limit", base::Errc::TooLarge);
        }
    }
    if (quoted) {
        return error("a quote is open at the end of the file");
    }
    return word;
}

base::Result<std::optional<MasterEntry>> MasterLexer::next() {
    MasterEntry entry;
    entry.line = line_;
    entry.starts_blank = at_ < text_.size() && is_blank(text_[at_]);
    std::size_t size = 0;
    bool joined = false;
    while (at_ < text_.size()) {
        const char c = text_[at_];
        if (c == '\n') {
            ++at_;
            ++line_;
            if (!joined && !entry.words.empty()) {
                return std::optional(std::move(entry));
            }
            if (!joined) {
                entry.line = line_;
                entry.starts_blank = at_ < text_.size() && is_blank(text_[at_]);
            }
        } else if (is_blank(c)) {
            ++at_;
        } else if (c == ';') {
            skip_comment();
        } else if (c == '(' || c == ')') {
            if ((c == '(') == joined) {
                return error(joined ? "a parenthesis within another" : "no parenthesis is open");
            }
            joined = !joined;
            ++at_;
        } else {
            std::string word = TRY(read_word());
            size += word.size() + 1;
            if (size > kRecordTextMax) {
                return error("entry longer than its limit", base::Errc::TooLarge);
            }
            entry.words.push_back(std::move(word));
        }
    }
    if (joined) {
        return error("a parenthesis is open at the end of the file");
    }
    if (entry.words.empty()) {
        return std::optional<MasterEntry>();
    }
    return std::optional(std::move(entry));
}

}  // namespace dns
