#pragma once

// Every bound of the mail room in one place. Sizes are octets.

#include <cstddef>
#include <cstdint>

namespace mail {

// RFC 5321 4.5.3.1.1 to 4.5.3.1.3. A path of 256 includes "<" and ">", so a mailbox has 254.
inline constexpr std::size_t kLocalPartMax = 64;
inline constexpr std::size_t kDomainMax = 255;
inline constexpr std::size_t kAddressMax = 254;
inline constexpr std::size_t kPathMax = 1024;  // with a source route, which is stripped

// Header of one message or part. The end of a header is found however long it is; the limits bound
// what is kept of it.
inline constexpr std::size_t kHeaderFieldsMax = 5'000;
inline constexpr std::size_t kHeaderScanMax = 2U << 20U;
inline constexpr std::size_t kFieldValueMax = 128U << 10U;  // of one unfolded value
inline constexpr std::size_t kHeaderAddressesMax = 4'000;   // in one field

// MIME structure.
inline constexpr std::size_t kPartDepthMax = 100;
inline constexpr std::size_t kPartsMax = 10'000;
inline constexpr std::size_t kPartHeaderMax = 64U << 10U;  // kept of the header of one inner part
inline constexpr std::size_t kPartFieldMax = 16U << 10U;   // of one unfolded Content- field
inline constexpr std::size_t kParametersMax = 64;          // of one field
inline constexpr std::size_t kLanguagesMax = 32;
inline constexpr std::size_t kBoundaryMax = 250;  // RFC 2046 5.1.1 says 70; senders exceed it

// Summary, as a frame carries it.
inline constexpr std::size_t kSummaryFieldMax = 8U << 10U;
inline constexpr std::size_t kEnvelopeFieldMax = 16U << 10U;  // octets of one text in ENVELOPE
inline constexpr std::size_t kEnvelopeListMax = 96U << 10U;   // of one address list, formatted
inline constexpr std::size_t kEnvelopeTextMax = 768U << 10U;
inline constexpr std::size_t kBodystructureMax = 1U << 20U;
inline constexpr std::size_t kSummaryMax = 4U << 20U;

// SMTP envelope, as a frame carries it.
inline constexpr std::size_t kRecipientsMax = 10'000;
inline constexpr std::size_t kMailboxNameMax = 1'000;
inline constexpr std::size_t kSmtpEnvelopeMax = 16U << 20U;

// Attributes, beside it.
inline constexpr std::size_t kAttributesMax = 32;
inline constexpr std::size_t kAttributeNameMax = 32;
inline constexpr std::size_t kAttributeValueMax = 1'000;

// Flags.
inline constexpr std::size_t kKeywordMax = 128;
inline constexpr std::size_t kKeywordsMax = 64;  // of one message

// Sequence sets.
inline constexpr std::size_t kSequenceRangesMax = 10'000;
inline constexpr std::size_t kSequenceTextMax = 256U << 10U;

// Decoding for search and display.
inline constexpr std::size_t kDecodedMax = 16U << 20U;

static_assert(kAddressMax + 2 == 256);
// Four texts, of which every octet may be escaped, and six lists.
static_assert(4 * 2 * kEnvelopeFieldMax + 6 * kEnvelopeListMax < kEnvelopeTextMax);
// A single part can always be described: seven fields, of which every octet may be escaped.
static_assert(7 * 2 * kPartFieldMax < kBodystructureMax);
static_assert(kEnvelopeTextMax + kBodystructureMax < kSummaryMax);

}  // namespace mail
