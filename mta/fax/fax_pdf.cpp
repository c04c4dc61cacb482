#include "mta/fax/fax_pdf.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include <cairo/cairo-pdf.h>
#include <cairo/cairo.h>

#include "base/handle.h"
#include "mail/ascii.h"

namespace mta {

namespace {

constexpr double kPointsPerInch = 72;
constexpr double kA4Width = 595;
constexpr double kA4Height = 842;
constexpr double kSideMax = 14'400;  // points; what readers of PDF 1.x take (PDF 1.7 annex C)
constexpr double kBanner = 36;       // points above a damaged page
constexpr double kMargin = 8;

using Surface = base::Handle<cairo_surface_t, cairo_surface_destroy>;
using Context = base::Handle<cairo_t, cairo_destroy>;

// Letters of five columns, each seven dots with the uppermost in the lowest bit.
constexpr std::size_t kColumns = 5;
constexpr std::size_t kRows = 7;
using Letter = std::array<std::uint8_t, kColumns>;

constexpr std::array<Letter, 26> kLetters = {{
    {0x7e, 0x11, 0x11, 0x11, 0x7e}, {0x7f, 0x49, 0x49, 0x49, 0x36}, {0x3e, 0x41, 0x41, 0x41, 0x22},
    {0x7f, 0x41, 0x41, 0x22, 0x1c}, {0x7f, 0x49, 0x49, 0x49, 0x41}, {0x7f, 0x09, 0x09, 0x09, 0x01},
    {0x3e, 0x41, 0x49, 0x49, 0x7a}, {0x7f, 0x08, 0x08, 0x08, 0x7f}, {0x00, 0x41, 0x7f, 0x41, 0x00},
    {0x20, 0x40, 0x41, 0x3f, 0x01}, {0x7f, 0x08, 0x14, 0x22, 0x41}, {0x7f, 0x40, 0x40, 0x40, 0x40},
    {0x7f, 0x02, 0x0c, 0x02, 0x7f}, {0x7f, 0x04, 0x08, 0x10, 0x7f}, {0x3e, 0x41, 0x41, 0x41, 0x3e},
    {0x7f, 0x09, 0x09, 0x09, 0x06}, {0x3e, 0x41, 0x51, 0x21, 0x5e}, {0x7f, 0x09, 0x19, 0x29, 0x46},
    {0x46, 0x49, 0x49, 0x49, 0x31}, {0x01, 0x01, 0x7f, 0x01, 0x01}, {0x3f, 0x40, 0x40, 0x40, 0x3f},
    {0x1f, 0x20, 0x40, 0x20, 0x1f}, {0x3f, 0x40, 0x38, 0x40, 0x3f}, {0x63, 0x14, 0x08, 0x14, 0x63},
    {0x07, 0x08, 0x70, 0x08, 0x07}, {0x61, 0x51, 0x49, 0x45, 0x43},
}};

constexpr std::array<Letter, 10> kDigits = {{
    {0x3e, 0x51, 0x49, 0x45, 0x3e},
    {0x00, 0x42, 0x7f, 0x40, 0x00},
    {0x42, 0x61, 0x51, 0x49, 0x46},
    {0x21, 0x41, 0x45, 0x4b, 0x31},
    {0x18, 0x14, 0x12, 0x7f, 0x10},
    {0x27, 0x45, 0x45, 0x45, 0x39},
    {0x3c, 0x4a, 0x49, 0x49, 0x30},
    {0x01, 0x71, 0x09, 0x05, 0x03},
    {0x36, 0x49, 0x49, 0x49, 0x36},
    {0x06, 0x49, 0x49, 0x29, 0x1e},
}};

Letter letter_of(char c) {
    if (mail::is_alpha(c)) {
        return kLetters.at(static_cast<std::size_t>(mail::upper(c) - 'A'));
    }
    if (mail::is_digit(c)) {
        return kDigits.at(static_cast<std::size_t>(c - '0'));
    }
    switch (c) {
        case ':':
            return {0x00, 0x36, 0x36, 0x00, 0x00};
        case '.':
            return {0x00, 0x60, 0x60, 0x00, 0x00};
        case ',':
            return {0x00, 0x50, 0x30, 0x00, 0x00};
        case '-':
            return {0x08, 0x08, 0x08, 0x08, 0x08};
        case '(':
            return {0x00, 0x1c, 0x22, 0x41, 0x00};
        case ')':
            return {0x00, 0x41, 0x22, 0x1c, 0x00};
        default:
            return {};
    }
}

// One line of text as dots, `dot` points each; what does not fit between x and `right` is left out.
void draw_text(
    cairo_t* context, std::string_view text, double x, double y, double dot, double right) {
    for (const char c : text) {
        if (x + kColumns * dot > right) {
            return;
        }
        const Letter letter = letter_of(c);
        for (std::size_t column = 0; column < kColumns; ++column) {
            for (std::size_t row = 0; row < kRows; ++row) {
                if (((letter.at(column) >> row) & 1U) != 0) {
                    cairo_rectangle(context,
                                    x + static_cast<double>(column) * dot,
                                    y + static_cast<double>(row) * dot,
                                    dot,
                                    dot);
                }
            }
        }
        x += (kColumns + 1) * dot;
    }
    cairo_fill(context);
}

// cairo keeps the leftmost pixel in the lowest bit on machines with little-endian words.
std::uint8_t reversed(std::uint8_t octet) {
    std::uint8_t out = 0;
    for (unsigned bit = 0; bit < 8; ++bit) {
        out = static_cast<std::uint8_t>((unsigned{out} << 1U) | ((octet >> bit) & 1U));
    }
    return out;
}

Surface mask_of(const TiffPage& page) {
    static const std::array<std::uint8_t, 256> table = [] {
        std::array<std::uint8_t, 256> made{};
        for (std::size_t i = 0; i < made.size(); ++i) {
            made.at(i) = reversed(static_cast<std::uint8_t>(i));
        }
        return made;
    }();
    static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
    const int width = static_cast<int>(page.width);
    const int height = static_cast<int>(page.height);
    Surface mask(cairo_image_surface_create(CAIRO_FORMAT_A1, width, height));
    if (cairo_surface_status(mask.get()) != CAIRO_STATUS_SUCCESS) {
        return mask;
    }
    cairo_surface_flush(mask.get());
    std::uint8_t* out = cairo_image_surface_get_data(mask.get());
    const auto stride = static_cast<std::size_t>(cairo_image_surface_get_stride(mask.get()));
    for (std::size_t row = 0; row < page.height; ++row) {
        const std::uint8_t* in = page.rows.data() + row * page.stride();
        std::transform(in, in + page.stride(), out + row * stride, [](std::uint8_t octet) {
            return table[octet];
        });
    }
    cairo_surface_mark_dirty(mask.get());
    return mask;
}

struct Sink {
    std::string octets;
    bool over = false;
};

cairo_status_t write_octets(void* closure, const unsigned char* data, unsigned int size) {
    auto* sink = static_cast<Sink*>(closure);
    if (size > kFaxPdfSizeMax - sink->octets.size()) {
        sink->over = true;
        return CAIRO_STATUS_WRITE_ERROR;
    }
    sink->octets.append(reinterpret_cast<const char*>(data), size);
    return CAIRO_STATUS_SUCCESS;
}

}  // namespace

struct FaxPdf::State {
    Sink sink;
    Surface surface;
    Context context;
    cairo_status_t status = CAIRO_STATUS_SUCCESS;

    void draw_page(const TiffPage& page, double width, double height);
    void draw_damage(const TiffPage& page, double width, double height);
};

void FaxPdf::State::draw_page(const TiffPage& page, double width, double height) {
    const Surface mask = mask_of(page);
    status = status == CAIRO_STATUS_SUCCESS ? cairo_surface_status(mask.get()) : status;
    cairo_save(context.get());
    cairo_scale(context.get(), width / page.width, height / page.height);
    cairo_set_source_rgb(context.get(), 0, 0, 0);
    cairo_mask_surface(context.get(), mask.get(), 0, 0);
    cairo_restore(context.get());
}

void FaxPdf::State::draw_damage(const TiffPage& page, double width, double height) {
    cairo_set_source_rgb(context.get(), 0.8, 0, 0);
    cairo_set_line_width(context.get(), 3);
    cairo_rectangle(context.get(), 2, kBanner, width - 4, height - kBanner - 2);
    cairo_stroke(context.get());
    draw_text(context.get(),
              "DAMAGED PAGE " + std::to_string(page.index + 1),
              kMargin,
              5,
              2,
              width - kMargin);
    draw_text(context.get(), page.damage, kMargin, 24, 1, width - kMargin);
}

FaxPdf::FaxPdf(const std::string& created) : state_(std::make_unique<State>()) {
    state_->surface.reset(
        cairo_pdf_surface_create_for_stream(write_octets, &state_->sink, kA4Width, kA4Height));
    cairo_pdf_surface_restrict_to_version(state_->surface.get(), CAIRO_PDF_VERSION_1_4);
    cairo_pdf_surface_set_metadata(state_->surface.get(), CAIRO_PDF_METADATA_TITLE, "Fax");
    cairo_pdf_surface_set_metadata(
        state_->surface.get(), CAIRO_PDF_METADATA_CREATE_DATE, created.c_str());
    state_->context.reset(cairo_create(state_->surface.get()));
}

FaxPdf::~FaxPdf() {
    // The surface writes to the sink when it is finished.
    state_->context.reset();
    state_->surface.reset();
}

void FaxPdf::add(const TiffPage& page) {
    double width = kA4Width;
    double height = kA4Height;
    if (!page.rows.empty()) {
        width = std::clamp(page.width / page.x_per_inch * kPointsPerInch, 20.0, kSideMax);
        height = std::clamp(page.height / page.y_per_inch * kPointsPerInch, 2.0, kSideMax);
    }
    const double above = page.is_good() ? 0 : kBanner;
    cairo_pdf_surface_set_size(state_->surface.get(), width, height + above);
    cairo_save(state_->context.get());
    cairo_translate(state_->context.get(), 0, above);
    if (!page.rows.empty()) {
        state_->draw_page(page, width, height);
    }
    cairo_restore(state_->context.get());
    if (!page.is_good()) {
        state_->draw_damage(page, width, height + above);
    }
    cairo_show_page(state_->context.get());
}

base::Result<std::string> FaxPdf::finish() {
    cairo_status_t status = cairo_status(state_->context.get());
    cairo_surface_finish(state_->surface.get());
    status = status == CAIRO_STATUS_SUCCESS ? cairo_surface_status(state_->surface.get()) : status;
    status = status == CAIRO_STATUS_SUCCESS ? state_->status : status;
    if (state_->sink.over) {
        return base::Error{base::Errc::TooLarge, "the PDF of the fax would be too large"};
    }
    if (status != CAIRO_STATUS_SUCCESS) {
        return base::Error{base::Errc::Io,
                           std::string("making the PDF failed: ") + cairo_status_to_string(status)};
    }
    return std::move(state_->sink.octets);
}

}  // namespace mta
