#include "mta/voicemail/audio.h"

#include <cstdint>
#include <string>

#include <boost/test/unit_test.hpp>

#include "test/unit/mta/voicemail/sample_audio.h"

namespace {

using mta::probe_audio;

base::Errc error_of(std::string_view octets, std::string_view extension) {
    const auto info = probe_audio(octets, extension);
    BOOST_REQUIRE(!info);
    return info.error().code;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(voicemail_audio)

BOOST_AUTO_TEST_CASE(measures_wav) {
    const auto info = probe_audio(test::wav(2500), "wav");
    BOOST_REQUIRE(info);
    BOOST_TEST(info.value().container == "wav");
    BOOST_TEST(info.value().encoding == "pcm");
    BOOST_TEST(info.value().channels == 1);
    BOOST_TEST(info.value().sample_rate_hz == 8000);
    BOOST_TEST(info.value().duration_ms == 2500);
}

BOOST_AUTO_TEST_CASE(the_octets_count_and_not_the_extension) {
    BOOST_TEST(probe_audio(test::wav(1000), "gsm").value().container == "wav");
}

BOOST_AUTO_TEST_CASE(measures_files_without_a_header) {
    const auto gsm = probe_audio(test::gsm(50), "gsm");
    BOOST_REQUIRE(gsm);
    BOOST_TEST(gsm.value().encoding == "gsm");
    BOOST_TEST(gsm.value().duration_ms == 1000);
    BOOST_TEST(probe_audio(std::string(16000, '\xFF'), "ulaw").value().duration_ms == 2000);
    BOOST_TEST(probe_audio(std::string(16000, '\xFF'), "ALAW").value().duration_ms == 2000);
    BOOST_TEST(probe_audio(std::string(16000, '\0'), "sln").value().duration_ms == 1000);
    BOOST_TEST(probe_audio(std::string(32000, '\0'), "sln16").value().duration_ms == 1000);
}

// Asterisk died while it wrote: the header still says that there is nothing.
BOOST_AUTO_TEST_CASE(measures_a_wav_that_was_not_closed) {
    std::string open = test::wav(1000);
    open.replace(40, 4, std::string(4, '\0'));
    const auto info = probe_audio(open, "wav");
    BOOST_REQUIRE(info);
    BOOST_TEST(info.value().duration_ms == 1000);
}

// The header promises an hour, the file holds a second.
BOOST_AUTO_TEST_CASE(counts_what_is_there_and_not_what_is_promised) {
    std::string cut = test::wav(3'600'000);
    cut.resize(44 + 16000);
    const auto info = probe_audio(cut, "wav");
    BOOST_REQUIRE(info);
    BOOST_TEST(info.value().duration_ms == 1000);
}

BOOST_AUTO_TEST_CASE(refuses_what_is_no_audio) {
    BOOST_TEST((error_of("", "wav") == base::Errc::Corrupt));
    BOOST_TEST((error_of("", "gsm") == base::Errc::Corrupt));
    BOOST_TEST((error_of("hello", "wav") == base::Errc::Corrupt));
    BOOST_TEST((error_of("hello", "mp3") == base::Errc::Unsupported));
    BOOST_TEST((error_of("hello", "") == base::Errc::Unsupported));
    BOOST_TEST((error_of(test::wav(0), "wav") == base::Errc::Corrupt));
    // AIFF is a format that the library reads, and that Asterisk never writes.
    BOOST_TEST((error_of("FORM\0\0\0\0AIFF", "wav") == base::Errc::Corrupt));
    BOOST_TEST(
        (error_of(std::string(mta::kAudioSizeMax + 1, 'x'), "ulaw") == base::Errc::TooLarge));
}

BOOST_AUTO_TEST_CASE(survives_every_cut_and_thousands_of_damaged_headers) {
    const std::string whole = test::wav(100);
    for (std::size_t size = 0; size < 64; ++size) {
        (void)probe_audio(std::string_view(whole).substr(0, size), "wav");
    }
    std::uint32_t state = 20261125;
    const auto next = [&state] {
        state = state * 1664525U + 1013904223U;
        return state >> 8U;
    };
    for (int round = 0; round < 5000; ++round) {
        std::string damaged = whole;
        for (std::uint32_t change = 0; change <= next() % 4; ++change) {
            damaged[8 + next() % 40] = static_cast<char>(next());
        }
        const auto info = probe_audio(damaged, "wav");
        if (info) {
            BOOST_TEST(info.value().duration_ms >= 0);
            BOOST_TEST(info.value().duration_ms <= mta::kAudioDurationMaxMs + 1000);
        }
    }
}

BOOST_AUTO_TEST_CASE(rounds_to_seconds) {
    BOOST_TEST(mta::whole_seconds(0) == 0);
    BOOST_TEST(mta::whole_seconds(1) == 1);
    BOOST_TEST(mta::whole_seconds(1499) == 1);
    BOOST_TEST(mta::whole_seconds(1500) == 2);
    BOOST_TEST(mta::whole_seconds(-5) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
