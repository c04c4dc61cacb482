#include "dns/answer_guard.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"

namespace dns {

Moment moment_now() noexcept {
    const auto since_start = base::monotonic_now().time_since_epoch();
    return {static_cast<std::uint32_t>(base::wall_us() / 1'000'000),
            static_cast<std::uint64_t>(since_start / std::chrono::microseconds(1))};
}

AnswerGuard::AnswerGuard(AnswerPolicy policy, unsigned threads)
    : policy_(std::move(policy)),
      keys_(policy_.cookie_secrets),
      limiter_(policy_.rate_limits, std::max(threads, 1U)),
      gate_(policy_.denials, std::max(threads, 1U)) {
}

void AnswerGuard::swap_policy(AnswerGuard& other) noexcept {
    std::swap(policy_, other.policy_);
    std::swap(keys_, other.keys_);
    std::swap(limiter_, other.limiter_);
    std::swap(gate_, other.gate_);
}

CookieVerdict AnswerGuard::greet(const SipKey& steering_key,
                                 const Query& query,
                                 std::span<const std::byte> packet,
                                 const Client& client,
                                 Message& message) noexcept {
    const EdnsOptions& asked = query.options;
    if (asked.nsid) {
        message.set_nsid(policy_.nsid);
    }
    if (asked.keepalive && client.transport == Transport::Tcp && policy_.tcp_idle != 0) {
        message.set_keepalive(policy_.tcp_idle);
    }
    CookieVerdict verdict = CookieVerdict::None;
    if (asked.cookie_size != 0 && policy_.cookies) {
        keys_.refresh(steering_key, now_.wall_s);
        FullCookie reply;
        verdict = check_cookie(packet.subspan(asked.cookie_at, asked.cookie_size),
                               client.octets(),
                               now_.wall_s,
                               keys_,
                               reply);
        message.set_cookie(reply);
    }
    counters_.cookies[static_cast<std::size_t>(verdict)].add();
    return verdict;
}

bool AnswerGuard::within_rate(AnswerClass answer_class,
                              CookieVerdict cookie,
                              const Client& client) noexcept {
    return client.transport == Transport::Tcp || cookie == CookieVerdict::Valid ||
           limiter_.admit(client, answer_class, now_.monotonic_us) || is_exempt(client);
}

bool AnswerGuard::slip(CookieVerdict cookie, Message& message) noexcept {
    if (policy_.slip == 0 || ++limited_ < policy_.slip) {
        count(LimitAction::Dropped);
        return false;
    }
    limited_ = 0;
    message.clear_authoritative();
    message.set_extended_error(ExtendedError::None);
    if (cookie == CookieVerdict::None) {
        message.truncate();
        message.set_rcode(Rcode::NoError);
        count(LimitAction::Truncated);
    } else {
        message.clear_records();
        message.set_rcode(Rcode::BadCookie);
        count(LimitAction::BadCookie);
    }
    return true;
}

// Asked only about who is beyond the rate: a list is walked.
bool AnswerGuard::is_exempt(const Client& client) const noexcept {
    if (policy_.exempt.empty()) {
        return false;
    }
    base::IpAddress address;
    if (client.family == Family::V6) {
        address = base::IpAddress::v6(client.address);
    } else {
        std::array<std::byte, 4> v4{};
        std::copy_n(client.address.begin(), v4.size(), v4.begin());
        address = base::IpAddress::v4(v4);
    }
    return std::ranges::any_of(policy_.exempt, [&address](const base::Network& network) {
        return network.contains(address);
    });
}

void AnswerGuard::count(LimitAction action) noexcept {
    counters_.limited[static_cast<std::size_t>(action)].add();
}

}  // namespace dns
