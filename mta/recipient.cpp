#include "mta/recipient.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/file.h"
#include "base/metrics.h"

namespace mta {

namespace {

constexpr std::string_view kPostmaster = "postmaster";
constexpr std::string_view kVersion = "v=1";
constexpr std::string_view kAccount = "account=";
constexpr std::size_t kSaveSlice = 4096;

std::int64_t to_us(base::Duration span) {
    return std::chrono::duration_cast<std::chrono::microseconds>(span).count();
}

std::optional<std::int64_t> parse_account(std::string_view text) {
    std::int64_t id = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
    if (error != std::errc() || end != text.data() + text.size() || id <= 0) {
        return std::nullopt;
    }
    return id;
}

// "v=1 account=17 state=active": words parted by one blank, unknown ones are passed over.
std::optional<std::int64_t> read_text(std::string_view text) {
    bool version = false;
    std::optional<std::int64_t> account;
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(text.size(), word.size() + 1));
        if (word == kVersion) {
            version = true;
        } else if (word.starts_with(kAccount)) {
            account = parse_account(word.substr(kAccount.size()));
        }
    }
    return version ? account : std::nullopt;
}

base::Counter& verdicts(std::string_view verdict) {
    return base::counter("roundtable_recipient_verdicts_total",
                         "Recipients judged, by who judged and how",
                         {{"folder", "mta"}, {"verdict", verdict}});
}

struct Counters {
    base::Counter& exists = verdicts("exists");
    base::Counter& fresh = verdicts("exists-fresh");
    base::Counter& stale = verdicts("exists-cached");
    base::Counter& unknown = verdicts("unknown");
    base::Counter& not_ours = verdicts("not-ours");
    base::Counter& unanswered = verdicts("unanswered");
};

Counters& counters() {
    static Counters instance;
    return instance;
}

}  // namespace

base::Result<ViewAnswer> read_view_reply(const base::DnsReply& reply) {
    switch (reply.rcode) {
        case base::DnsRcode::NxDomain:
            return base::Error{base::Errc::NotFound, "the internal view knows no such address"};
        case base::DnsRcode::Refused:
            return base::Error{base::Errc::Refused, "the internal view has no such domain"};
        case base::DnsRcode::NoError:
            for (const std::string& text : reply.texts) {
                if (const std::optional<std::int64_t> account = read_text(text)) {
                    return ViewAnswer{*account, reply.ttl};
                }
            }
            return base::Error{base::Errc::Unavailable,
                               "the internal view's answer has no account"};
        case base::DnsRcode::FormErr:
        case base::DnsRcode::ServFail:
        case base::DnsRcode::NotImp:
            break;
    }
    return base::Error{
        base::Errc::Unavailable,
        "the internal view answers rcode " + std::to_string(static_cast<unsigned>(reply.rcode))};
}

RecipientVerifier::RecipientVerifier(Query query,
                                     std::optional<mail::Address> postmaster,
                                     Clocks clocks)
    : query_(std::move(query)), postmaster_(std::move(postmaster)), clocks_(std::move(clocks)) {
}

RecipientVerifier::Query RecipientVerifier::ask_servers(std::vector<base::Endpoint> servers) {
    return [servers = std::move(servers)](std::string_view name, base::Deadline deadline) {
        base::DnsQueryOptions options;
        options.try_timeout = std::chrono::milliseconds(600);
        options.rounds = 3;
        options.recursion_desired = false;
        return base::dns_query(servers, name, base::DnsType::Txt, deadline, options);
    };
}

base::Result<VerifiedRecipient> RecipientVerifier::verify(const mail::Address& recipient) {
    if (mail::normalised(recipient).local_part == kPostmaster) {
        return verify_postmaster(recipient);
    }
    return verify_full(recipient);
}

base::Result<VerifiedRecipient> RecipientVerifier::verify_postmaster(
    const mail::Address& recipient) {
    if (!recipient.domain.empty()) {
        base::Result<VerifiedRecipient> own = verify_full(recipient);
        if (own || own.error().code != base::Errc::NotFound) {
            return own;
        }
    }
    if (!postmaster_) {
        return base::Error{base::Errc::NotFound, "no postmaster is configured"};
    }
    return verify_full(*postmaster_);
}

base::Result<VerifiedRecipient> RecipientVerifier::verify_full(const mail::Address& recipient) {
    if (recipient.has_literal()) {
        return base::Error{base::Errc::Refused, "mail to an address literal is not ours"};
    }
    const RecipientCache::Key key = RecipientCache::key_of(mail::normalised(recipient).text());
    if (const std::optional<std::int64_t> account = cached_account(key, kFreshMax)) {
        counters().fresh.add();
        return VerifiedRecipient{recipient.text(), *account};
    }
    const std::int64_t account = TRY(ask(recipient, key));
    return VerifiedRecipient{recipient.text(), account};
}

base::Result<std::int64_t> RecipientVerifier::ask(const mail::Address& recipient,
                                                  const RecipientCache::Key& key) {
    const std::string name = TRY(mail::verification_name(recipient));
    base::Result<ViewAnswer> answer =
        base::Error{base::Errc::Unavailable, "the internal view did not answer a moment ago"};
    if (clocks_.monotonic().time_since_epoch().count() >= away_until_.load()) {
        base::Result<base::DnsReply> reply = query_(name, base::Deadline::after(kQueryDeadline));
        if (reply) {
            answer = read_view_reply(reply.value());
        } else {
            answer = std::move(reply).take_error();
        }
    }
    if (answer) {
        counters().exists.add();
        const RecipientCache::Verdict verdict{answer.value().account_id, clocks_.wall_us()};
        cache_.with([&](RecipientCache& cache) { cache.put(key, verdict); });
        changed_.store(true);
        return verdict.account_id;
    }
    switch (answer.error().code) {
        case base::Errc::NotFound:
            counters().unknown.add();
            cache_.with([&](RecipientCache& cache) { cache.erase(key); });
            changed_.store(true);
            return answer.error();
        case base::Errc::Refused:
            counters().not_ours.add();
            return answer.error();
        case base::Errc::Cancelled:
            return answer.error();
        default:
            break;
    }
    if (clocks_.monotonic().time_since_epoch().count() >= away_until_.load()) {
        away_until_.store((clocks_.monotonic() + kAwayPause).time_since_epoch().count());
    }
    if (const std::optional<std::int64_t> account = cached_account(key, kStaleMax)) {
        counters().stale.add();
        return *account;
    }
    counters().unanswered.add();
    return base::Error{base::Errc::Unavailable, answer.error().detail};
}

std::optional<std::int64_t> RecipientVerifier::cached_account(const RecipientCache::Key& key,
                                                              base::Duration age_max) {
    const std::optional<RecipientCache::Verdict> verdict =
        cache_.with([&](RecipientCache& cache) { return cache.find(key); });
    if (!verdict) {
        return std::nullopt;
    }
    const std::int64_t age_us = clocks_.wall_us() - verdict->verified_at_us;
    if (age_us < 0 || age_us >= to_us(age_max)) {
        return std::nullopt;
    }
    return verdict->account_id;
}

base::Status RecipientVerifier::load(const std::string& path) {
    const base::Result<std::string> file = base::read_file(path, kRecipientCacheFileMax);
    if (!file) {
        return file.error().code == base::Errc::NotFound ? base::Status(base::Done{})
                                                         : base::Status(file.error());
    }
    const std::vector<RecipientCache::Entry> entries = TRY(decode_recipient_cache(file.value()));
    cache_.with([&](RecipientCache& cache) {
        for (const RecipientCache::Entry& entry : entries) {
            cache.put(entry.key, entry.verdict);
        }
    });
    return base::Done{};
}

base::Status RecipientVerifier::save(const std::string& path) {
    if (!changed_.exchange(false)) {
        return base::Done{};
    }
    std::vector<RecipientCache::Entry> entries;
    entries.reserve(cached());
    RecipientCache::Cursor cursor;
    bool more = true;
    while (more && entries.size() < RecipientCache::kEntriesMax) {
        // In slices: the session loops wait for this lock.
        more = cache_.with([&](const RecipientCache& cache) {
            const std::size_t room = RecipientCache::kEntriesMax - entries.size();
            return cache.copy_some(cursor, std::min(kSaveSlice, room), entries);
        });
    }
    base::Status written = base::write_file_atomic(path, encode_recipient_cache(entries), 0600);
    if (!written) {
        changed_.store(true);
    }
    return written;
}

std::size_t RecipientVerifier::cached() const {
    return cache_.with([](const RecipientCache& cache) { return cache.size(); });
}

}  // namespace mta
