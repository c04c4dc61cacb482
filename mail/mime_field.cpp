#include "mail/mime_field.h"

#include <algorithm>

#include "mail/ascii.h"
#include "mail/limits.h"

namespace mail {

namespace {

/// token of RFC 2045 5.1. 8-bit octets are taken too: they are found in file names without quotes.
constexpr OctetSet kToken = alnum_and("!#$%&'*+-.^_`{|}~");

bool is_token_octet(char c) {
    return kToken[static_cast<unsigned char>(c)] || is_8bit(c);
}

/// Reads a structured field value from left to right, skipping white space and comments.
class FieldReader {
  public:
    explicit FieldReader(std::string_view text) : rest_(text) { skip_space(); }

    bool at_end() const { return rest_.empty(); }

    bool take(char c) {
        if (rest_.empty() || rest_.front() != c) {
            return false;
        }
        rest_.remove_prefix(1);
        skip_space();
        return true;
    }

    std::string take_token() {
        std::size_t size = 0;
        while (size < rest_.size() && is_token_octet(rest_[size])) {
            ++size;
        }
        std::string token(rest_.substr(0, size));
        rest_.remove_prefix(size);
        skip_space();
        return token;
    }

    /// Quoted string, or everything up to ";" or white space: senders leave out the quotes around
    /// values that need them ("boundary=a=b", "name=a(1).pdf" is the exception: a comment).
    std::string take_value() {
        std::string value;
        if (!rest_.starts_with('"')) {
            std::size_t size = 0;
            while (size < rest_.size() && !is_value_end(rest_[size])) {
                ++size;
            }
            value = rest_.substr(0, size);
            rest_.remove_prefix(size);
        } else {
            std::size_t i = 1;
            for (; i < rest_.size() && rest_[i] != '"'; ++i) {
                i += rest_[i] == '\\' && i + 1 < rest_.size() ? 1U : 0U;
                value.push_back(rest_[i]);
            }
            rest_.remove_prefix(std::min(i + 1, rest_.size()));
        }
        skip_space();
        return value;
    }

    /// Drops everything up to and including the next `c` outside quotes. False: there is none.
    bool skip_past(char c) {
        while (!rest_.empty()) {
            if (rest_.front() == '"') {
                (void)take_value();  // dropped
                continue;
            }
            if (take(c)) {
                return true;
            }
            rest_.remove_prefix(1);
            skip_space();
        }
        return false;
    }

  private:
    static bool is_value_end(char c) { return c == ';' || is_folding_space(c) || c == '('; }

    void skip_space() {
        int depth = 0;
        while (!rest_.empty() &&
               (depth > 0 || is_folding_space(rest_.front()) || rest_.front() == '(')) {
            if (rest_.front() == '\\' && rest_.size() > 1) {
                rest_.remove_prefix(1);
            } else if (rest_.front() == '(') {
                ++depth;
            } else if (rest_.front() == ')') {
                --depth;
            }
            rest_.remove_prefix(1);
        }
    }

    std::string_view rest_;
};

std::string unfold_part_field(std::string_view value) {
    return unfold(value.substr(0, kPartFieldMax));
}

std::vector<Parameter> take_parameters(FieldReader& in) {
    std::vector<Parameter> parameters;
    while (parameters.size() < kParametersMax && in.skip_past(';')) {
        std::string name = in.take_token();
        if (!name.empty() && in.take('=')) {
            parameters.push_back({std::move(name), in.take_value()});
        }
    }
    return parameters;
}

void read_content_type(const Header& header, PartInfo& info) {
    const HeaderField* const field = header.find("Content-Type");
    if (field == nullptr) {
        return;
    }
    const std::string value = unfold_part_field(field->value);
    FieldReader in(value);
    std::string type = in.take_token();
    if (type.empty() || !in.take('/')) {
        return;
    }
    std::string subtype = in.take_token();
    if (subtype.empty()) {
        return;
    }
    info.type = std::move(type);
    info.subtype = std::move(subtype);
    info.parameters = take_parameters(in);
}

void read_disposition(const Header& header, PartInfo& info) {
    const HeaderField* const field = header.find("Content-Disposition");
    if (field == nullptr) {
        return;
    }
    const std::string value = unfold_part_field(field->value);
    FieldReader in(value);
    std::string disposition = in.take_token();
    if (disposition.empty()) {
        return;
    }
    info.disposition = std::move(disposition);
    info.disposition_parameters = take_parameters(in);
}

void read_languages(const Header& header, PartInfo& info) {
    const std::string value = unfold_part_field(header.value("Content-Language"));
    FieldReader in(value);
    while (!in.at_end() && info.languages.size() < kLanguagesMax) {
        std::string language = in.take_token();
        if (!language.empty()) {
            info.languages.push_back(std::move(language));
        }
        if (!in.take(',') && !in.skip_past(',')) {
            break;
        }
    }
}

/// One token; a ";" after it is tolerated, anything else makes it worthless.
std::optional<std::string> read_encoding(const Header& header) {
    const std::string value = unfold_part_field(header.value("Content-Transfer-Encoding"));
    FieldReader in(value);
    std::string token = in.take_token();
    if (token.empty() || (!in.at_end() && !in.take(';'))) {
        return std::nullopt;
    }
    return token;
}

std::optional<std::string> unfolded(const Header& header, std::string_view name) {
    const HeaderField* const field = header.find(name);
    if (field == nullptr) {
        return std::nullopt;
    }
    std::string value = unfold_part_field(field->value);
    return value.empty() ? std::nullopt : std::optional(std::move(value));
}

}  // namespace

PartInfo read_part_info(const Header& header, bool digest_child) {
    PartInfo info;
    if (digest_child) {
        info.type = "message";
        info.subtype = "rfc822";
    }
    read_content_type(header, info);
    read_disposition(header, info);
    read_languages(header, info);
    info.id = unfolded(header, "Content-ID");
    info.description = unfolded(header, "Content-Description");
    info.md5 = unfolded(header, "Content-MD5");
    info.encoding = read_encoding(header);
    info.location = unfolded(header, "Content-Location");
    return info;
}

TransferEncoding transfer_encoding(const std::optional<std::string>& value) noexcept {
    if (!value || equal_ignoring_case(*value, "7bit") || equal_ignoring_case(*value, "8bit") ||
        equal_ignoring_case(*value, "binary")) {
        return TransferEncoding::Identity;
    }
    if (equal_ignoring_case(*value, "base64")) {
        return TransferEncoding::Base64;
    }
    if (equal_ignoring_case(*value, "quoted-printable")) {
        return TransferEncoding::QuotedPrintable;
    }
    return TransferEncoding::Unknown;
}

}  // namespace mail
