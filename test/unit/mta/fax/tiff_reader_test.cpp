#include "mta/fax/tiff_reader.h"

#include <algorithm>
#include <bit>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/file.h"

namespace {

using base::Errc;
using mta::TiffPage;
using mta::TiffReader;

std::string sample(const std::string& name) {
    return base::read_file(std::string(SOURCE_DIR "/test/fuzz/corpus/fax_tiff/") + name, 1U << 20U)
        .value();
}

std::vector<TiffPage> pages_of(const std::string& file) {
    std::vector<TiffPage> pages;
    auto reader = TiffReader::open(file);
    while (reader) {
        auto page = reader.value().next();
        if (!page) {
            break;
        }
        pages.push_back(std::move(*page));
    }
    return pages;
}

std::size_t black_pixels(const TiffPage& page) {
    std::size_t count = 0;
    for (const std::uint8_t octet : page.rows) {
        count += static_cast<std::size_t>(std::popcount(octet));
    }
    return count;
}

bool is_whole(const std::vector<TiffPage>& pages) {
    return pages.size() == 2 &&
           std::all_of(pages.begin(), pages.end(), [](const auto& page) { return page.is_good(); });
}

// Writes a number over the value of a tag of the first directory (little-endian, 12 octets each).
void set_tag(std::string& file, unsigned tag, std::uint32_t value) {
    const auto number = [&](std::size_t at, std::size_t size) {
        std::size_t out = 0;
        for (std::size_t i = size; i-- > 0;) {
            out = out * 256 + static_cast<unsigned char>(file.at(at + i));
        }
        return out;
    };
    const std::size_t directory = number(4, 4);
    for (std::size_t i = 0; i < number(directory, 2); ++i) {
        const std::size_t entry = directory + 2 + 12 * i;
        if (number(entry, 2) == tag) {
            file.at(entry + 2) = 4;  // LONG
            for (std::size_t octet = 0; octet < 4; ++octet) {
                file.at(entry + 8 + octet) = static_cast<char>((value >> (8 * octet)) & 0xffU);
            }
            return;
        }
    }
    BOOST_FAIL("no such tag");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tiff_reader)

BOOST_AUTO_TEST_CASE(every_encoding_gives_the_same_rows) {
    const auto g4 = pages_of(sample("g4.tif"));
    BOOST_REQUIRE(is_whole(g4));
    BOOST_TEST(g4[0].width == 1728U);
    BOOST_TEST(g4[0].height == 300U);
    BOOST_TEST(g4[0].x_per_inch == 204.0, boost::test_tools::tolerance(0.001));
    BOOST_TEST(g4[0].y_per_inch == 196.0, boost::test_tools::tolerance(0.001));
    BOOST_TEST(g4[0].rows.size() == 216U * 300U);
    BOOST_TEST(black_pixels(g4[0]) > 1'000U);
    BOOST_TEST(black_pixels(g4[0]) < 100'000U);
    for (const char* name : {"g3.tif", "g32d.tif", "pack.tif"}) {
        const auto other = pages_of(sample(name));
        BOOST_TEST_CONTEXT(name) {
            BOOST_REQUIRE(is_whole(other));
            BOOST_TEST((other[0].rows == g4[0].rows));
            BOOST_TEST((other[1].rows == g4[1].rows));
        }
    }
}

BOOST_AUTO_TEST_CASE(reads_what_hylafax_keeps_of_the_call) {
    const std::string file = sample("hyla.tif");
    auto reader = TiffReader::open(file);
    BOOST_REQUIRE(reader);
    const mta::TiffCall& call = reader.value().call();
    BOOST_TEST(call.sender == "+49 30 111");
    BOOST_REQUIRE_EQUAL(call.call_ids.size(), 3U);
    BOOST_TEST(call.call_ids[0] == "+4930999");
    BOOST_TEST(call.call_ids[1] == "Bob Caller");
    BOOST_TEST(call.call_ids[2] == "+4940123456");
    BOOST_TEST(call.subaddress == "53");
    BOOST_TEST(call.make == "ACME");
    BOOST_TEST(call.model == "Modem 1");
    BOOST_TEST(call.receive_seconds.value() == 42U);
    BOOST_TEST(call.parameters.value() == 1234U);
}

BOOST_AUTO_TEST_CASE(rows_that_the_modem_found_bad_damage_their_page_alone) {
    const auto pages = pages_of(sample("bad_lines.tif"));
    BOOST_REQUIRE_EQUAL(pages.size(), 2U);
    BOOST_TEST(pages[0].is_good());
    BOOST_TEST(pages[1].rows_bad == 7U);
    BOOST_TEST(pages[1].damage == "the receiving modem found 7 of 300 rows bad");
    BOOST_TEST(black_pixels(pages[1]) > 0U);
}

BOOST_AUTO_TEST_CASE(a_page_that_is_not_black_and_white_is_damaged_by_name) {
    const auto pages = pages_of(sample("gray.tif"));
    BOOST_REQUIRE_EQUAL(pages.size(), 2U);
    BOOST_TEST(pages[0].damage == "the page is not black and white");
    BOOST_TEST(pages[0].rows.empty());
}

BOOST_AUTO_TEST_CASE(what_is_no_tiff_is_corrupt) {
    for (const char* text : {"", "II*", "%PDF-1.4 and more", "II*\0\xff\xff\xff\x7f"}) {
        const auto reader = TiffReader::open(text);
        BOOST_REQUIRE(!reader);
        BOOST_TEST((reader.error().code == Errc::Corrupt));
    }
    const auto large = TiffReader::open(std::string(mta::kTiffSizeMax + 1, 'x'));
    BOOST_REQUIRE(!large);
    BOOST_TEST((large.error().code == Errc::TooLarge));
}

// The last octets may be a tag's text: without it the pages are whole all the same.
BOOST_AUTO_TEST_CASE(a_file_cut_anywhere_never_passes_for_whole_with_other_pages) {
    for (const char* name : {"g4.tif", "g3.tif", "g32d.tif", "hyla.tif", "bad_lines.tif"}) {
        const std::string whole = sample(name);
        const auto all = pages_of(whole);
        for (std::size_t size = 0; size < whole.size(); size += 97) {
            const auto pages = pages_of(whole.substr(0, size));
            BOOST_TEST_CONTEXT(name << " cut at " << size) {
                BOOST_TEST((!is_whole(pages) || size > whole.size() - 200));
                BOOST_TEST((!is_whole(pages) ||
                            (pages[0].rows == all[0].rows && pages[1].rows == all[1].rows)));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(wrong_octets_anywhere_end_in_a_verdict) {
    for (const char* name : {"g4.tif", "g3.tif", "hyla.tif", "pack.tif"}) {
        const std::string whole = sample(name);
        for (std::size_t at = 0; at < whole.size(); at += 7) {
            std::string wrong = whole;
            for (const int octet : {0x00, 0xff, 0x80}) {
                wrong[at] = static_cast<char>(octet);
                for (const TiffPage& page : pages_of(wrong)) {
                    BOOST_TEST(page.rows.size() <= mta::kTiffPageOctetsMax);
                }
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(bad_codes_in_a_page_leave_the_other_pages_good) {
    std::string file = sample("hyla.tif");  // libtiff puts the first page's data before all else
    std::fill_n(file.begin() + 60, 40, '\x55');
    const auto pages = pages_of(file);
    BOOST_REQUIRE_EQUAL(pages.size(), 2U);
    BOOST_TEST(!pages[0].is_good());
    BOOST_TEST(pages[0].rows_bad > 0U);
    BOOST_TEST(pages[1].is_good());
}

BOOST_AUTO_TEST_CASE(sizes_that_no_fax_has_take_no_memory) {
    for (const std::uint32_t side : {0U, 40'000U, 0x7fffffffU, 0xffffffffU}) {
        for (const unsigned tag : {256U, 257U}) {
            std::string file = sample("g4.tif");
            set_tag(file, tag, side);
            for (const TiffPage& page : pages_of(file)) {
                BOOST_TEST(page.rows.size() <= mta::kTiffPageOctetsMax);
            }
            BOOST_TEST(!is_whole(pages_of(file)));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_chain_of_pages_without_end_ends) {
    std::string file = sample("g4.tif");
    // The offset of the next directory stands behind the entries: let it point to its own.
    const auto octet = [&](std::size_t at) { return static_cast<unsigned char>(file.at(at)); };
    const std::size_t directory = octet(4) + 256U * octet(5);
    const std::size_t next = directory + 2 + 12U * (octet(directory) + 256U * octet(directory + 1));
    std::copy_n(file.begin() + 4, 4, file.begin() + static_cast<std::ptrdiff_t>(next));
    const auto pages = pages_of(file);
    BOOST_REQUIRE(!pages.empty());
    BOOST_TEST(pages.size() <= mta::kTiffPagesMax + 1);
    BOOST_TEST(!is_whole(pages));
}

BOOST_AUTO_TEST_SUITE_END()
