#include "mta/scan/clamd_reply.h"

#include <algorithm>

namespace mta {

namespace {

constexpr std::string_view kStream = "stream: ";
constexpr std::string_view kFound = " FOUND";
constexpr std::string_view kError = " ERROR";
constexpr std::string_view kTooLarge = "INSTREAM size limit exceeded.";
constexpr std::string_view kLimits = "Heuristics.Limits.Exceeded";
constexpr std::string_view kLimitsPrefix = "Heuristics.Limits.Exceeded.";
constexpr std::string_view kProduct = "ClamAV ";
constexpr std::size_t kVersionMax = 100;

bool is_alphanumeric(char octet) {
    return (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z') ||
           (octet >= '0' && octet <= '9');
}

std::string printable(std::string_view text) {
    std::string out(text);
    std::replace_if(
        out.begin(), out.end(), [](char octet) { return octet < ' ' || octet > '~'; }, '?');
    return out;
}

// The octets of a reply are quoted in the log: cut, and without control characters.
base::Error unknown(std::string_view reply) {
    return {base::Errc::Invalid, "not a reply of clamd: '" + printable(reply.substr(0, 100)) + "'"};
}

}  // namespace

base::Result<ClamdReply> parse_clamd_reply(std::string_view reply) {
    if (reply.size() > kClamdReplyMax) {
        return base::Error{base::Errc::Invalid, "reply of clamd is too long"};
    }
    if (reply == "PONG") {
        return ClamdReply{ClamdReply::Kind::Pong, {}};
    }
    if (reply.ends_with(kError)) {
        reply.remove_suffix(kError.size());
        return ClamdReply{
            reply == kTooLarge ? ClamdReply::Kind::TooLarge : ClamdReply::Kind::Failed,
            printable(reply)};
    }
    if (!reply.starts_with(kStream)) {
        return unknown(reply);
    }
    std::string_view result = reply.substr(kStream.size());
    if (result == "OK") {
        return ClamdReply{ClamdReply::Kind::Clean, {}};
    }
    if (!result.ends_with(kFound) || result.size() == kFound.size()) {
        return unknown(reply);
    }
    result.remove_suffix(kFound.size());
    return ClamdReply{result == kLimits || result.starts_with(kLimitsPrefix)
                          ? ClamdReply::Kind::NotAll
                          : ClamdReply::Kind::Infected,
                      sanitised_signature(result)};
}

base::Result<std::string> parse_clamd_version(std::string_view reply) {
    if (!reply.starts_with(kProduct) || reply.size() > kClamdReplyMax) {
        return unknown(reply);
    }
    return printable(reply.substr(0, kVersionMax));
}

std::string sanitised_signature(std::string_view name) {
    static constexpr std::string_view kAllowed = ".-_:/+()@";
    std::string out(name.substr(0, kSignatureMax));
    std::replace_if(
        out.begin(),
        out.end(),
        [](char octet) {
            return !is_alphanumeric(octet) && kAllowed.find(octet) == std::string_view::npos;
        },
        '_');
    return out.empty() ? std::string("unnamed") : out;
}

}  // namespace mta
