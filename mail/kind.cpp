#include "mail/kind.h"

#include <array>
#include <string>

namespace mail {

namespace {

constexpr std::array kKinds = {Kind::Email, Kind::Fax, Kind::Voicemail};

}  // namespace

std::string_view kind_name(Kind kind) noexcept {
    switch (kind) {
        case Kind::Fax:
            return "fax";
        case Kind::Voicemail:
            return "voicemail";
        case Kind::Email:
            break;
    }
    return "email";
}

base::Result<Kind> parse_kind(std::string_view name) {
    for (const Kind kind : kKinds) {
        if (kind_name(kind) == name) {
            return kind;
        }
    }
    return base::Error{base::Errc::Invalid, "unknown kind " + std::string(name.substr(0, 32))};
}

base::Result<Kind> kind_from_number(int number) {
    for (const Kind kind : kKinds) {
        if (static_cast<int>(kind) == number) {
            return kind;
        }
    }
    return base::Error{base::Errc::Invalid, "unknown kind " + std::to_string(number)};
}

}  // namespace mail
