#include "dns/update/record_layout.h"

#include <algorithm>
#include <array>

#include "base/hash.h"
#include "dns/ldns_door.h"
#include "dns/limits.h"
#include "dns/name.h"
#include "dns/update/message_name.h"
#include "dns/wire.h"

namespace dns::update {
namespace {

enum class Names : std::uint8_t { Whole, MayBeCompressed };

// Fields, one letter each:
//   1 2 4 6 8 q   so many octets, q: 16          n   a name
//   s   a string that may be empty, t: not       S   strings to the end, at least one
//   r   the rest, R: at least one octet          p   parameters of SVCB to the end
struct Layout {
    std::uint16_t type;
    std::string_view fields;
    Names names = Names::Whole;
};

constexpr std::array kLayouts = {
    Layout{1, "4"},                                // A
    Layout{2, "n", Names::MayBeCompressed},        // NS
    Layout{5, "n", Names::MayBeCompressed},        // CNAME
    Layout{12, "n", Names::MayBeCompressed},       // PTR
    Layout{13, "ss"},                              // HINFO
    Layout{15, "2n", Names::MayBeCompressed},      // MX
    Layout{16, "S"},                               // TXT
    Layout{17, "nn", Names::MayBeCompressed},      // RP (RFC 1183)
    Layout{18, "2n", Names::MayBeCompressed},      // AFSDB (RFC 1183)
    Layout{28, "q"},                               // AAAA (RFC 3596)
    Layout{29, "4444"},                            // LOC (RFC 1876)
    Layout{33, "222n", Names::MayBeCompressed},    // SRV (RFC 2782)
    Layout{35, "22sssn", Names::MayBeCompressed},  // NAPTR (RFC 3403)
    Layout{36, "2n", Names::MayBeCompressed},      // KX (RFC 2230)
    Layout{37, "221R"},                            // CERT (RFC 4398)
    Layout{39, "n"},                               // DNAME (RFC 6672)
    Layout{43, "211R"},                            // DS (RFC 4034)
    Layout{44, "11R"},                             // SSHFP (RFC 4255)
    Layout{49, "R"},                               // DHCID (RFC 4701)
    Layout{52, "111R"},                            // TLSA (RFC 6698)
    Layout{53, "111R"},                            // SMIMEA (RFC 8162)
    Layout{61, "R"},                               // OPENPGPKEY (RFC 7929)
    Layout{64, "2np"},                             // SVCB (RFC 9460)
    Layout{65, "2np"},                             // HTTPS (RFC 9460)
    Layout{99, "S"},                               // SPF (RFC 7208)
    Layout{108, "6"},                              // EUI48 (RFC 7043)
    Layout{109, "8"},                              // EUI64 (RFC 7043)
    Layout{256, "22R"},                            // URI (RFC 7553)
    Layout{257, "1tr"},                            // CAA (RFC 8659)
};

// Reads the fields of one record's data, in order.
class FieldReader {
  public:
    FieldReader(std::span<const std::byte> message,
                std::size_t at,
                std::size_t size,
                std::string& data)
        : message_(message), at_(at), end_(at + size), data_(data) {}

    bool read(char field, Names names) {
        switch (field) {
            case 'n':
                return name(names);
            case 's':
                return string(0);
            case 't':
                return string(1);
            case 'S':
                return strings();
            case 'r':
                return take(left());
            case 'R':
                return left() != 0 && take(left());
            case 'p':
                return parameters();
            case 'q':
                return take(16);
            default:
                return take(static_cast<std::size_t>(field - '0'));
        }
    }

    [[nodiscard]] std::size_t left() const noexcept { return end_ - at_; }

  private:
    bool take(std::size_t count) {
        if (count > left()) {
            return false;
        }
        data_.append(base::as_text(message_.subspan(at_, count)));
        at_ += count;
        return true;
    }

    bool name(Names names) {
        const std::size_t before = at_;
        const std::size_t size_before = data_.size();
        if (!read_message_name(message_, at_, end_, data_)) {
            return false;
        }
        return names == Names::MayBeCompressed || data_.size() - size_before == at_ - before;
    }

    bool string(std::size_t least) {
        if (left() == 0) {
            return false;
        }
        const auto length = std::to_integer<std::size_t>(message_[at_]);
        return length >= least && take(length + 1);
    }

    bool strings() {
        do {
            if (!string(0)) {
                return false;
            }
        } while (left() != 0);
        return true;
    }

    // RFC 9460 2.2: keys ascend, each with its length.
    bool parameters() {
        int before = -1;
        while (left() != 0) {
            if (left() < 4) {
                return false;
            }
            const int key = load_u16(message_.data() + at_);
            const std::size_t length = load_u16(message_.data() + at_ + 2);
            if (key <= before || !take(4) || !take(length)) {
                return false;
            }
            before = key;
        }
        return true;
    }

    std::span<const std::byte> message_;
    std::size_t at_;
    std::size_t end_;
    std::string& data_;
};

// Where the names of data that is whole begin and end is found by reading it again.
void lower_name(std::string& data, std::size_t at) {
    while (at < data.size()) {
        const auto length = static_cast<unsigned char>(data[at]);
        for (std::size_t i = at + 1; i <= at + length && i < data.size(); ++i) {
            data[i] = static_cast<char>(lower_octet(static_cast<std::byte>(data[i])));
        }
        if (length == 0) {
            return;
        }
        at += length + 1U;
    }
}

}  // namespace

DataVerdict read_record_data(std::span<const std::byte> message,
                             std::size_t at,
                             std::size_t size,
                             std::uint16_t type,
                             std::string& data) {
    data.clear();
    if (at > message.size() || size > message.size() - at) {
        return DataVerdict::Malformed;
    }
    const auto layout = std::ranges::find(kLayouts, type, &Layout::type);
    if (layout == kLayouts.end()) {
        if (!record_type_name(type).starts_with("TYPE")) {
            return DataVerdict::NotTaken;
        }
        data = base::as_text(message.subspan(at, size));
        return DataVerdict::Good;
    }
    FieldReader reader(message, at, size, data);
    for (const char field : layout->fields) {
        if (!reader.read(field, layout->names)) {
            return DataVerdict::Malformed;
        }
    }
    return reader.left() == 0 && data.size() <= kMessageMax ? DataVerdict::Good
                                                            : DataVerdict::Malformed;
}

std::string comparable_data(std::uint16_t type, std::string_view data) {
    std::string lower(data);
    const auto layout = std::ranges::find(kLayouts, type, &Layout::type);
    if (layout == kLayouts.end() || layout->fields.find('n') == std::string_view::npos) {
        return lower;
    }
    std::string read;
    FieldReader reader(base::as_bytes(data), 0, data.size(), read);
    for (const char field : layout->fields) {
        const std::size_t at = read.size();
        if (!reader.read(field, Names::Whole)) {
            return lower;
        }
        if (field == 'n') {
            lower_name(lower, at);
        }
    }
    return lower;
}

}  // namespace dns::update
