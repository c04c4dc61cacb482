#include "mail/header_address.h"

#include <algorithm>
#include <utility>

#include "mail/ascii.h"
#include "mail/header.h"
#include "mail/limits.h"

namespace mail {

namespace {

/// Octets of a word outside quotes: atext, 8-bit octets (RFC 6532 3.2) and the dots of obsolete
/// phrases. Controls count as well: they must not end a word that was meant.
bool is_word_octet(char c) {
    return is_atext(c) || is_8bit(c) || c == '.' || (is_control(c) && !is_folding_space(c));
}

/// One pass from left to right; what a word is, phrase or local part, is decided when the octet
/// after the words is seen, so that nothing is read twice.
class AddressListParser {
  public:
    explicit AddressListParser(std::string_view text) : text_(text) {}

    std::vector<HeaderAddress> run() {
        while (true) {
            skip_separators();
            if (at_end() || list_.size() >= kHeaderAddressesMax) {
                break;
            }
            if (peek() == ';' && in_group_) {
                ++position_;
                end_group();
                continue;
            }
            parse_address();
        }
        if (in_group_) {
            end_group();
        }
        return std::move(list_);
    }

  private:
    bool at_end() const { return position_ >= text_.size(); }

    char peek() const { return text_[position_]; }

    void end_group() {
        in_group_ = false;
        list_.push_back({HeaderAddressType::GroupEnd, {}, {}, {}, {}});
    }

    void skip_separators() {
        skip_space();
        while (!at_end() && (peek() == ',' || (peek() == ';' && !in_group_))) {
            ++position_;
            skip_space();
        }
    }

    /// White space and comments; the text of the last comment is kept.
    void skip_space() {
        while (!at_end()) {
            if (is_folding_space(peek())) {
                ++position_;
            } else if (peek() == '(') {
                take_comment();
            } else {
                return;
            }
        }
    }

    void take_comment() {
        std::string comment;
        std::size_t depth = 0;
        for (; !at_end(); ++position_) {
            const char c = peek();
            if (c == '\\' && position_ + 1 < text_.size()) {
                comment.push_back(text_[++position_]);
                continue;
            }
            depth += c == '(' ? 1U : 0U;
            depth -= c == ')' ? 1U : 0U;
            if (depth == 0) {
                ++position_;
                break;
            }
            if (c != '(' || depth > 1) {
                comment.push_back(c);
            }
        }
        comment_ = std::string(trim(comment));
    }

    void take_quoted(std::string& out) {
        for (++position_; !at_end(); ++position_) {
            const char c = peek();
            if (c == '"') {
                ++position_;
                return;
            }
            if (c == '\\' && position_ + 1 < text_.size()) {
                ++position_;
            }
            out.push_back(peek());
        }
    }

    void take_word(std::string& out) {
        while (!at_end() && is_word_octet(peek())) {
            out.push_back(peek());
            ++position_;
        }
    }

    /// Words up to a special octet: as a phrase with single spaces; and as a local part, which is
    /// the last words that dots hold together ("Big Bug bb@x" is bb at x, "a . b@x" is a.b), with
    /// the words before it.
    struct Words {
        std::string phrase;
        std::string before;
        std::string local;
        std::size_t count = 0;
    };

    Words take_words() {
        Words words;
        while (!at_end() && (peek() == '"' || is_word_octet(peek()))) {
            const bool dotted = words.local.ends_with('.') || peek() == '.';
            std::string word;
            if (peek() == '"') {
                take_quoted(word);
            } else {
                take_word(word);
            }
            if (!dotted) {
                words.before = words.phrase;
                words.local.clear();
            }
            words.phrase.append(words.count == 0 ? "" : " ").append(word);
            words.local.append(word);
            ++words.count;
            skip_space();
        }
        return words;
    }

    void parse_address() {
        comment_.clear();
        Words words = take_words();
        const char next = at_end() ? ',' : peek();
        if (next == ':' && !in_group_) {
            ++position_;
            in_group_ = true;
            list_.push_back({HeaderAddressType::GroupStart, {}, {}, std::move(words.phrase), {}});
            return;
        }
        HeaderAddress address;
        if (next == '<') {
            address.name = std::move(words.phrase);
            parse_angle(address);
        } else if (next == '@') {
            ++position_;
            address.name = std::move(words.before);
            address.mailbox = std::move(words.local);
            address.domain = take_domain();
        } else {
            // A name alone, "To: Mary Smith", shows better as a name than as a mailbox.
            (words.count > 1 ? address.name : address.mailbox) = std::move(words.phrase);
        }
        skip_junk();
        if (address.name.empty()) {
            address.name = std::move(comment_);
        }
        const bool empty = address.name.empty() && address.mailbox.empty() &&
                           address.domain.empty() && next != '<';
        if (!empty) {
            list_.push_back(std::move(address));
        }
    }

    void parse_angle(HeaderAddress& address) {
        ++position_;
        skip_space();
        if (!at_end() && peek() == '@') {
            address.route = take_route();
        }
        address.mailbox = take_words().local;
        if (!at_end() && peek() == '@') {
            ++position_;
            address.domain = take_domain();
        }
        while (!at_end() && peek() != '>' && peek() != ',') {
            skip_octet_or_quoted();
        }
        if (!at_end() && peek() == '>') {
            ++position_;
        }
    }

    /// "@a,@b:" of RFC 5322 4.4, obs-route.
    std::string take_route() {
        std::string route;
        while (!at_end() && (peek() == '@' || peek() == ',')) {
            if (peek() == '@') {
                ++position_;
                route.append(route.empty() ? "@" : ",@").append(take_domain());
            } else {
                ++position_;
            }
            skip_space();
        }
        if (!at_end() && peek() == ':') {
            ++position_;
            skip_space();
        }
        return route;
    }

    std::string take_domain() {
        std::string domain;
        skip_space();
        if (!at_end() && peek() == '[') {
            while (!at_end() && peek() != ']') {
                if (!is_folding_space(peek())) {
                    domain.push_back(peek());
                }
                ++position_;
            }
            position_ += at_end() ? 0U : 1U;
            domain.push_back(']');
            skip_space();
            return domain;
        }
        // "a . b" of obs-domain is one name; "a b" is not, and b is junk.
        while (!at_end() && is_word_octet(peek()) &&
               (domain.empty() || domain.back() == '.' || peek() == '.')) {
            take_word(domain);
            skip_space();
        }
        return domain;
    }

    void skip_octet_or_quoted() {
        if (peek() == '"') {
            std::string ignored;
            take_quoted(ignored);
        } else if (peek() == '(') {
            take_comment();
        } else {
            ++position_;
        }
    }

    /// What follows an address up to the next separator belongs to nothing, but for comments.
    void skip_junk() {
        skip_space();
        while (!at_end() && peek() != ',' && peek() != ';') {
            skip_octet_or_quoted();
        }
    }

    std::string_view text_;
    std::size_t position_ = 0;
    bool in_group_ = false;
    std::string comment_;
    std::vector<HeaderAddress> list_;
};

/// A word or phrase as atoms if it reads back as the same, else quoted.
void append_phrase(std::string& out, std::string_view phrase) {
    const bool plain = !phrase.empty() && std::ranges::all_of(phrase, is_word_octet);
    if (plain) {
        out.append(phrase);
        return;
    }
    out.push_back('"');
    for (const char c : phrase) {
        if (c == '"' || c == '\\') {
            out.push_back('\\');
        }
        out.push_back(c);
    }
    out.push_back('"');
}

void append_mailbox(std::string& out, const HeaderAddress& address) {
    if (!address.name.empty()) {
        append_phrase(out, address.name);
        out.push_back(' ');
    }
    out.push_back('<');
    if (!address.route.empty()) {
        out.append(address.route).append(":");
    }
    // A domain alone would read back as a route.
    if (!address.mailbox.empty() || !address.domain.empty()) {
        append_phrase(out, address.mailbox);
    }
    if (!address.domain.empty()) {
        out.append("@").append(address.domain);
    }
    out.push_back('>');
}

}  // namespace

std::vector<HeaderAddress> parse_header_addresses(std::string_view value) {
    const std::string text = unfold(value);
    return AddressListParser(text).run();
}

std::string format_header_addresses(const std::vector<HeaderAddress>& list) {
    std::string out;
    bool after_entry = false;
    for (const HeaderAddress& address : list) {
        if (address.type == HeaderAddressType::GroupEnd) {
            out.push_back(';');
            after_entry = true;
            continue;
        }
        if (after_entry) {
            out.append(", ");
        }
        if (address.type == HeaderAddressType::GroupStart) {
            append_phrase(out, address.mailbox);
            out.append(": ");
            after_entry = false;
        } else {
            append_mailbox(out, address);
            after_entry = true;
        }
    }
    return out;
}

}  // namespace mail
