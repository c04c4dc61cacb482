#pragma once

// A fax to be sent, as a message: how it is named and marked on its way through the store, and what
// of it is sent. Thread rule: functions of their arguments. Limits: below.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mta {

inline constexpr std::size_t kFaxDocumentsMax = 20;
inline constexpr std::size_t kFaxDocumentSizeMax = 64U << 20U;

/// "fax-out/SHA-256 of sender, number and message": the same for a repeated try of the same
/// message.
[[nodiscard]] std::string outgoing_key(std::string_view sender,
                                       std::string_view number,
                                       std::string_view message);

/// The message with "X-Fax-Job: KEY" before everything else. Lines end in CRLF afterwards.
[[nodiscard]] std::string marked_outgoing(std::string_view key, std::string_view message);

/// The key of a message that was marked: of its first X-Fax-Job, which is ours because it was put
/// above all others. Empty: none. What it names is for the table of jobs to say.
[[nodiscard]] std::string key_of_marked(std::string_view message);

/// By what its sender knows a message; empty: it says nothing, or nothing that is safe to repeat.
struct OutgoingNames {
    std::string message_id;  ///< "<...>", printable ASCII, at most 250 octets
    std::string subject;     ///< decoded, clean UTF-8, at most 300 octets
};

[[nodiscard]] OutgoingNames names_of_outgoing(std::string_view message);

/// A file for sendfax, which converts it by its content (sendfax(1), typerules(5)).
struct FaxDocument {
    std::string suffix;  ///< ".pdf", ".tif", ".ps", ".txt"
    std::string octets;
};

/// What is sent of a message: its PDF, TIFF and PostScript parts, in their order; if there are
/// none, its first text. Errors: Unsupported (nothing in it can be sent), TooLarge.
[[nodiscard]] base::Result<std::vector<FaxDocument>> fax_documents(std::string_view message);

}  // namespace mta
