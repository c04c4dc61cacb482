// Whole sessions, IMAP and POP3, of a client that has signed in and then sends anything: they end,
// give back what they took, and say the same wherever the input splits.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "access/context.h"
#include "access/imap/session.h"
#include "access/pop3_session.h"
#include "base/check.h"
#include "base/log.h"
#include "base/stream.h"
#include "test/unit/access/memory_store.h"

namespace {

constexpr std::size_t kBudget = std::size_t{1} << 20U;
/// sha256crypt of "secret" with 1000 rounds: quick to check.
constexpr const char* kHash =
    "$5$rounds=1000$roundtable$ntdGk8.GOOSMaaHlaV12dEYfOTkxGUFjsf8QVN0EIr1";

class Verifier final : public accessd::AddressVerifier {
  public:
    explicit Verifier(accessd::AccountId account) : account_(account) {}

    base::Result<std::optional<accessd::AccountId>> ask(std::string_view) override {
        return std::optional(account_);
    }

  private:
    accessd::AccountId account_;
};

void fill(access_test::MemoryStore& store) {
    store.deliver("INBOX",
                  "From: a@b\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
                  "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
                  "--b\r\n\r\none\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
                  "Subject: inner\r\n\r\ndeep\r\n--b--\r\n",
                  {mail::Flags::Flagged, {"$Work"}, false});
    store.deliver("INBOX", "Subject: y\r\n\r\n.dot\nbare\r\n");
    store.deliver("INBOX", "");
    store.deliver("a/b", "Subject: z\r\n\r\nz\r\n");
}

std::string talk(bool imap, std::string_view input, std::size_t piece) {
    static base::WorkerPool crypt_pool("crypt", 1, 8);
    static base::WorkerPool workers("workers", 1, 8);
    static const accessd::AccessSettings settings = [] {
        base::log::set_level(base::log::Level::Error);
        accessd::AccessSettings made;
        made.name = "access1";
        made.append_bytes_max = 10'000;
        return made;
    }();
    access_test::MemoryStore store;
    Verifier verifier(store.add_account("a@b.example", kHash));
    fill(store);
    accessd::SignIn sign_in(store, verifier, crypt_pool);
    accessd::ByteBudget budget(kBudget);
    accessd::AccessContext context{settings, store, sign_in, workers, budget};
    const base::Endpoint here(base::IpAddress::loopback_v4(), 143);
    base::MemoryStream stream(input, here, here);
    stream.set_fill_max(piece);
    if (imap) {
        accessd::serve_imap(stream, context);
    } else {
        accessd::serve_pop3(stream, context);
    }
    CHECK(store.watches == 0);
    CHECK(store.account_watches == 0);
    CHECK(bool(budget.take(kBudget)));
    CHECK(bool(store.lock_maildrop({}, "")));
    return stream.take_output();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view input(reinterpret_cast<const char*>(data), size);
    const bool imap = !input.starts_with('3');
    input.remove_prefix(imap ? 0 : 1);
    std::string dialogue = imap ? "i LOGIN a@b.example secret\r\ns SELECT INBOX\r\n"
                                : "USER a@b.example\r\nPASS secret\r\n";
    dialogue += input;
    const std::string whole = talk(imap, dialogue, dialogue.size());
    CHECK(whole.ends_with("\r\n"));
    CHECK(whole.find(imap ? "i OK" : "+OK Maildrop") != std::string::npos);
    CHECK(talk(imap, dialogue, 1) == whole);
    CHECK(talk(imap, dialogue, 13) == whole);
    return 0;
}
