#pragma once

// SignIn: who is this client, and may it read this mail?
//
// Three questions, always all of them, so that the time of the answer does not tell which accounts
// exist: the account and its password hash (catalog), the address (the name server's internal
// view), and the password itself. A password that was right a few minutes ago is recognised by a
// keyed HMAC over account, hash and password, because clients reconnect all day and crypt(5) costs
// 20 ms each time; the account and its state are read anew each time all the same.
//
// While no name server answers, an address that one has confirmed within kVerdictMemory counts as
// confirmed; one that was confirmed within kVerdictFresh is not asked for again. Failures are
// counted by source (address, or /64 of IPv6): answers become slower, then passwords are not looked
// at any more until the source has been quiet.
//
// Owner: the daemon; it borrows store and pool. Thread rule: from a fiber of any loop. The tables
// are shared between loops, so that a source cannot multiply its attempts by the number of loops.
// Errors of verify: Refused (name or password wrong, account disabled, address unknown: nobody is
// told which), Busy (too many failures, or too many passwords to check), and Unavailable, Timeout,
// Cancelled.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/generation_map.h"
#include "access/mail_store.h"
#include "base/clock.h"
#include "base/endpoint.h"
#include "base/guarded.h"
#include "base/hash.h"
#include "base/result.h"
#include "base/worker_pool.h"

namespace accessd {

inline constexpr std::chrono::minutes kGoodSignInMemory{10};
inline constexpr std::chrono::minutes kFailureMemory{10};
inline constexpr std::chrono::hours kVerdictMemory{24};
/// The time in which a change of the directory takes effect anyway.
inline constexpr std::chrono::seconds kVerdictFresh{1};
/// After a question that no name server answered, none is asked for so long.
inline constexpr std::chrono::seconds kViewAwayPause{1};
inline constexpr std::size_t kSignInTableMax = 16'384;
/// From this many failures of a source on, its passwords are not looked at.
inline constexpr unsigned kFailuresMax = 50;

/// Asks whether an address is one of ours. The real one asks the internal view; tests have their
/// own.
class AddressVerifier {
  public:
    virtual ~AddressVerifier() = default;
    AddressVerifier() = default;
    AddressVerifier(const AddressVerifier&) = delete;
    AddressVerifier& operator=(const AddressVerifier&) = delete;

    /// The account whose address it is, or none. From a fiber. `name`: mail::verification_name().
    /// Unavailable, Timeout: nobody answered.
    [[nodiscard]] virtual base::Result<std::optional<AccountId>> ask(std::string_view name) = 0;
};

/// See the top of this file. One for the daemon: its tables only protect if all sessions share
/// them.
class SignIn {
  public:
    /// `crypt_pool`: few threads, short queue; hashing takes 20 ms of CPU and 16 MiB each.
    SignIn(MailStore& store, AddressVerifier& verifier, base::WorkerPool& crypt_pool);
    ~SignIn();
    SignIn(const SignIn&) = delete;
    SignIn& operator=(const SignIn&) = delete;

    /// Waits: for the catalog, the name server, the password check, and as a penalty.
    [[nodiscard]] base::Result<AccountRecord> verify(std::string_view user,
                                                     std::string_view password,
                                                     const base::IpAddress& source);

    /// How long the answer to one more failure of a source is held back.
    [[nodiscard]] static base::Duration penalty(unsigned failures, const base::IpAddress& source);

  private:
    struct Tables;

    struct Claim;

    base::Result<Claim> look_up(std::string_view user);
    base::Result<std::optional<AccountId>> owner_of(std::string_view login);
    base::Result<bool> check_password(std::string_view password, const Claim& claim);
    base::Status refuse(unsigned failures, const base::IpAddress& source, base::Errc code);
    [[nodiscard]] base::Digest256 fingerprint(std::string_view password, const Claim& claim) const;

    MailStore& store_;
    AddressVerifier& verifier_;
    base::WorkerPool& crypt_pool_;
    std::array<std::byte, 32> key_{};
    std::unique_ptr<Tables> tables_;
};

/// The internal view of the name servers, over base/resolver.h.
class InternalView final : public AddressVerifier {
  public:
    explicit InternalView(std::vector<base::Endpoint> servers) : servers_(std::move(servers)) {}

    [[nodiscard]] base::Result<std::optional<AccountId>> ask(std::string_view name) override;

  private:
    std::vector<base::Endpoint> servers_;
};

}  // namespace accessd
