#include "mta/fax/fax_pdf.h"

#include <algorithm>
#include <string>

#include <boost/test/unit_test.hpp>

#include "base/file.h"

// What other programs read in these files (pages, images, text) is looked at in
// test/cluster/fax_test.py with poppler and ghostscript.

namespace {

std::string pdf_of(const std::string& name, const std::string& created = "2026-11-25T10:00:00Z") {
    const std::string file =
        base::read_file(std::string(SOURCE_DIR "/test/fuzz/corpus/fax_tiff/") + name, 1U << 20U)
            .value();
    auto reader = mta::TiffReader::open(file);
    mta::FaxPdf pdf(created);
    while (auto page = reader.value().next()) {
        pdf.add(*page);
    }
    return pdf.finish().value();
}

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
        ++found;
    }
    return found;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fax_pdf)

BOOST_AUTO_TEST_CASE(each_page_is_a_page_with_a_one_bit_image) {
    const std::string pdf = pdf_of("g4.tif");
    BOOST_TEST(pdf.starts_with("%PDF-1.4"));
    BOOST_TEST(pdf.find("%%EOF") != std::string::npos);
    BOOST_TEST(count(pdf, "/Type /Page\n") + count(pdf, "/Type /Page ") == 2U);
    BOOST_TEST(count(pdf, "/BitsPerComponent 1") == 2U);
    BOOST_TEST(pdf.size() < 10'000U);
}

BOOST_AUTO_TEST_CASE(the_same_pages_give_the_same_octets) {
    BOOST_TEST((pdf_of("g4.tif") == pdf_of("g4.tif")));
    BOOST_TEST((pdf_of("g4.tif") == pdf_of("g3.tif")));
    BOOST_TEST((pdf_of("g4.tif") != pdf_of("g4.tif", "2026-11-25T10:00:01Z")));
}

BOOST_AUTO_TEST_CASE(damaged_pages_are_there_with_and_without_rows) {
    BOOST_TEST(count(pdf_of("bad_lines.tif"), "/BitsPerComponent 1") == 2U);
    const std::string gray = pdf_of("gray.tif");
    BOOST_TEST(count(gray, "/Type /Page\n") + count(gray, "/Type /Page ") == 2U);
    BOOST_TEST(count(gray, "/BitsPerComponent 1") == 0U);
}

BOOST_AUTO_TEST_CASE(a_page_of_extreme_shape_is_taken) {
    mta::FaxPdf pdf("2026-11-25T10:00:00Z");
    mta::TiffPage page;
    page.width = 1;
    page.height = mta::kTiffSideMax;
    page.rows.assign(page.height, 0x80);
    pdf.add(page);
    page.width = mta::kTiffSideMax;
    page.height = 1;
    page.damage = std::string(300, 'x');
    page.rows.assign(page.stride(), 0xff);
    pdf.add(page);
    BOOST_TEST(pdf.finish().value().starts_with("%PDF"));
}

BOOST_AUTO_TEST_CASE(a_page_that_cairo_cannot_draw_is_an_error_of_the_pdf) {
    mta::FaxPdf pdf("2026-11-25T10:00:00Z");
    mta::TiffPage page;
    page.width = 40'000;  // over cairo's 32,767 pixels
    page.height = 10;
    page.rows.assign(page.stride() * page.height, 0xff);
    pdf.add(page);
    const auto made = pdf.finish();
    BOOST_REQUIRE(!made);
    BOOST_TEST((made.error().code == base::Errc::Io));
}

BOOST_AUTO_TEST_SUITE_END()
