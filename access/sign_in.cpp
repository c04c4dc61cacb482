#include "access/sign_in.h"

#include <algorithm>
#include <cstring>

#include "access/imap_chars.h"
#include "access/limits.h"
#include "access/session_table.h"
#include "base/fiber.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/password.h"
#include "base/random.h"
#include "mail/address.h"
#include "mail/limits.h"

namespace accessd {
namespace {

constexpr base::Duration kHashDeadline = std::chrono::seconds(10);
/// Failures that cost nothing: people mistype.
constexpr unsigned kFailuresFree = 3;
constexpr base::Duration kPenaltyFirst = std::chrono::milliseconds(250);
constexpr base::Duration kPenaltyMax = std::chrono::seconds(8);
/// Behind a loopback source are many people (web mail): slowed down, not locked out.
constexpr base::Duration kPenaltyLoopbackMax = std::chrono::seconds(1);

base::Counter& outcomes(std::string_view outcome) {
    return base::counter("roundtable_sign_ins_total",
                         "Sign-ins of clients, by outcome",
                         {{"folder", "access"}, {"outcome", outcome}});
}

struct Counters {
    base::Counter& remembered = outcomes("remembered");
    base::Counter& verified = outcomes("verified");
    base::Counter& refused = outcomes("refused");
    base::Counter& blocked = outcomes("blocked");
};

Counters& counters() {
    static Counters instance;
    return instance;
}

struct DigestHash {
    std::size_t operator()(const base::Digest256& digest) const noexcept {
        std::size_t value = 0;
        std::memcpy(&value, digest.data(), sizeof value);
        return value;
    }
};

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return out;
}

struct KnownOwner {
    AccountId account{};
    base::Instant asked_at{};
};

base::Error refused() {
    return {base::Errc::Refused, "name or password wrong"};
}

}  // namespace

/// Shared by the loops, see sign_in.h. Nothing waits while it holds one of these.
struct SignIn::Tables {
    base::Guarded<GenerationMap<base::Digest256, base::Done, DigestHash>> good{
        kGoodSignInMemory, kSignInTableMax, base::monotonic_now()};
    base::Guarded<GenerationMap<std::string, unsigned>> failures{
        kFailureMemory, kSignInTableMax, base::monotonic_now()};
    base::Guarded<GenerationMap<std::string, KnownOwner>> owners{
        kVerdictMemory, kSignInTableMax, base::monotonic_now()};
    base::Guarded<base::Instant> view_away_until;
};

/// What is known of the account that a client names. `known` only if all but the password is right.
struct SignIn::Claim {
    AccountRecord account;
    bool known = false;
};

SignIn::SignIn(MailStore& store, AddressVerifier& verifier, base::WorkerPool& crypt_pool)
    : store_(store),
      verifier_(verifier),
      crypt_pool_(crypt_pool),
      tables_(std::make_unique<Tables>()) {
    base::random_fill(key_);
}

SignIn::~SignIn() = default;

base::Duration SignIn::penalty(unsigned failures, const base::IpAddress& source) {
    if (failures <= kFailuresFree) {
        return base::Duration::zero();
    }
    const base::Duration most = source.is_loopback() ? kPenaltyLoopbackMax : kPenaltyMax;
    const unsigned doublings = std::min(failures - kFailuresFree - 1, 10U);
    return std::min(most, kPenaltyFirst * (1U << doublings));
}

base::Result<AccountRecord> SignIn::verify(std::string_view user,
                                           std::string_view password,
                                           const base::IpAddress& source) {
    const Claim claim = TRY(look_up(user));
    const base::Digest256 print = fingerprint(password, claim);
    const auto good = [&](auto& map) { return map.find(print, base::monotonic_now()) != nullptr; };
    if (claim.known && tables_->good.with(good)) {
        counters().remembered.add();
        return claim.account;
    }
    // Counted before the check, so that attempts side by side do not slip through.
    const std::string key = source_key(source);
    const unsigned failures =
        tables_->failures.with([&](auto& map) { return ++map.renew(key, base::monotonic_now()); });
    if (failures > kFailuresMax && !source.is_loopback()) {
        counters().blocked.add();
        TRY(refuse(failures, source, base::Errc::Busy));
    }
    const auto forget = [&](auto& map) {
        unsigned& count = map.renew(key, base::monotonic_now());
        count -= std::min(count, 1U);
    };
    const base::Result<bool> matches = check_password(password, claim);
    if (!matches) {
        tables_->failures.with(forget);
        return matches.error();
    }
    if (!matches.value() || !claim.known) {
        counters().refused.add();
        TRY(refuse(failures, source, base::Errc::Refused));
    }
    tables_->failures.with(forget);
    tables_->good.with([&](auto& map) { map.renew(print, base::monotonic_now()); });
    counters().verified.add();
    return claim.account;
}

/// Holds the answer back, then fails.
base::Status SignIn::refuse(unsigned failures, const base::IpAddress& source, base::Errc code) {
    const base::Duration span = penalty(failures, source);
    if (span > base::Duration::zero()) {
        TRY(base::sleep_until(base::Deadline::after(span)));
    }
    return code == base::Errc::Refused ? refused() : base::Error{code, "too many failed sign-ins"};
}

base::Result<SignIn::Claim> SignIn::look_up(std::string_view user) {
    Claim claim;
    if (user.size() > mail::kAddressMax ||
        std::any_of(user.begin(), user.end(), [](char c) { return is_control(c); })) {
        return claim;
    }
    const std::string login = lower(user);
    base::Result<AccountRecord> account = store_.find_account(login);
    if (!account && account.error().code != base::Errc::NotFound) {
        return account.error();
    }
    // Asked for unknown accounts too: the time must not tell.
    const std::optional<AccountId> owner = TRY(owner_of(login));
    if (!account) {
        return claim;
    }
    claim.account = std::move(account).take_value();
    claim.known =
        claim.account.active && !claim.account.password_hash.empty() && owner == claim.account.id;
    if (claim.account.active && owner != claim.account.id) {
        base::log::warning("access", "address not confirmed", {{"login", login}});
    }
    return claim;
}

base::Result<std::optional<AccountId>> SignIn::owner_of(std::string_view login) {
    const auto address = mail::parse_mailbox(login);
    if (!address) {
        return std::optional<AccountId>();
    }
    const auto name = mail::verification_name(address.value());
    if (!name) {
        return std::optional<AccountId>();
    }
    const base::Instant now = base::monotonic_now();
    const std::optional<KnownOwner> cached =
        tables_->owners.with([&](auto& map) -> std::optional<KnownOwner> {
            const KnownOwner* found = map.find(name.value(), now);
            return found == nullptr ? std::nullopt : std::optional<KnownOwner>(*found);
        });
    if (cached && now - cached->asked_at < kVerdictFresh) {
        return std::optional<AccountId>(cached->account);
    }
    const bool away = tables_->view_away_until.with([&](auto& until) { return now < until; });
    base::Result<std::optional<AccountId>> answer =
        base::Error{base::Errc::Unavailable, "the internal view did not answer a moment ago"};
    if (!away) {
        answer = verifier_.ask(name.value());
    }
    if (answer) {
        tables_->owners.with([&](auto& map) {
            if (answer.value()) {
                map.renew(name.value(), now) = {*answer.value(), now};
            } else {
                map.erase(name.value());
            }
        });
        return answer;
    }
    if (answer.error().code == base::Errc::Cancelled) {
        return answer;
    }
    if (!away) {
        tables_->view_away_until.with(
            [&](auto& until) { until = base::monotonic_now() + kViewAwayPause; });
    }
    if (cached && now - cached->asked_at < kVerdictMemory) {
        return std::optional<AccountId>(cached->account);
    }
    return answer;
}

base::Result<bool> SignIn::check_password(std::string_view password, const Claim& claim) {
    return crypt_pool_.run(
        [password = std::string(password),
         hash = claim.account.password_hash,
         known = claim.known] {
            if (!known) {
                base::waste_password_time(password);
                return false;
            }
            return base::verify_password(password, hash);
        },
        base::Deadline::after(kHashDeadline));
}

base::Digest256 SignIn::fingerprint(std::string_view password, const Claim& claim) const {
    std::string text = claim.account.login;
    text.push_back('\0');
    text.append(claim.account.password_hash);
    text.push_back('\0');
    text.append(password);
    return base::hmac_sha256(key_, base::as_bytes(text));
}

}  // namespace accessd
