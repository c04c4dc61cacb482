#include "dns/explain/explain_request.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/hash.h"
#include "dns/name.h"

namespace dns::explain {
namespace {

constexpr std::array<std::string_view, 2> kDomainWords = {"explain", "explain-json"};
constexpr std::array<std::string_view, 2> kPoolWords = {"steering", "steering-json"};
constexpr std::string_view kSourceMark = "s-";

std::string_view label_of(const WireName& name, std::size_t index) noexcept {
    if (index >= name.label_count) {
        return {};
    }
    const std::size_t at = name.label_at[index];
    const auto* const text = reinterpret_cast<const char*>(name.octets.data() + at);
    return {text + 1, std::to_integer<std::size_t>(name.octets[at])};
}

std::optional<std::uint8_t> hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') {
        return static_cast<std::uint8_t>(c - '0');
    }
    if (c >= 'a' && c <= 'f') {
        return static_cast<std::uint8_t>(c - 'a' + 10);
    }
    return std::nullopt;
}

std::optional<base::IpAddress> address_of(std::string_view hex) {
    std::array<std::byte, 16> octets{};
    if (hex.size() != 8 && hex.size() != 32) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < hex.size(); ++i) {
        const auto digit = hex_digit(hex[i]);
        if (!digit) {
            return std::nullopt;
        }
        octets[i / 2] = (octets[i / 2] << 4) | std::byte{*digit};
    }
    if (hex.size() == 8) {
        return base::IpAddress::v4({octets[0], octets[1], octets[2], octets[3]});
    }
    return base::IpAddress::v6(octets);
}

// The words of a line; more than `most` give one more, so that the caller sees it.
std::vector<std::string_view> words_of(std::string_view line, std::size_t most) {
    std::vector<std::string_view> words;
    while (words.size() <= most) {
        const std::size_t begin = line.find_first_not_of(' ');
        if (begin == std::string_view::npos) {
            break;
        }
        line.remove_prefix(begin);
        const std::size_t end = std::min(line.find(' '), line.size());
        words.push_back(line.substr(0, end));
        line.remove_prefix(end);
    }
    return words;
}

}  // namespace

base::Result<ExplainRequest> parse_request(std::string_view line) {
    const base::Error bad{base::Errc::Invalid,
                          "ask 'text explain DOMAIN [SOURCE]' or 'text steering'; json for text"};
    const auto words = words_of(line, 4);
    if (line.size() > kRequestLineMax || words.size() < 2 ||
        (words[0] != "text" && words[0] != "json")) {
        return bad;
    }
    ExplainRequest request;
    request.format = words[0] == "json" ? Format::Json : Format::Text;
    if (words[1] == "steering" && words.size() == 2) {
        return request;
    }
    if (words[1] != "explain" || words.size() < 3 || words.size() > 4) {
        return bad;
    }
    request.domain = words[2];
    if (words.size() == 4) {
        request.source = std::optional(TRY(base::IpAddress::parse(words[3])));
    }
    return request;
}

bool is_explain_name(const WireName& name) noexcept {
    const std::size_t first = label_of(name, 0).starts_with(kSourceMark) ? 1 : 0;
    const std::string_view word = label_of(name, first);
    if (std::ranges::find(kDomainWords, word) != kDomainWords.end()) {
        return name.label_count > first + 1U;
    }
    return first == 0 && name.label_count == 1 &&
           std::ranges::find(kPoolWords, word) != kPoolWords.end();
}

std::optional<ExplainRequest> request_of(const WireName& name) {
    if (!is_explain_name(name)) {
        return std::nullopt;
    }
    ExplainRequest request;
    std::size_t at = 0;
    if (const std::string_view mark = label_of(name, 0); mark.starts_with(kSourceMark)) {
        request.source = address_of(mark.substr(kSourceMark.size()));
        if (!request.source) {
            return std::nullopt;
        }
        at = 1;
    }
    request.format = label_of(name, at).ends_with("-json") ? Format::Json : Format::Text;
    if (name.label_count > at + 1U) {
        const auto domain = Name::from_wire(name.suffix(at + 1));
        if (!domain) {
            return std::nullopt;
        }
        request.domain = domain.value().to_text();
        request.domain.pop_back();
    }
    return request;
}

base::Result<std::string> name_of(const ExplainRequest& request) {
    const auto format = static_cast<std::size_t>(request.format);
    if (request.domain.empty()) {
        return std::string(kPoolWords.at(format));
    }
    std::string text = std::string(kDomainWords.at(format)) + "." + request.domain;
    if (request.source) {
        text = std::string(kSourceMark) + base::to_hex(request.source->bytes()) + "." + text;
    }
    TRY(Name::from_text(text));
    return text;
}

}  // namespace dns::explain
