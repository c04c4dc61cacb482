#pragma once

// TiffReader: the pages of a received fax, decoded to black and white rows, with a verdict on each.
// The one door to libtiff. The octets come from a telephone line: nothing that they hold may crash,
// hang, print or take memory without bound, and a page that cannot be read is told of, not dropped.
//
// What is read: TIFF class F (RFC 2306; RFC 3949 profile S and F) as HylaFAX writes it to recvq/,
// and any other file of one bit a pixel that libtiff decodes. A page of another kind (colour, grey)
// is damaged by name: its octets are in the file only. HylaFAX keeps what it knows of the call in
// tags of the first page: recvq(5), tags 34908 to 34911, and ImageDescription, which has the TSI in
// its first line and the call's identifications in the next ones.
//
// Thread rule: one object, one thread; blocks for as long as decoding takes (about 20 ms a page).
// Owner: the caller; the file's octets must outlive the reader, a page is the caller's own.
// Limits: below. Errors: open() only; later ones are a page's verdict.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mta {

inline constexpr std::size_t kTiffSizeMax = 64U << 20U;
inline constexpr std::size_t kTiffPagesMax = 1'000;
inline constexpr std::uint32_t kTiffSideMax = 32'000;                 ///< pixels, each way
inline constexpr std::size_t kTiffPageOctetsMax = 16U << 20U;         ///< of decoded rows, one page
inline constexpr std::size_t kTiffOctetsMax = std::size_t{1} << 30U;  ///< of all pages
inline constexpr std::size_t kTiffAllocationMax = 32U << 20U;         ///< one allocation of libtiff
inline constexpr std::size_t kTiffTextMax = 500;                      ///< octets of one tag's text

/// One page. `rows` has height * stride octets, the leftmost pixel in the highest bit, 1 is black;
/// it is empty if nothing of the page could be decoded. Rows behind the damage are white.
struct TiffPage {
    std::size_t index = 0;  ///< from 0
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    double x_per_inch =
        204;  ///< pixels; a missing or impossible value is a fax's own: 204, 196, 98
    double y_per_inch = 196;
    std::string damage;          ///< why it is damaged, for people; empty: a good page
    std::uint32_t rows_bad = 0;  ///< rows that could not be decoded or that the receiver found bad
    std::vector<std::uint8_t> rows;

    [[nodiscard]] bool is_good() const noexcept { return damage.empty(); }

    [[nodiscard]] std::size_t stride() const noexcept { return (std::size_t{width} + 7) / 8; }
};

/// What the first page's tags say of the call. Octets as they came from the line: hostile.
struct TiffCall {
    std::string sender;                 ///< TSI of the sending machine
    std::vector<std::string> call_ids;  ///< CallID1.. : number, name, called number; at most 8
    std::string subaddress;
    std::string date_time;  ///< "2026:11:25 22:49:59", the receiving machine's own time
    std::string make;
    std::string model;
    std::string host;
    std::optional<std::uint32_t> receive_seconds;
    std::optional<std::uint32_t> parameters;  ///< FaxRecvParams: the negotiated session
};

/// See the top of this file.
class TiffReader {
  public:
    /// Errors: Corrupt (no TIFF at all, or no page in it), TooLarge.
    [[nodiscard]] static base::Result<TiffReader> open(std::string_view file);

    ~TiffReader();
    TiffReader(TiffReader&& other) noexcept;
    TiffReader& operator=(TiffReader&& other) noexcept;
    TiffReader(const TiffReader&) = delete;
    TiffReader& operator=(const TiffReader&) = delete;

    [[nodiscard]] const TiffCall& call() const noexcept;

    /// The next page, until there is none. A chain of pages that is broken, or has more than
    /// kTiffPagesMax, ends with a damaged page without rows that says so.
    [[nodiscard]] std::optional<TiffPage> next();

  private:
    struct State;
    explicit TiffReader(std::unique_ptr<State> state) noexcept;
    std::unique_ptr<State> state_;
};

}  // namespace mta
