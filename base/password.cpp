#include "base/password.h"

#include <cerrno>
#include <cstring>
#include <memory>

#include <crypt.h>

#include "base/hash.h"

namespace base {

namespace {

// 32 KiB: too much for a fiber's stack, and each call needs its own.
std::unique_ptr<crypt_data> make_scratch() {
    return std::make_unique<crypt_data>();
}

bool is_usable(std::string_view password) noexcept {
    return !password.empty() && password.size() <= kPasswordMax &&
           password.find('\0') == std::string_view::npos;
}

void wipe(std::string& text) noexcept {
    ::explicit_bzero(text.data(), text.size());
}

// Empty when libcrypt does not know the kind of hash, or the setting is malformed.
std::string crypt_text(std::string_view password, const char* setting) {
    std::string copy(password);
    const std::unique_ptr<crypt_data> scratch = make_scratch();
    const char* hash = ::crypt_r(copy.c_str(), setting, scratch.get());
    std::string result = hash != nullptr && hash[0] != '*' ? hash : "";
    ::explicit_bzero(scratch.get(), sizeof *scratch);
    wipe(copy);
    return result;
}

}  // namespace

Result<std::string> hash_password(std::string_view password) {
    if (!is_usable(password)) {
        return Error{Errc::Invalid,
                     "a password has 1 to " + std::to_string(kPasswordMax) + " bytes, no NUL"};
    }
    char setting[CRYPT_GENSALT_OUTPUT_SIZE] = {};
    // Cost 0: the library's default (5); no random bytes: it asks the kernel.
    if (::crypt_gensalt_rn("$y$", 0, nullptr, 0, setting, sizeof setting) == nullptr) {
        return errno_error("crypt_gensalt", errno);
    }
    std::string hash = crypt_text(password, setting);
    if (hash.empty()) {
        return Error{Errc::Unsupported, "libcrypt has no yescrypt"};
    }
    return hash;
}

bool verify_password(std::string_view password, const std::string& hash) {
    if (!is_usable(password) || hash.empty()) {
        waste_password_time("x");
        return false;
    }
    const std::string again = crypt_text(password, hash.c_str());
    return !again.empty() && equal_constant_time(as_bytes(again), as_bytes(hash));
}

void waste_password_time(std::string_view password) {
    // A hash of nothing anybody knows, of the kind that hash_password makes.
    (void)crypt_text(password.substr(0, kPasswordMax), "$y$j9T$k8rEw1pX0Vd5oT2uNqLsM/");
}

}  // namespace base
