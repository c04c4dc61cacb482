#include "mta/voicemail/audio.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>

#include <sndfile.h>

#include "base/handle.h"
#include "mail/ascii.h"

namespace mta {

namespace {

// Asterisk's files without a header.
struct RawFormat {
    std::string_view extension;
    int subtype;
    int sample_rate_hz;
};

constexpr std::array kRawFormats{
    RawFormat{"gsm", SF_FORMAT_GSM610, 8000},
    RawFormat{"ulaw", SF_FORMAT_ULAW, 8000},
    RawFormat{"ul", SF_FORMAT_ULAW, 8000},
    RawFormat{"mu", SF_FORMAT_ULAW, 8000},
    RawFormat{"pcm", SF_FORMAT_ULAW, 8000},
    RawFormat{"alaw", SF_FORMAT_ALAW, 8000},
    RawFormat{"al", SF_FORMAT_ALAW, 8000},
    RawFormat{"sln", SF_FORMAT_PCM_16, 8000},
    RawFormat{"sln12", SF_FORMAT_PCM_16, 12000},
    RawFormat{"sln16", SF_FORMAT_PCM_16, 16000},
    RawFormat{"sln24", SF_FORMAT_PCM_16, 24000},
    RawFormat{"sln32", SF_FORMAT_PCM_16, 32000},
    RawFormat{"sln44", SF_FORMAT_PCM_16, 44100},
    RawFormat{"sln48", SF_FORMAT_PCM_16, 48000},
    RawFormat{"sln96", SF_FORMAT_PCM_16, 96000},
    RawFormat{"sln192", SF_FORMAT_PCM_16, 192000},
};

constexpr int kChunksMax = 16;  // before the data of a WAV

constexpr std::array<std::string_view, 4> kHeadedExtensions{"wav", "wav49", "wav16", "ogg"};

// The octets as the library's file. Its callbacks are C: nothing here throws.
struct MemoryFile {
    std::string_view octets;
    sf_count_t position = 0;
};

sf_count_t file_length(void* user) noexcept {
    return static_cast<sf_count_t>(static_cast<MemoryFile*>(user)->octets.size());
}

sf_count_t seek_file(sf_count_t offset, int whence, void* user) noexcept {
    auto* file = static_cast<MemoryFile*>(user);
    const auto size = static_cast<sf_count_t>(file->octets.size());
    sf_count_t from = 0;
    if (whence == SEEK_CUR) {
        from = file->position;
    } else if (whence == SEEK_END) {
        from = size;
    }
    // A damaged header may ask for any place: it gets the nearest that there is.
    file->position = std::clamp(offset, -from, size - from) + from;
    return file->position;
}

sf_count_t read_file(void* out, sf_count_t count, void* user) noexcept {
    auto* file = static_cast<MemoryFile*>(user);
    const auto left = static_cast<sf_count_t>(file->octets.size()) - file->position;
    const sf_count_t taken = std::clamp(count, sf_count_t{0}, left);
    std::memcpy(out, file->octets.data() + file->position, static_cast<std::size_t>(taken));
    file->position += taken;
    return taken;
}

sf_count_t write_nothing(const void* /*bytes*/, sf_count_t /*count*/, void* /*user*/) noexcept {
    return 0;
}

sf_count_t tell_file(void* user) noexcept {
    return static_cast<MemoryFile*>(user)->position;
}

using SoundFile = base::Handle<SNDFILE, sf_close>;

std::string encoding_name(int format) {
    switch (format & SF_FORMAT_SUBMASK) {
        case SF_FORMAT_PCM_S8:
        case SF_FORMAT_PCM_U8:
        case SF_FORMAT_PCM_16:
        case SF_FORMAT_PCM_24:
        case SF_FORMAT_PCM_32:
            return "pcm";
        case SF_FORMAT_ULAW:
            return "ulaw";
        case SF_FORMAT_ALAW:
            return "alaw";
        case SF_FORMAT_GSM610:
            return "gsm";
        case SF_FORMAT_VORBIS:
            return "vorbis";
        default:
            return "other";
    }
}

// What the first octets say a file with a header is; the extension does not count, and neither does
// what the library would make of other octets.
std::optional<std::string> headed_container(std::string_view octets) {
    if (octets.size() >= 12 && octets.starts_with("RIFF") && octets.substr(8, 4) == "WAVE") {
        return "wav";
    }
    if (octets.starts_with("OggS")) {
        return "ogg";
    }
    return std::nullopt;
}

base::Result<AudioInfo> open_and_count(std::string_view octets,
                                       SF_INFO wanted,
                                       std::string container) {
    MemoryFile file{octets};
    SF_VIRTUAL_IO calls{file_length, seek_file, read_file, write_nothing, tell_file};
    const SoundFile sound(sf_open_virtual(&calls, SFM_READ, &wanted, &file));
    if (!sound) {
        return base::Error{base::Errc::Corrupt, "no audio file of its format"};
    }
    if (wanted.frames <= 0 || wanted.samplerate <= 0 || wanted.channels <= 0) {
        return base::Error{base::Errc::Corrupt, "no audio in it"};
    }
    if (wanted.frames / wanted.samplerate > kAudioDurationMaxMs / 1000) {
        return base::Error{base::Errc::TooLarge, "longer than a day"};
    }
    AudioInfo info;
    info.container = std::move(container);
    info.encoding = encoding_name(wanted.format);
    info.channels = wanted.channels;
    info.sample_rate_hz = wanted.samplerate;
    info.duration_ms = wanted.frames * 1000 / wanted.samplerate;
    return info;
}

std::uint32_t number_at(std::string_view octets, std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        value |= std::uint32_t{static_cast<unsigned char>(octets[at + i])} << (8 * i);
    }
    return value;
}

// Asterisk writes the size of the data when it closes the file. One that it could not close says 0
// there, and everything behind it is audio. None: this is no such file.
std::optional<std::string> closed_wav(std::string_view octets) {
    std::size_t at = 12;
    for (int chunks = 0; chunks < kChunksMax && at + 8 < octets.size(); ++chunks) {
        const std::uint32_t size = number_at(octets, at + 4);
        if (octets.substr(at, 4) == "data") {
            if (size != 0) {
                return std::nullopt;
            }
            const auto left = static_cast<std::uint32_t>(octets.size() - at - 8);
            std::string closed(octets);
            for (std::size_t i = 0; i < 4; ++i) {
                closed[at + 4 + i] = static_cast<char>(left >> (8 * i) & 0xFFU);
            }
            return closed;
        }
        at += 8 + std::size_t{size} + size % 2;
    }
    return std::nullopt;
}

const RawFormat* find_raw(std::string_view extension) {
    const std::string lower = mail::to_lower(extension);
    const auto* const found =
        std::find_if(kRawFormats.begin(), kRawFormats.end(), [&lower](const RawFormat& format) {
            return format.extension == lower;
        });
    return found == kRawFormats.end() ? nullptr : &*found;
}

}  // namespace

base::Result<AudioInfo> probe_audio(std::string_view octets, std::string_view extension) {
    if (octets.size() > kAudioSizeMax) {
        return base::Error{base::Errc::TooLarge,
                           std::to_string(octets.size()) + " octets of audio; at most " +
                               std::to_string(kAudioSizeMax) + " are read"};
    }
    SF_INFO wanted{};
    const auto container = headed_container(octets);
    if (container) {
        const auto closed = *container == "wav" ? closed_wav(octets) : std::nullopt;
        return open_and_count(closed ? *closed : octets, wanted, *container);
    }
    const RawFormat* raw = find_raw(extension);
    if (raw == nullptr) {
        return is_audio_extension(extension)
                   ? base::Error{base::Errc::Corrupt, "no audio file of its format"}
                   : base::Error{base::Errc::Unsupported,
                                 "no reader for ." + std::string(extension.substr(0, 16))};
    }
    if (octets.empty()) {
        return base::Error{base::Errc::Corrupt, "no audio in it"};
    }
    wanted.samplerate = raw->sample_rate_hz;
    wanted.channels = 1;
    wanted.format = SF_FORMAT_RAW | raw->subtype | SF_ENDIAN_LITTLE;
    if (raw->subtype != SF_FORMAT_PCM_16) {
        wanted.format = SF_FORMAT_RAW | raw->subtype;
    }
    return open_and_count(octets, wanted, "raw");
}

bool is_audio_extension(std::string_view extension) {
    const std::string lower = mail::to_lower(extension);
    return find_raw(lower) != nullptr ||
           std::find(kHeadedExtensions.begin(), kHeadedExtensions.end(), lower) !=
               kHeadedExtensions.end();
}

std::int64_t whole_seconds(std::int64_t duration_ms) noexcept {
    return duration_ms <= 0 ? 0 : std::max<std::int64_t>(1, (duration_ms + 500) / 1000);
}

}  // namespace mta
