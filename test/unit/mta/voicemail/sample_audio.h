#pragma once

// Recordings for tests, made octet by octet: a WAV of 16 bit PCM, and the frames of GSM 6.10.
// Thread rule: functions of their arguments.

#include <cstdint>
#include <string>

namespace test {

inline void append_number(std::string& out, std::uint32_t value, int octets) {
    for (int i = 0; i < octets; ++i) {
        out.push_back(static_cast<char>(value >> (8 * i) & 0xFFU));
    }
}

/// Of silence; `seed` makes recordings of the same length differ.
inline std::string wav(std::uint32_t milliseconds, std::uint32_t rate = 8000, char seed = 0) {
    const std::uint32_t size = rate / 1000 * milliseconds * 2;
    std::string out = "RIFF";
    append_number(out, 36 + size, 4);
    out += "WAVEfmt ";
    append_number(out, 16, 4);
    append_number(out, 1, 2);         // PCM
    append_number(out, 1, 2);         // channels
    append_number(out, rate, 4);      // frames a second
    append_number(out, rate * 2, 4);  // octets a second
    append_number(out, 2, 2);         // octets a frame
    append_number(out, 16, 2);        // bits
    out += "data";
    append_number(out, size, 4);
    out.append(size, seed);
    return out;
}

/// Frames of 20 ms without a header, as Asterisk's .gsm.
inline std::string gsm(std::size_t frames) {
    std::string out;
    for (std::size_t i = 0; i < frames; ++i) {
        out += '\xD8' + std::string(32, '\x20');
    }
    return out;
}

}  // namespace test
