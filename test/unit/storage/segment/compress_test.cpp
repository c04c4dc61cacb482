#include "storage/segment/compress.h"

#include <random>

#include <boost/test/unit_test.hpp>

#include "storage/segment/reader.h"
#include "test/unit/storage/segment/segment_fixture.h"

using namespace storage;
using namespace storage_test;

BOOST_AUTO_TEST_SUITE(storage_compress)

BOOST_AUTO_TEST_CASE(what_went_in_comes_out) {
    std::string text;
    for (int i = 0; i < 2'000; ++i) {
        text += "line " + std::to_string(i) + "\r\n";
    }
    const auto small = compress(text);
    BOOST_REQUIRE(small.has_value());
    BOOST_TEST(small->size() < text.size() / 2);
    const auto back = decompress(*small, text.size());
    BOOST_REQUIRE(back);
    BOOST_CHECK(back.value() == text);
}

BOOST_AUTO_TEST_CASE(what_does_not_gain_stays_as_it_is) {
    std::mt19937 random(1);
    std::string noise(10'000, '\0');
    for (char& c : noise) {
        c = static_cast<char>(random());
    }
    BOOST_TEST(!compress(noise).has_value());
    BOOST_TEST(!compress("short").has_value());
}

BOOST_AUTO_TEST_CASE(never_gives_more_or_less_than_stated) {
    const std::string text(100'000, 'a');
    const std::string small = compress(text).value();
    BOOST_CHECK(decompress(small, text.size() - 1).error().code == base::Errc::Corrupt);
    BOOST_CHECK(decompress(small, text.size() + 1).error().code == base::Errc::Corrupt);
    BOOST_CHECK(decompress(small, SIZE_MAX).error().code == base::Errc::Corrupt);
    BOOST_CHECK(decompress("no zstd", 10).error().code == base::Errc::Corrupt);
}

BOOST_AUTO_TEST_CASE(a_compressed_frame_gives_the_exact_message) {
    auto encoder = SegmentEncoder::create(make_header()).take_value();
    Bytes bytes;
    encoder.begin(bytes);
    FrameInput frame = make_frame(1, std::string(50'000, 'm'));
    frame.compression = Compression::Zstd;
    const FrameLocation at = encoder.append(frame, bytes).value();
    const auto view =
        decode_frame(encoder.header(), at.offset, std::span(bytes).subspan(at.offset, at.length));
    BOOST_REQUIRE(view);
    BOOST_CHECK(view.value().compression == Compression::Zstd);
    const auto message = message_octets(view.value());
    BOOST_REQUIRE(message);
    BOOST_CHECK(message.value() == frame.message);
}

BOOST_AUTO_TEST_CASE(a_frame_compressed_ahead_is_the_same_as_one_compressed_by_the_encoder) {
    for (const std::string& text : {std::string(50'000, 'm'), std::string("short")}) {
        FrameInput frame = make_frame(1, text);
        frame.compression = Compression::Zstd;
        FrameInput ahead = frame;
        compress_ahead(ahead);
        BOOST_TEST((ahead.octets != 0) == (text.size() > 100));
        Bytes one;
        Bytes two;
        auto encoder = SegmentEncoder::create(make_header()).take_value();
        auto second = SegmentEncoder::create(make_header()).take_value();
        encoder.begin(one);
        second.begin(two);
        const FrameLocation at = encoder.append(frame, one).value();
        BOOST_CHECK(second.append(ahead, two).value() == at);
        BOOST_CHECK(one == two);
    }
}

BOOST_AUTO_TEST_SUITE_END()
