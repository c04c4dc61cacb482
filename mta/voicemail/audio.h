#pragma once

// What the audio of a voicemail is, and how long it lasts, from its own octets: the door to
// libsndfile, which no other file includes.
//
// Read are the formats that Asterisk writes: WAV with PCM, mu-law, A-law or GSM 6.10 ("wav",
// "wav49"), Ogg Vorbis, and files without a header, whose format is their extension alone: gsm
// (13 kbit/s frames of 33 octets), ulaw/ul/mu, alaw/al, sln (16 bit, 8000 Hz), sln16 ... sln192.
// Everything else is refused before the library sees it: g722, g729 and the like have no reader
// there, and the readers of forty other formats are not for octets from outside.
//
// Nothing is decoded but what the library needs to count frames. The octets are in memory, so a
// probe neither waits nor opens a file; it works at most kAudioSizeMax octets through.
// Thread rule: any thread; a function of its arguments.
// Errors: Unsupported (a format that is not read), Corrupt (it is none after all, or holds no
// audio), TooLarge (octets, or longer than kAudioDurationMaxMs, which no recording is).

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mta {

inline constexpr std::size_t kAudioSizeMax = std::size_t{48} << 20U;
inline constexpr std::int64_t kAudioDurationMaxMs = std::int64_t{24} * 3600 * 1000;

/// A recording. `encoding` is one of pcm, ulaw, alaw, gsm, vorbis, other.
struct AudioInfo {
    std::string container;  ///< wav, ogg or raw
    std::string encoding;
    int channels = 0;
    int sample_rate_hz = 0;
    std::int64_t duration_ms = 0;
};

/// `extension` as the file's name has it ("wav", "WAV", "gsm"), without a dot, of any case.
[[nodiscard]] base::Result<AudioInfo> probe_audio(std::string_view octets,
                                                  std::string_view extension);

/// True for an extension that probe_audio() has a reader for.
[[nodiscard]] bool is_audio_extension(std::string_view extension);

/// Whole seconds as a Content-Duration field and a person want them (RFC 3803 2): rounded, and at
/// least 1 for a recording that has any length.
[[nodiscard]] std::int64_t whole_seconds(std::int64_t duration_ms) noexcept;

}  // namespace mta
