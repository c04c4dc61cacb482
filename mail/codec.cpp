#include "mail/codec.h"

namespace mail {

using base::Errc;
using base::Error;

void ByteWriter::number(std::uint64_t value) {
    while (value >= 0x80) {
        octet(static_cast<std::uint8_t>((value & 0x7fU) | 0x80U));
        value >>= 7U;
    }
    octet(static_cast<std::uint8_t>(value));
}

void ByteWriter::signed_number(std::int64_t value) {
    const auto bits = static_cast<std::uint64_t>(value);
    number((bits << 1U) ^ (value < 0 ? ~std::uint64_t{0} : 0));
}

void ByteWriter::string(std::string_view value) {
    number(value.size());
    out_.append(value);
}

std::uint8_t ByteReader::octet() {
    if (rest_.empty()) {
        fail(Errc::Corrupt, "stored value is cut short");
    }
    if (!ok_) {
        return 0;
    }
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
}

std::uint64_t ByteReader::number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        const std::uint8_t next = octet();
        const std::uint64_t group = next & 0x7fU;
        if (shift == 63 && group > 1) {
            break;
        }
        value |= group << shift;
        if ((next & 0x80U) == 0) {
            // One number has one form: a final zero group would be superfluous.
            if (shift > 0 && next == 0) {
                break;
            }
            return ok_ ? value : 0;
        }
    }
    fail(Errc::Corrupt, "stored number is malformed");
    return 0;
}

std::size_t ByteReader::size(std::size_t max) {
    const std::uint64_t value = number();
    if (value > max) {
        fail(Errc::TooLarge, "stored size is over its limit");
        return 0;
    }
    return static_cast<std::size_t>(value);
}

std::int64_t ByteReader::signed_number() {
    const std::uint64_t bits = number();
    return static_cast<std::int64_t>((bits >> 1U) ^ (~(bits & 1U) + 1));
}

std::string_view ByteReader::string(std::size_t max) {
    const std::size_t length = size(max);
    if (length > rest_.size()) {
        fail(Errc::Corrupt, "stored string is cut short");
        return {};
    }
    if (!ok_) {
        return {};
    }
    const std::string_view value = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return value;
}

void ByteReader::fail(Errc code, std::string_view what) {
    if (ok_) {
        ok_ = false;
        error_ = Error{code, std::string(what)};
    }
}

base::Status ByteReader::finish() const {
    if (!ok_) {
        return error_;
    }
    if (!rest_.empty()) {
        return Error{Errc::Corrupt, "octets after a stored value"};
    }
    return base::Done{};
}

}  // namespace mail
