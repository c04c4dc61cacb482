#include "mta/fax/tiff_reader.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include <tiffio.h>

#include "base/handle.h"

namespace mta {

using base::Errc;
using base::Error;

namespace {

constexpr std::size_t kCallIdsMax = 8;
constexpr std::size_t kProblemMax = 200;

// What libtiff complained of. Its handlers get a pointer to one of these: nothing is global, and
// nothing is printed.
struct Complaints {
    std::array<char, kProblemMax> text{};
    std::size_t count = 0;

    void clear() noexcept {
        text[0] = '\0';
        count = 0;
    }

    // libtiff's own texts name the file and module; they are ASCII but for what a tag holds.
    [[nodiscard]] std::string first() const {
        std::string out(text.data());
        std::replace_if(
            out.begin(), out.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
        return out;
    }
};

// Called by C, like all below: nothing here allocates or throws.
int keep_complaint(
    TIFF*, void* user, const char*, const char* format, std::va_list values) noexcept {
    auto* complaints = static_cast<Complaints*>(user);
    if (++complaints->count == 1) {
        (void)std::vsnprintf(complaints->text.data(), complaints->text.size(), format, values);
    }
    return 1;  // handled: the global handlers, which print, are not called
}

// A file in memory, read only.
struct MemoryFile {
    std::string_view octets;
    std::uint64_t at = 0;
};

tmsize_t read_memory(thandle_t handle, void* out, tmsize_t size) noexcept {
    auto* file = static_cast<MemoryFile*>(handle);
    if (size <= 0 || file->at >= file->octets.size()) {
        return 0;
    }
    const std::size_t part =
        std::min(static_cast<std::size_t>(size), file->octets.size() - file->at);
    std::memcpy(out, file->octets.data() + file->at, part);
    file->at += part;
    return static_cast<tmsize_t>(part);
}

tmsize_t refuse_write(thandle_t, void*, tmsize_t) noexcept {
    return -1;
}

toff_t seek_memory(thandle_t handle, toff_t offset, int whence) noexcept {
    auto* file = static_cast<MemoryFile*>(handle);
    const std::uint64_t base =
        whence == SEEK_CUR ? file->at : (whence == SEEK_END ? file->octets.size() : 0);
    file->at = base + offset;
    return file->at;
}

int close_memory(thandle_t) noexcept {
    return 0;
}

toff_t size_memory(thandle_t handle) noexcept {
    return static_cast<MemoryFile*>(handle)->octets.size();
}

int map_memory(thandle_t handle, void** base, toff_t* size) noexcept {
    auto* file = static_cast<MemoryFile*>(handle);
    // libtiff does not write to what it has mapped for reading; its interface has no const.
    *base =
        const_cast<char*>(file->octets.data());  // NOLINT(cppcoreguidelines-pro-type-const-cast)
    *size = file->octets.size();
    return 1;
}

void unmap_memory(thandle_t, void*, toff_t) noexcept {
}

using Tiff = base::Handle<TIFF, TIFFClose>;
using OpenOptions = base::Handle<TIFFOpenOptions, TIFFOpenOptionsFree>;

std::string text_tag(TIFF* tiff, std::uint32_t tag) {
    char* value = nullptr;
    if (TIFFGetField(tiff, tag, &value) != 1 || value == nullptr) {
        return {};
    }
    return {value, ::strnlen(value, kTiffTextMax)};
}

std::optional<std::uint32_t> number_tag(TIFF* tiff, std::uint32_t tag) {
    std::uint32_t value = 0;
    if (TIFFGetField(tiff, tag, &value) != 1) {
        return std::nullopt;
    }
    return value;
}

std::uint16_t short_tag(TIFF* tiff, std::uint32_t tag, std::uint16_t otherwise) {
    std::uint16_t value = otherwise;
    return TIFFGetFieldDefaulted(tiff, tag, &value) == 1 ? value : otherwise;
}

TiffCall read_call(TIFF* tiff) {
    TiffCall call;
    const std::string description = text_tag(tiff, TIFFTAG_IMAGEDESCRIPTION);
    std::size_t from = 0;
    for (std::size_t line = 0; line <= kCallIdsMax && from <= description.size(); ++line) {
        const std::size_t to = std::min(description.find('\n', from), description.size());
        std::string part = description.substr(from, to - from);
        if (line == 0) {
            call.sender = std::move(part);
        } else {
            call.call_ids.push_back(std::move(part));
        }
        from = to + 1;
    }
    call.subaddress = text_tag(tiff, TIFFTAG_FAXSUBADDRESS);
    call.date_time = text_tag(tiff, TIFFTAG_DATETIME);
    call.make = text_tag(tiff, TIFFTAG_MAKE);
    call.model = text_tag(tiff, TIFFTAG_MODEL);
    call.host = text_tag(tiff, TIFFTAG_HOSTCOMPUTER);
    call.receive_seconds = number_tag(tiff, TIFFTAG_FAXRECVTIME);
    call.parameters = number_tag(tiff, TIFFTAG_FAXRECVPARAMS);
    return call;
}

// The resolutions of T.30 lie between 98 and 1200 pixels an inch; centimetres are converted.
void read_resolution(TIFF* tiff, TiffPage& page) {
    float x = 0;
    float y = 0;
    const bool given = TIFFGetField(tiff, TIFFTAG_XRESOLUTION, &x) == 1 &&
                       TIFFGetField(tiff, TIFFTAG_YRESOLUTION, &y) == 1;
    const double unit =
        short_tag(tiff, TIFFTAG_RESOLUTIONUNIT, RESUNIT_INCH) == RESUNIT_CENTIMETER ? 2.54 : 1.0;
    const auto possible = [](double value) {
        return std::isfinite(value) && value >= 50 && value <= 2400;
    };
    if (given && possible(x * unit) && possible(y * unit)) {
        page.x_per_inch = x * unit;
        page.y_per_inch = y * unit;
    } else if (page.height < 1500) {
        page.y_per_inch = 98;  // a page of A4 or letter has 1,100 rows at normal resolution
    }
}

// Why the page cannot be decoded by rows; empty if it can.
std::string undecodable(TIFF* tiff, const TiffPage& page) {
    if (page.width == 0 || page.height == 0) {
        return "the page has no size";
    }
    if (page.width > kTiffSideMax || page.height > kTiffSideMax ||
        page.stride() * page.height > kTiffPageOctetsMax) {
        return "the page says that it has " + std::to_string(page.width) + " by " +
               std::to_string(page.height) + " pixels, which is more than a fax has";
    }
    if (short_tag(tiff, TIFFTAG_BITSPERSAMPLE, 1) != 1 ||
        short_tag(tiff, TIFFTAG_SAMPLESPERPIXEL, 1) != 1) {
        return "the page is not black and white";
    }
    const std::uint16_t photometric = short_tag(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISWHITE);
    if (photometric > PHOTOMETRIC_MINISBLACK) {
        return "the page is not black and white";
    }
    if (TIFFIsTiled(tiff) != 0) {
        return "the page is in tiles, which no fax machine writes";
    }
    if (TIFFScanlineSize64(tiff) != page.stride()) {
        return "the rows of the page have an impossible length";
    }
    if (TIFFIsCODECConfigured(short_tag(tiff, TIFFTAG_COMPRESSION, COMPRESSION_NONE)) == 0) {
        return "the page is compressed in a way that cannot be read here";
    }
    return {};
}

}  // namespace

struct TiffReader::State {
    MemoryFile file;
    Complaints complaints;
    Tiff tiff;  // closed before the two above go
    TiffCall call;
    std::size_t pages = 0;
    std::size_t octets = 0;
    bool ended = false;

    TiffPage read_page();
    void decode(TiffPage& page);
    std::string move_on();
};

// Each complaint while rows are decoded is a row that is not what was sent: libtiff's decoders go
// on behind a bad code where they can, and tell of it as a warning or an error.
void TiffReader::State::decode(TiffPage& page) {
    page.rows.assign(page.stride() * page.height, 0);
    const bool inverted = short_tag(tiff.get(), TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISWHITE) ==
                          PHOTOMETRIC_MINISBLACK;
    const auto last_bits =
        static_cast<std::uint8_t>(page.width % 8 == 0 ? 0xff : 0xff00U >> (page.width % 8));
    std::uint32_t failed_at = page.height;
    std::string reason;
    for (std::uint32_t row = 0; row < page.height; ++row) {
        std::uint8_t* out = page.rows.data() + page.stride() * row;
        complaints.clear();
        const bool read = TIFFReadScanline(tiff.get(), out, row, 0) == 1;
        if (complaints.count > 0 || !read) {
            page.rows_bad += 1;
            reason = reason.empty() ? complaints.first() : reason;
        }
        if (!read) {
            std::fill_n(out, page.stride(), std::uint8_t{0});
            failed_at = row;
            break;
        }
        if (inverted) {
            std::transform(out, out + page.stride(), out, [](std::uint8_t octet) {
                return static_cast<std::uint8_t>(~octet);
            });
        }
        out[page.stride() - 1] &= last_bits;
    }
    if (failed_at < page.height) {
        page.rows_bad = page.height - failed_at + (page.rows_bad - 1);
    }
    if (page.rows_bad > 0) {
        page.damage = std::to_string(page.rows_bad) + " of " + std::to_string(page.height) +
                      " rows could not be read";
        page.damage += reason.empty() ? std::string() : " (" + reason + ")";
    }
    if (failed_at == 0) {
        page.rows.clear();
    }
}

TiffPage TiffReader::State::read_page() {
    TiffPage page;
    page.index = pages;
    page.width = number_tag(tiff.get(), TIFFTAG_IMAGEWIDTH).value_or(0);
    page.height = number_tag(tiff.get(), TIFFTAG_IMAGELENGTH).value_or(0);
    read_resolution(tiff.get(), page);
    page.damage = undecodable(tiff.get(), page);
    const std::size_t size = page.stride() * page.height;
    if (page.is_good() && size > kTiffOctetsMax - octets) {
        page.damage = "the pages before it were as much as is decoded of one fax";
    }
    if (!page.is_good()) {
        return page;
    }
    octets += size;
    decode(page);
    // What the receiving modem found while the page came (TIFF 6.0 section 11).
    const std::uint32_t bad_lines = number_tag(tiff.get(), TIFFTAG_BADFAXLINES).value_or(0);
    if (page.is_good() && bad_lines > 0) {
        page.rows_bad = std::min(bad_lines, page.height);
        page.damage = "the receiving modem found " + std::to_string(page.rows_bad) + " of " +
                      std::to_string(page.height) + " rows bad";
    }
    return page;
}

// To the next page. What is wrong with the chain of pages, if it breaks here.
std::string TiffReader::State::move_on() {
    complaints.clear();
    if (TIFFLastDirectory(tiff.get()) != 0) {
        ended = true;
        return {};
    }
    if (pages == kTiffPagesMax) {
        ended = true;
        return "the file has more than " + std::to_string(kTiffPagesMax) + " pages";
    }
    if (TIFFReadDirectory(tiff.get()) != 1) {
        ended = true;
        return "the file ends before its next page" +
               (complaints.count == 0 ? std::string() : " (" + complaints.first() + ")");
    }
    return {};
}

TiffReader::TiffReader(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {
}

TiffReader::~TiffReader() = default;
TiffReader::TiffReader(TiffReader&& other) noexcept = default;
TiffReader& TiffReader::operator=(TiffReader&& other) noexcept = default;

base::Result<TiffReader> TiffReader::open(std::string_view file) {
    if (file.size() > kTiffSizeMax) {
        return Error{Errc::TooLarge,
                     "the file has " + std::to_string(file.size()) + " octets; a fax has at most " +
                         std::to_string(kTiffSizeMax)};
    }
    auto state = std::make_unique<State>();
    state->file.octets = file;
    const OpenOptions options(TIFFOpenOptionsAlloc());
    TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), kTiffAllocationMax);
    TIFFOpenOptionsSetErrorHandlerExtR(options.get(), keep_complaint, &state->complaints);
    TIFFOpenOptionsSetWarningHandlerExtR(options.get(), keep_complaint, &state->complaints);
    state->tiff.reset(TIFFClientOpenExt("fax",
                                        "r",
                                        &state->file,
                                        read_memory,
                                        refuse_write,
                                        seek_memory,
                                        close_memory,
                                        size_memory,
                                        map_memory,
                                        unmap_memory,
                                        options.get()));
    if (state->tiff == nullptr) {
        return Error{Errc::Corrupt,
                     "the file is no TIFF that can be read (" + state->complaints.first() + ")"};
    }
    state->call = read_call(state->tiff.get());
    return TiffReader(std::move(state));
}

const TiffCall& TiffReader::call() const noexcept {
    return state_->call;
}

std::optional<TiffPage> TiffReader::next() {
    if (state_->ended) {
        return std::nullopt;
    }
    if (state_->pages > 0) {
        std::string broken = state_->move_on();
        if (state_->ended) {
            if (broken.empty()) {
                return std::nullopt;
            }
            TiffPage page;
            page.index = state_->pages;
            page.damage = std::move(broken);
            return page;
        }
    }
    TiffPage page = state_->read_page();
    ++state_->pages;
    return page;
}

}  // namespace mta
