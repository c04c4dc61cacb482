#pragma once

// FaxPdf: the pages of a fax as a PDF, for people who have no viewer for TIFF. The one door to
// cairo. Each page is a 1-bit image at its own resolution and size; a damaged one is kept as far as
// it could be decoded, in a red frame, under a line that says what is wrong with it. Letters are
// drawn from a table, so that no font is needed on the machine, and the same pages give the same
// octets.
//
// Thread rule: one object, one thread; blocks (about 70 ms for a page of close print).
// Errors: TooLarge (over kFaxPdfSizeMax), Io (cairo's own, such as no memory).

#include <cstddef>
#include <memory>
#include <string>

#include "base/result.h"
#include "mta/fax/tiff_reader.h"

namespace mta {

inline constexpr std::size_t kFaxPdfSizeMax = 96U << 20U;

/// See the top of this file.
class FaxPdf {
  public:
    /// `created`: "2026-11-25T22:49:59Z", which the PDF states as its date.
    explicit FaxPdf(const std::string& created);
    ~FaxPdf();
    FaxPdf(const FaxPdf&) = delete;
    FaxPdf& operator=(const FaxPdf&) = delete;

    void add(const TiffPage& page);

    /// The whole file. The object is of no use afterwards.
    [[nodiscard]] base::Result<std::string> finish();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace mta
