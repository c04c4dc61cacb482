#pragma once

// Everything that a session needs, in memory, and a way to talk to it.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/context.h"
#include "base/stream.h"
#include "test/unit/access/memory_store.h"

namespace access_test {

/// Confirms every address as the account's, unless told otherwise.
class FakeVerifier final : public accessd::AddressVerifier {
  public:
    base::Result<std::optional<accessd::AccountId>> ask(std::string_view) override {
        ++questions;
        if (failure) {
            return base::Error{*failure, "test"};
        }
        return answer;
    }

    std::optional<accessd::AccountId> answer;
    std::optional<base::Errc> failure;
    int questions = 0;
};

/// The members may be changed between talks. Borrowed by the sessions, which end within the talk.
struct SessionRig {
    SessionRig();

    MemoryStore store;
    FakeVerifier verifier;
    base::WorkerPool crypt_pool{"crypt", 1, 8};
    base::WorkerPool workers{"workers", 1, 8};
    accessd::SignIn sign_in{store, verifier, crypt_pool};
    accessd::AccessSettings settings;
    accessd::ByteBudget budget{std::size_t{1} << 20U};
    accessd::AccessContext context{settings, store, sign_in, workers, budget};
    base::IpAddress peer = base::IpAddress::loopback_v4();
    bool secure = false;

    /// What the server says to this input, greeting included, in fills of `piece` bytes.
    std::string talk(std::string_view input, std::size_t piece = 4096);

    /// As talk(), behind a sign-in, without greeting and the sign-in's reply.
    std::string signed_in(std::string_view input, std::size_t piece = 4096);

    /// As signed_in(), behind "SELECT INBOX", whose reply is left out.
    std::string selected(std::string_view input, std::size_t piece = 4096);
};

/// A rig with the messages 1 to `count` in INBOX.
struct Filled : SessionRig {
    explicit Filled(int count) {
        for (int i = 1; i <= count; ++i) {
            store.deliver("INBOX", "Subject: m" + std::to_string(i) + "\r\n\r\nb\r\n");
        }
    }
};

inline bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

inline mail::FlagList flags(mail::Flags system, std::vector<std::string> keywords = {}) {
    return {system, std::move(keywords), false};
}

}  // namespace access_test
