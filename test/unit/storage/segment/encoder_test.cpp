#include "storage/segment/encoder.h"

#include <boost/test/unit_test.hpp>

#include "mail/limits.h"
#include "storage/segment/reader.h"
#include "test/unit/storage/segment/segment_fixture.h"

using namespace storage;
using namespace storage_test;

BOOST_AUTO_TEST_SUITE(storage_encoder)

BOOST_AUTO_TEST_CASE(header_comes_back_as_it_was) {
    SegmentHeader header = make_header();
    header.writer = std::string(format::kWriterNameMax, 'w');
    header.generation = 3;
    header.replicas.assign(format::kReplicasMax, header.replicas[0]);
    const auto bytes = encode_header(header);
    BOOST_REQUIRE(bytes);
    BOOST_TEST(bytes.value().size() % format::kAlignment == 0U);
    BOOST_TEST(bytes.value().size() <= format::kHeaderSizeMax);
    const auto decoded = decode_header(bytes.value());
    BOOST_REQUIRE(decoded);
    BOOST_CHECK(decoded.value().header == header);
    BOOST_TEST(decoded.value().size == bytes.value().size());
}

BOOST_AUTO_TEST_CASE(refuses_headers_out_of_bounds) {
    const std::vector<void (*)(SegmentHeader&)> spoil{
        [](SegmentHeader& h) { h.replicas.clear(); },
        [](SegmentHeader& h) { h.replicas.resize(format::kReplicasMax + 1); },
        [](SegmentHeader& h) { h.min_copies = 0; },
        [](SegmentHeader& h) { h.min_copies = 3; },
        [](SegmentHeader& h) { h.writer.clear(); },
        [](SegmentHeader& h) { h.writer.assign(256, 'x'); },
        [](SegmentHeader& h) { h.segment = SegmentId(); },
        [](SegmentHeader& h) { h.generation = 0; },
    };
    for (const auto& change : spoil) {
        SegmentHeader header = make_header();
        change(header);
        const auto result = SegmentEncoder::create(header);
        BOOST_REQUIRE(!result);
        BOOST_CHECK(result.error().code == base::Errc::Invalid);
    }
}

BOOST_AUTO_TEST_CASE(frames_are_readable_alone_at_their_location) {
    const BuiltSegment built =
        build_segment(make_header(), {"one", std::string(5'000, 'x'), ""}, false, false);
    const FrameLocation& at = built.frames[1];
    const auto frame =
        decode_frame(built.header, at.offset, std::span(built.bytes).subspan(at.offset, at.length));
    BOOST_REQUIRE(frame);
    BOOST_CHECK(frame.value().id == message_id(2));
    BOOST_TEST(frame.value().envelope == "envelope 2");
    BOOST_TEST(frame.value().summary == "summary");
    BOOST_TEST(frame.value().message == std::string(5'000, 'x'));
    BOOST_TEST(frame.value().octets == 5'000U);
    BOOST_TEST(frame.value().received_us == 1'795'345'200'000'002U);
}

BOOST_AUTO_TEST_CASE(keeps_every_octet) {
    std::string all;
    for (int i = 0; i < 1024; ++i) {
        all.push_back(static_cast<char>(i));
    }
    const BuiltSegment built = build_segment(make_header(), {all}, false, false);
    const auto frame = decode_frame(
        built.header,
        built.frames[0].offset,
        std::span(built.bytes).subspan(built.frames[0].offset, built.frames[0].length));
    BOOST_REQUIRE(frame);
    BOOST_CHECK(frame.value().message == all);
}

BOOST_AUTO_TEST_CASE(refused_frames_leave_no_trace) {
    auto encoder = SegmentEncoder::create(make_header()).take_value();
    Bytes bytes;
    encoder.begin(bytes);
    const Bytes before = bytes;
    FrameInput nil = make_frame(1, "x");
    nil.id = mail::MessageId();
    FrameInput seal = make_frame(1, "x");
    seal.type = FrameType::Seal;
    FrameInput journal = make_frame(1, "x");
    journal.type = FrameType::Journal;  // with an envelope
    FrameInput large = make_frame(1, std::string(format::kMessageSizeMax + 1, 'x'));
    FrameInput wide = make_frame(1, "x");
    wide.envelope.assign(mail::kSmtpEnvelopeMax + 1, 'e');
    FrameInput deep = make_frame(1, "x");
    deep.summary.assign(mail::kSummaryMax + 1, 's');
    const std::vector<std::pair<const FrameInput*, base::Errc>> cases{
        {&nil, base::Errc::Invalid},
        {&seal, base::Errc::Invalid},
        {&journal, base::Errc::Invalid},
        {&large, base::Errc::TooLarge},
        {&wide, base::Errc::TooLarge},
        {&deep, base::Errc::TooLarge},
    };
    for (const auto& [frame, code] : cases) {
        const auto result = encoder.append(*frame, bytes);
        BOOST_REQUIRE(!result);
        BOOST_CHECK(result.error().code == code);
    }
    BOOST_CHECK(bytes == before);
    BOOST_TEST(encoder.size() == before.size());
    BOOST_TEST(encoder.frames() == 0U);
}

BOOST_AUTO_TEST_CASE(a_full_segment_asks_for_rotation) {
    auto encoder = SegmentEncoder::create(make_header()).take_value();
    Bytes bytes;
    encoder.begin(bytes);
    std::size_t appended = 0;
    for (const std::size_t size : {40U << 20U, 1U << 20U, 32U << 10U, 1U << 10U, 0U}) {
        const FrameInput frame = make_frame(1, std::string(size, 'x'));
        for (;; ++appended) {
            bytes.clear();
            const auto result = encoder.append(frame, bytes);
            if (!result) {
                BOOST_REQUIRE(result.error().code == base::Errc::Busy);
                break;
            }
        }
    }
    BOOST_TEST(appended > 25U);
    BOOST_TEST(encoder.size() > format::kSegmentSizeMax - (64U << 10U));
    bytes.clear();
    const Seal seal = encoder.seal(bytes);
    BOOST_TEST(seal.file_size <= format::kSegmentSizeMax);
}

BOOST_AUTO_TEST_CASE(a_digest_by_the_owner_is_the_same) {
    Bytes at_once;
    Bytes by_owner;
    for (const auto& [digest, bytes] :
         {std::pair(Digest::AtOnce, &at_once), std::pair(Digest::ByOwner, &by_owner)}) {
        auto encoder = SegmentEncoder::create(make_header(), digest).take_value();
        encoder.begin(*bytes);
        BOOST_REQUIRE(encoder.append(make_frame(1, "one"), *bytes));
        if (digest == Digest::ByOwner) {
            encoder.digest(*bytes);
        }
        const std::size_t so_far = bytes->size();
        BOOST_REQUIRE(encoder.append(make_frame(2, "two"), *bytes));
        if (digest == Digest::ByOwner) {
            encoder.digest(std::span(*bytes).subspan(so_far));
        }
        (void)encoder.seal(*bytes);
    }
    BOOST_CHECK(at_once == by_owner);
    BOOST_TEST(verify_sealed(by_owner).operator bool());
}

BOOST_AUTO_TEST_CASE(compresses_only_what_gains) {
    auto encoder = SegmentEncoder::create(make_header()).take_value();
    Bytes bytes;
    encoder.begin(bytes);
    FrameInput frame = make_frame(1, std::string(100'000, 'a'));
    frame.compression = Compression::Zstd;
    const FrameLocation small = encoder.append(frame, bytes).value();
    BOOST_TEST(small.length < 1'000U);
    frame.message = "short";
    const FrameLocation plain = encoder.append(frame, bytes).value();
    const auto view = decode_frame(
        encoder.header(), plain.offset, std::span(bytes).subspan(plain.offset, plain.length));
    BOOST_REQUIRE(view);
    BOOST_CHECK(view.value().compression == Compression::None);
}

BOOST_AUTO_TEST_CASE(the_seal_is_a_function_of_the_segment) {
    const BuiltSegment built = build_segment(make_header(), {"a", "b"}, true, true);
    const auto sealed = verify_sealed(built.bytes);
    BOOST_REQUIRE(sealed);
    BOOST_TEST(sealed.value().data_size == built.data_size);
    BOOST_TEST(sealed.value().file_size == built.bytes.size());
    const auto again = encode_seal(built.header, sealed.value());
    BOOST_REQUIRE(again);
    BOOST_CHECK(std::equal(again.value().begin(),
                           again.value().end(),
                           built.bytes.begin() + static_cast<std::ptrdiff_t>(built.data_size),
                           built.bytes.end()));
}

BOOST_AUTO_TEST_CASE(a_seal_that_contradicts_itself_is_refused) {
    const BuiltSegment built = build_segment(make_header(), {"a"}, false, true);
    Seal seal = verify_sealed(built.bytes).take_value();
    seal.file_size += 8;
    BOOST_TEST(!encode_seal(built.header, seal));
}

BOOST_AUTO_TEST_SUITE_END()
