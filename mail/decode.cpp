#include "mail/decode.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <mutex>

#include <gmime/gmime.h>

#include "base/handle.h"
#include "mail/ascii.h"
#include "mail/header.h"
#include "mail/limits.h"
#include "mail/rfc2231.h"

namespace mail {

namespace {

using GText = base::Handle<char, g_free>;

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD
constexpr const char* kFallbackCharset = "windows-1252";
constexpr std::size_t kCharsetNameMax = 64;
constexpr std::size_t kPiece = 16U << 10U;

/// GMime's tables, made once; its functions are then good for any thread on objects of its own.
void ensure_library() {
    static std::once_flag once;
    std::call_once(once, [] { g_mime_init(); });
}

bool is_ascii(std::string_view text) {
    return std::ranges::none_of(text, is_8bit);
}

bool is_utf8(std::string_view text) {
    return g_utf8_validate_len(text.data(), text.size(), nullptr) != FALSE;
}

/// What GLib allocated, as a string.
std::string taken(char* text) {
    const GText owned(text);
    return owned == nullptr ? std::string() : std::string(owned.get());
}

/// NULs end the strings of C: they become spaces.
std::string without_nul(std::string_view text) {
    std::string out(text);
    std::ranges::replace(out, '\0', ' ');
    return out;
}

std::string make_valid(std::string_view text) {
    if (is_ascii(text) || is_utf8(text)) {
        return std::string(text);
    }
    return taken(g_utf8_make_valid(text.data(), static_cast<gssize>(text.size())));
}

/// Cuts at a limit, but not within a character.
void cut_utf8(std::string& text, std::size_t max_size) {
    if (text.size() <= max_size) {
        return;
    }
    while (max_size > 0 && (static_cast<unsigned char>(text[max_size]) & 0xc0U) == 0x80U) {
        --max_size;
    }
    text.resize(max_size);
}

/// A conversion to UTF-8 that is open; closed with the object.
class Converter {
  public:
    explicit Converter(const std::string& charset) {
        // The name comes from the message: options like "//IGNORE" are not for it to give.
        const bool plausible =
            !charset.empty() && charset.size() <= kCharsetNameMax &&
            std::ranges::all_of(charset, [](char c) {
                return is_alnum(c) || c == '-' || c == '_' || c == '.' || c == ':' || c == '+';
            });
        if (plausible) {
            handle_ = g_iconv_open("UTF-8", g_mime_charset_iconv_name(charset.c_str()));
        }
    }

    ~Converter() {
        if (is_open()) {
            g_iconv_close(handle_);
        }
    }

    Converter(const Converter&) = delete;
    Converter& operator=(const Converter&) = delete;
    Converter(Converter&&) = delete;
    Converter& operator=(Converter&&) = delete;

    bool is_open() const { return handle_ != kClosed; }

    /// Converts all, with U+FFFD for each octet that cannot be; `errors` counts those.
    std::string convert(std::string_view bytes, std::size_t max_size, std::size_t& errors) {
        std::string in(bytes);
        char* input = in.data();
        gsize left = in.size();
        std::string out;
        std::array<char, kPiece> buffer{};
        while (left > 0 && out.size() < max_size) {
            char* output = buffer.data();
            gsize room = buffer.size();
            const gsize result = g_iconv(handle_, &input, &left, &output, &room);
            const int error = errno;
            out.append(buffer.data(), buffer.size() - room);
            if (result != static_cast<gsize>(-1) || error == E2BIG) {
                continue;
            }
            ++errors;
            out.append(kReplacement);
            if (error != EILSEQ) {  // EINVAL: a character is cut short at the end
                break;
            }
            ++input;
            --left;
        }
        cut_utf8(out, max_size);
        return out;
    }

  private:
    inline static const GIConv kClosed = reinterpret_cast<GIConv>(-1);

    GIConv handle_ = kClosed;
};

/// Octets of no known charset: UTF-8 if they are, else as most old mail was.
std::string guess_text(std::string_view bytes, std::size_t max_size) {
    if (is_ascii(bytes) || is_utf8(bytes)) {
        std::string out(bytes);
        cut_utf8(out, max_size);
        return out;
    }
    std::size_t errors = 0;
    return Converter(kFallbackCharset).convert(bytes, max_size, errors);
}

bool names_ascii(std::string_view charset) {
    return charset.empty() || equal_ignoring_case(charset, "us-ascii") ||
           equal_ignoring_case(charset, "ascii");
}

struct OptionsFree {
    void operator()(GMimeParserOptions* options) const noexcept {
        g_mime_parser_options_free(options);
    }
};

int hex_digit(char c) {
    if (is_digit(c)) {
        return c - '0';
    }
    const char low = lower(c);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

std::string percent_decode(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool encoded = text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
                             hex_digit(text[i + 2]) >= 0;
        if (encoded) {
            out.push_back(static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2])));
            i += 2;
        } else {
            out.push_back(text[i]);
        }
    }
    return out;
}

/// charset'language'octets of RFC 2231 4.
std::string decode_extended_value(std::string_view value) {
    const std::size_t first = value.find('\'');
    const std::size_t second =
        first == std::string_view::npos ? first : value.find('\'', first + 1);
    if (second == std::string_view::npos) {
        return guess_text(percent_decode(value), kFieldValueMax);
    }
    const std::string bytes = percent_decode(value.substr(second + 1));
    Converter converter{std::string(value.substr(0, first))};
    if (!converter.is_open()) {
        return guess_text(bytes, kFieldValueMax);
    }
    std::size_t errors = 0;
    return converter.convert(bytes, kFieldValueMax, errors);
}

/// ASCII alone on both sides: no copy is made.
bool contains_ascii(std::string_view text, std::string_view needle) {
    const auto same = [](char in_text, char in_needle) { return lower(in_text) == in_needle; };
    return std::search(text.begin(), text.end(), needle.begin(), needle.end(), same) != text.end();
}

}  // namespace

std::string decode_header_text(std::string_view raw) {
    ensure_library();
    const std::string text = without_nul(unfold(raw));
    if (is_ascii(text) && text.find("=?") == std::string::npos) {
        return text;
    }
    const std::unique_ptr<GMimeParserOptions, OptionsFree> options(g_mime_parser_options_new());
    std::array<const char*, 3> fallback = {"utf-8", kFallbackCharset, nullptr};
    g_mime_parser_options_set_fallback_charsets(options.get(), fallback.data());
    g_mime_parser_options_set_rfc2047_compliance_mode(options.get(), GMIME_RFC_COMPLIANCE_LOOSE);
    return make_valid(taken(g_mime_utils_header_decode_text(options.get(), text.c_str())));
}

std::string decode_parameter(const std::vector<Parameter>& parameters, std::string_view name) {
    ensure_library();
    const std::vector<Parameter> joined = join_continuations(parameters);
    const std::string_view extended = parameter_value(joined, std::string(name) + "*");
    if (!extended.empty()) {
        return make_valid(decode_extended_value(extended));
    }
    return decode_header_text(parameter_value(joined, name));
}

std::string decode_transfer(std::string_view body,
                            TransferEncoding encoding,
                            std::size_t max_size) {
    if (encoding != TransferEncoding::Base64 && encoding != TransferEncoding::QuotedPrintable) {
        return std::string(body.substr(0, max_size));
    }
    ensure_library();
    GMimeEncoding state;
    g_mime_encoding_init_decode(&state,
                                encoding == TransferEncoding::Base64
                                    ? GMIME_CONTENT_ENCODING_BASE64
                                    : GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE);
    std::string out;
    std::string buffer(g_mime_encoding_outlen(&state, kPiece), '\0');
    while (!body.empty() && out.size() < max_size) {
        const std::string_view piece = body.substr(0, kPiece);
        const std::size_t size =
            g_mime_encoding_step(&state, piece.data(), piece.size(), buffer.data());
        out.append(buffer, 0, size);
        body.remove_prefix(piece.size());
    }
    if (out.size() < max_size) {
        const std::size_t size = g_mime_encoding_flush(&state, nullptr, 0, buffer.data());
        out.append(buffer, 0, size);
    }
    out.resize(std::min(out.size(), max_size));
    return out;
}

std::string decode_part_text(std::string_view body,
                             TransferEncoding encoding,
                             std::string_view charset,
                             std::size_t max_size) {
    ensure_library();
    const std::string bytes = decode_transfer(body, encoding, max_size);
    if (names_ascii(charset)) {
        return make_valid(guess_text(bytes, max_size));
    }
    Converter converter{std::string(charset)};
    if (!converter.is_open()) {
        return make_valid(guess_text(bytes, max_size));
    }
    std::size_t errors = 0;
    return make_valid(converter.convert(bytes, max_size, errors));
}

ConvertedText convert_to_utf8(std::string_view bytes, std::string_view charset) {
    ensure_library();
    Converter converter{std::string(charset)};
    if (!converter.is_open()) {
        return {};
    }
    std::size_t errors = 0;
    ConvertedText out;
    out.text = make_valid(converter.convert(bytes, kDecodedMax, errors));
    out.ok = errors == 0;
    return out;
}

std::string search_form(std::string_view utf8) {
    if (is_ascii(utf8)) {
        return to_lower(utf8);
    }
    const std::string valid = make_valid(without_nul(utf8));
    const GText folded(g_utf8_casefold(valid.data(), static_cast<gssize>(valid.size())));
    return taken(g_utf8_normalize(folded.get(), -1, G_NORMALIZE_ALL));
}

bool contains_text(std::string_view text, std::string_view needle_form) {
    if (needle_form.empty()) {
        return true;
    }
    if (is_ascii(text)) {
        return is_ascii(needle_form) && contains_ascii(text, needle_form);
    }
    return search_form(text).find(needle_form) != std::string::npos;
}

}  // namespace mail
