#include "dns/internal_answer.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include "dns/zone.h"

namespace dns {
namespace {

// A signed query that is longer has options that nobody needs.
constexpr std::size_t kSignedQueryMax = 4096;

int hex_value(std::byte octet) noexcept {
    const char c = std::to_integer<char>(octet);
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The first label, if it is a digest in hexadecimal (the name is in lower case already).
std::optional<AccountDigest> read_digest(const WireName& name) noexcept {
    if (name.octets[0] != static_cast<std::byte>(2 * kAccountDigest)) {
        return std::nullopt;
    }
    AccountDigest digest{};
    for (std::size_t i = 0; i < digest.size(); ++i) {
        const int high = hex_value(name.octets[1 + 2 * i]);
        const int low = hex_value(name.octets[2 + 2 * i]);
        if (high < 0 || low < 0) {
            return std::nullopt;
        }
        digest[i] = static_cast<std::byte>(high * 16 + low);
    }
    return digest;
}

bool is_account_label(const WireName& name, std::size_t label) noexcept {
    const std::size_t at = name.label_at[label];
    return name.octets[at] == static_cast<std::byte>(kAccountLabel.size()) &&
           std::memcmp(name.octets.data() + at + 1, kAccountLabel.data(), kAccountLabel.size()) ==
               0;
}

// Where the name has the label "_account"; nullopt if nowhere.
std::optional<std::size_t> find_account_label(const WireName& name) noexcept {
    for (std::size_t i = 0; i < name.label_count; ++i) {
        if (is_account_label(name, i)) {
            return i;
        }
    }
    return std::nullopt;
}

class TextWriter {
  public:
    void add(std::string_view text) noexcept {
        size_ += text.copy(text_.data() + size_, text_.size() - size_);
    }

    void add(std::uint64_t number) noexcept {
        const auto end =
            std::to_chars(text_.data() + size_, text_.data() + text_.size(), number).ptr;
        size_ = static_cast<std::size_t>(end - text_.data());
    }

    [[nodiscard]] std::string_view text() const noexcept { return {text_.data(), size_}; }

  private:
    std::array<char, 64> text_{};
    std::size_t size_ = 0;
};

void write_status(const AccountEntry& entry, Message& message) noexcept {
    TextWriter text;
    text.add("v=1 account=");
    text.add(entry.account());
    text.add(entry.state() == AccountState::Active ? " state=active" : " state=disabled");
    const std::size_t length = text.text().size();
    std::byte* const at = message.append_record(Section::Answer, 12 + 1 + length);
    if (at == nullptr) {
        message.truncate();
        return;
    }
    store_u16(at, kQuestionPointer);
    store_u16(at + 2, static_cast<std::uint16_t>(RrType::Txt));
    store_u16(at + 4, static_cast<std::uint16_t>(RrClass::In));
    store_u32(at + 6, 0);
    store_u16(at + 10, static_cast<std::uint16_t>(length + 1));
    at[12] = static_cast<std::byte>(length);
    std::memcpy(at + 13, text.text().data(), length);
}

void refuse(Message& message, ExtendedError error) noexcept {
    message.clear_authoritative();
    message.set_rcode(Rcode::Refused);
    message.set_extended_error(error);
}

void deny(const InternalQuery& asked, InternalCounters& counters, Message& message) noexcept {
    if (asked.certainty == Certainty::Sure) {
        counters.unknown.add();
        message.set_rcode(Rcode::NxDomain);
    } else {
        counters.unsure.add();
        message.clear_authoritative();
        message.set_rcode(Rcode::ServFail);
        message.set_extended_error(ExtendedError::NotReady);
    }
}

void resolve(const AccountView* view,
             const InternalQuery& asked,
             const Query& query,
             InternalCounters& counters,
             Message& message) noexcept {
    const auto label = find_account_label(query.name);
    if (asked.admission == Admission::Refused) {
        counters.refused_acl.add();
        refuse(message, ExtendedError::Prohibited);
        return;
    }
    if (!label) {
        counters.refused_name.add();
        refuse(message, ExtendedError::NotAuthoritative);
        return;
    }
    message.set_authoritative();
    if (view == nullptr) {
        deny(
            {asked.packet, asked.transport, asked.admission, Certainty::Unsure}, counters, message);
        return;
    }
    const DomainAccounts* const domain = view->find(query.name.suffix(*label + 1));
    if (domain == nullptr) {
        if (asked.certainty == Certainty::Unsure) {
            deny(asked, counters, message);  // it may be a new domain
            return;
        }
        counters.refused_name.add();
        refuse(message, ExtendedError::NotAuthoritative);
        return;
    }
    if (*label == 0) {
        return;  // "_account.<domain>" itself: no data
    }
    const auto digest = *label == 1 ? read_digest(query.name) : std::nullopt;
    const AccountEntry* const entry = digest ? domain->find(*digest) : nullptr;
    if (entry == nullptr) {
        deny(asked, counters, message);
        return;
    }
    counters.found.add();
    if (query.type == RrType::Txt || query.type == RrType::Any) {
        write_status(*entry, message);
    }
}

// What the whole answer may have.
std::size_t size_limit(const InternalQuery& asked) noexcept {
    Query query;
    if (asked.transport == Transport::Tcp) {
        return kMessageMax;
    }
    const bool has_opt = parse_query(asked.packet, query) == QueryOutcome::Ok && query.has_opt;
    return has_opt ? std::clamp<std::size_t>(query.udp_size, kUdpPlainMax, kUdpResponseMax)
                   : kUdpPlainMax;
}

}  // namespace

std::size_t answer_internal(const AccountView* view,
                            const InternalQuery& asked,
                            InternalCounters& counters,
                            std::span<std::byte> out) noexcept {
    Query query;
    const QueryOutcome outcome = parse_query(asked.packet, query);
    counters.outcomes[static_cast<std::size_t>(outcome)].add();
    const OutcomeAction action = outcome_action(outcome);
    if (!action.answered) {
        return 0;
    }
    Message message(query, asked.packet, asked.transport, out);
    if (outcome == QueryOutcome::Ok) {
        resolve(view, asked, query, counters, message);
    } else {
        // Cookies are the public port's: here a query for one alone asks nothing.
        message.set_rcode(outcome == QueryOutcome::CookieOnly ? Rcode::FormErr : action.rcode);
        message.set_extended_error(action.error);
    }
    return message.finish();
}

std::size_t answer_internal(const AccountView* view,
                            const InternalQuery& asked,
                            const TsigKeys& keys,
                            std::uint64_t now_s,
                            InternalCounters& counters,
                            std::span<std::byte> out) noexcept {
    TsigRecord record;
    const TsigVerdict verdict = keys.empty() || asked.packet.size() > kSignedQueryMax
                                    ? TsigVerdict::Absent
                                    : verify_tsig(keys, asked.packet, now_s, record);
    if (verdict == TsigVerdict::Absent || verdict == TsigVerdict::Malformed) {
        return answer_internal(view, asked, counters, out);
    }
    if (verdict != TsigVerdict::Good) {
        counters.refused_acl.add();
        return answer_tsig_error(asked.packet, verdict, record, now_s, out);
    }
    std::array<std::byte, kSignedQueryMax> copy;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    const InternalQuery plain{strip_tsig(asked.packet, record, copy),
                              asked.transport,
                              Admission::Allowed,
                              asked.certainty};
    const std::size_t limit = std::min(out.size(), size_limit(plain));
    const std::size_t size =
        answer_internal(view, plain, counters, out.first(limit - tsig_record_size(*record.key)));
    if (size == 0) {
        return 0;
    }
    store_u16(out.data(), load_u16(asked.packet.data()));
    return TsigSigner(record).sign(out, size, now_s);
}

}  // namespace dns
