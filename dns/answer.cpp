#include "dns/answer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "base/clock.h"
#include "dns/limits.h"
#include "dns/steering/source_hash.h"
#include "dns/transfer/transfer_answer.h"

namespace dns {
namespace {

constexpr std::uint32_t kMinimalTtl = 3600;

constexpr auto code(RrType type) {
    return static_cast<std::uint16_t>(type);
}

// One answer: walks from the question's name along aliases to the RRset, or to why there is none.
class Resolver {
  public:
    Resolver(const Snapshot& snapshot,
             const Query& query,
             const Client& client,
             ThreadState& state,
             Message& message) noexcept
        : snapshot_(snapshot),
          query_(query),
          client_(client),
          state_(state),
          message_(message),
          name_(&query.name) {}

    AnswerKind run() noexcept {
        const AnswerKind kind = walk();
        write_denials();
        return kind;
    }

  private:
    AnswerKind walk() noexcept {
        NameTable::Found found = snapshot_.names().lookup(*name_);
        if (found.node == nullptr) {
            message_.set_rcode(Rcode::Refused);
            message_.set_extended_error(ExtendedError::NotAuthoritative);
            return AnswerKind::OutsideZones;
        }
        message_.set_authoritative();
        enter_zone(found.zone);
        for (unsigned step = 0; step < kChainMax; ++step) {
            const Step result = resolve(*found.node, found.labels_off);
            if (result.done) {
                return result.kind;
            }
            // An alias was added, name_ is its target. It is followed within the zone only; for the
            // rest the resolver asks again.
            found = snapshot_.names().lookup(*name_);
            if (found.node == nullptr || found.zone != zone_index_ ||
                message_.size() > kImageBaseMax) {
                return AnswerKind::Alias;
            }
        }
        return AnswerKind::Alias;
    }

    struct Step {
        bool done = true;
        AnswerKind kind = AnswerKind::Alias;
    };

    static constexpr Step kFollow{false, AnswerKind::Alias};

    Step resolve(const Node& found, std::size_t labels_off) noexcept {
        if (found.is(Node::kRefused)) {
            return refuse_internal();
        }
        if (found.is(Node::kDelegation) && (labels_off != 0 || query_.type != RrType::Ds)) {
            return refer(found);
        }
        const Node* node = &found;
        if (labels_off != 0) {
            if (found.is(Node::kRedirect)) {
                return redirect(found, labels_off);
            }
            if (found.wildcard == 0) {
                const Step step = negative(Rcode::NxDomain, AnswerKind::NoName);
                deny_name(labels_off);
                return step;
            }
            node = &zone_->nodes()[found.wildcard];
            from_wildcard_ = true;
        } else if (found.is(Node::kApex) && query_.type == RrType::Ds) {
            return parent_side();
        }
        return answer_from(*node);
    }

    Step answer_from(const Node& node) noexcept {
        if (query_.type == RrType::Any) {
            return minimal(node);
        }
        if (node.is(Node::kAlias) && query_.type != RrType::Cname) {
            return follow_alias(node);
        }
        const SetRef* const set = zone_->find_set(node, code(query_.type));
        if (set == nullptr && query_.type == RrType::Nsec && signatures_ != nullptr &&
            !from_wildcard_ && signatures_->at(zone_->index_of(node))) {
            append_if(signatures_->at(zone_->index_of(node)), Section::Answer, owner_);
            return {true, AnswerKind::Positive};
        }
        if (set == nullptr) {
            return no_data(node);
        }
        if (set->steered != SteeredKind::None) {
            return steered(set->steered);
        }
        if (query_.type == RrType::Soa) {
            append_soa();
        } else {
            append_set(*set, owner_);
        }
        prove_wildcard();
        return {true, AnswerKind::Positive};
    }

    void enter_zone(std::uint32_t index) noexcept {
        zone_index_ = index;
        zone_ = &snapshot_.names().zone(index);
        signatures_ = query_.has_opt && query_.dnssec_ok ? snapshot_.signatures(index) : nullptr;
    }

    // An RRset, and its signatures if they are asked for.
    void append_set(const SetRef& set, std::uint16_t owner) noexcept {
        append(zone_->image(set.image_at), Section::Answer, owner);
        if (signatures_ != nullptr) {
            append_if(signatures_->signatures(zone_->index_of(set)), Section::Answer, owner);
        }
    }

    void append_soa() noexcept {
        if (signatures_ != nullptr) {
            append(signatures_->soa(), Section::Answer, owner_);
            return;
        }
        const SetRef* const set = zone_->find_set(zone_->nodes().front(), code(RrType::Soa));
        append(zone_->image(set->image_at), Section::Answer, owner_);
        write_serial();
    }

    void append_if(const std::optional<ImageView>& image,
                   Section section,
                   std::uint16_t owner) noexcept {
        if (image) {
            append(*image, section, owner);
        }
    }

    // RFC 4035 3.1.3.3 and 3.1.3.4: an answer from a wildcard says that no closer name exists.
    void prove_wildcard() noexcept {
        if (signatures_ != nullptr && from_wildcard_) {
            deny(signatures_->covering(*zone_, *name_));
        }
    }

    // Notes a record that denies, each once. They are written last: an alias from a wildcard is
    // denied in the authority section, and more answers may follow it.
    void deny(std::size_t node) noexcept {
        const auto end = denied_.begin() + static_cast<std::ptrdiff_t>(denied_count_);
        if (std::find(denied_.begin(), end, node) == end && denied_count_ < denied_.size()) {
            denied_[denied_count_++] = node;
        }
    }

    void write_denials() noexcept {
        for (std::size_t i = 0; i < denied_count_; ++i) {
            append_if(signatures_->at(denied_[i]), Section::Authority, kQuestionPointer);
        }
    }

    // RFC 4035 3.1.3.1 and 3.1.3.3.
    Step no_data(const Node& node) noexcept {
        const Step step = negative(Rcode::NoError, AnswerKind::NoData);
        if (signatures_ != nullptr) {
            const std::size_t index = zone_->index_of(node);
            deny(signatures_->at(index) ? index : signatures_->covering(*zone_, *name_));
            prove_wildcard();
        }
        return step;
    }

    // RFC 4035 3.1.3.2: neither the name nor a wildcard at its closest encloser.
    void deny_name(std::size_t labels_off) noexcept {
        if (signatures_ == nullptr) {
            return;
        }
        deny(signatures_->covering(*zone_, *name_));
        const std::span<const std::byte> encloser = name_->suffix(labels_off);
        std::array<std::byte, kNameMax + 1> octets;  // NOLINT: written before it is read
        if (encloser.size() + 2 > kNameMax) {
            return;  // no wildcard fits there
        }
        octets[0] = std::byte{1};
        octets[1] = std::byte{'*'};
        std::memcpy(octets.data() + 2, encloser.data(), encloser.size());
        WireName wildcard;
        if (read_name(std::span(octets).first(encloser.size() + 2), wildcard)) {
            deny(signatures_->covering(*zone_, wildcard));
        }
    }

    Step steered(SteeredKind kind) noexcept {
        const SteeredSet* const set = snapshot_.steering(zone_index_).set_for(kind);
        if (set == nullptr) {
            message_.clear_authoritative();
            message_.set_rcode(Rcode::ServFail);
            message_.set_extended_error(ExtendedError::NotReady);
            return {true, AnswerKind::Failed};
        }
        if (!set->has(kind)) {
            return negative(Rcode::NoError, AnswerKind::NoData);
        }
        const std::size_t place = set->slot() * kSteeredKinds + static_cast<std::size_t>(kind);
        SteeredSet::Choice choice;
        choice.turn = state_.turns[place % kTurns]++;
        if (set->uses_source()) {
            choice.source = source_hash(snapshot_.key(), client_, zone_->apex().wire());
        }
        append(set->pick(kind, choice), Section::Answer, owner_);
        return {true, AnswerKind::Steered};
    }

    Step negative(Rcode rcode, AnswerKind kind) noexcept {
        message_.set_rcode(rcode);
        if (signatures_ != nullptr) {
            append(signatures_->negative_soa(), Section::Authority, kQuestionPointer);
            return {true, kind};
        }
        append(zone_->negative_soa(), Section::Authority, kQuestionPointer);
        write_serial();
        return {true, kind};
    }

    // The serial moves more often than the zone's records do, so it is no part of the image: it is
    // the first of the five numbers that end the SOA just written (RFC 1035 3.3.13).
    void write_serial() noexcept {
        if (!message_.truncated()) {
            store_u32(message_.last(20), snapshot_.serial(zone_index_));
        }
    }

    Step refuse_internal() noexcept {
        if (owner_ != kQuestionPointer) {
            return {true, AnswerKind::Alias};
        }
        message_.clear_authoritative();
        message_.set_rcode(Rcode::Refused);
        message_.set_extended_error(ExtendedError::Prohibited);
        return {true, AnswerKind::InternalName};
    }

    Step refer(const Node& cut) noexcept {
        if (owner_ != kQuestionPointer) {
            return {true, AnswerKind::Alias};
        }
        message_.clear_authoritative();
        if (signatures_ != nullptr) {
            append_if(
                signatures_->referral(zone_->index_of(cut)), Section::Authority, kQuestionPointer);
            return {true, AnswerKind::Referral};
        }
        append(zone_->image(cut.referral_at), Section::Authority, kQuestionPointer);
        return {true, AnswerKind::Referral};
    }

    // The DS of a zone's apex belongs to the zone above; if that is ours too, it answers.
    Step parent_side() noexcept {
        const std::uint32_t parent = snapshot_.names().parent_zone(zone_index_);
        if (parent != NameTable::kNoZone) {
            const Name& apex = zone_->apex();
            enter_zone(parent);
            const Node* const node = zone_->find(apex);
            const SetRef* const set =
                node == nullptr ? nullptr : zone_->find_set(*node, code(RrType::Ds));
            if (set != nullptr) {
                append_set(*set, owner_);
                return {true, AnswerKind::Positive};
            }
            if (node != nullptr) {
                return no_data(*node);
            }
            return negative(Rcode::NoError, AnswerKind::NoData);
        }
        return no_data(zone_->nodes().front());
    }

    // RFC 8482 4.2 and 4.1: a CNAME as it is, else HINFO "RFC8482" "".
    Step minimal(const Node& node) noexcept {
        if (node.sets_count == 0) {
            return no_data(node);
        }
        // A made-up HINFO has no signature: one of the sets that are there has (RFC 8482 4.1).
        for (const SetRef& set :
             signatures_ != nullptr ? zone_->sets(node) : std::span<const SetRef>()) {
            if (set.type != code(RrType::Soa) && set.steered == SteeredKind::None) {
                append_set(set, owner_);
                prove_wildcard();
                return {true, AnswerKind::Minimal};
            }
        }
        if (node.is(Node::kAlias)) {
            const SetRef* const set = zone_->find_set(node, code(RrType::Cname));
            append_set(*set, owner_);
            prove_wildcard();
            return {true, AnswerKind::Minimal};
        }
        static constexpr char kData[] = "\7RFC8482";  // and the empty string: the final zero
        std::byte* const at = message_.append_record(Section::Answer, 12 + sizeof kData);
        if (at == nullptr) {
            message_.truncate();
            return {true, AnswerKind::Minimal};
        }
        write_fixed(at, code(RrType::Hinfo), kMinimalTtl, sizeof kData);
        std::memcpy(at + 12, kData, sizeof kData);
        return {true, AnswerKind::Minimal};
    }

    Step follow_alias(const Node& node) noexcept {
        const SetRef* const set = zone_->find_set(node, code(RrType::Cname));
        const std::size_t at = message_.size();
        append_set(*set, owner_);
        prove_wildcard();
        from_wildcard_ = false;
        if (message_.truncated() || !read_name(zone_->name_from(node.target_at), target_)) {
            return {true, AnswerKind::Alias};
        }
        name_ = &target_;
        owner_ = static_cast<std::uint16_t>(0xc000U | (at + 12));
        return kFollow;
    }

    // RFC 6672 3.2: the DNAME itself, and a CNAME made from it.
    Step redirect(const Node& node, std::size_t labels_off) noexcept {
        const SetRef* const set = zone_->find_set(node, code(RrType::Dname));
        const std::uint32_t ttl = load_ttl(zone_->image(set->image_at));
        WireName replacement;
        if (!read_name(zone_->name_from(node.target_at), replacement)) {
            return {true, AnswerKind::Failed};
        }
        const std::size_t kept = name_->label_at[labels_off];
        const std::span<const std::byte> owner = zone_->name(node);
        const std::size_t dname_at = message_.size();
        std::byte* const dname =
            message_.append_record(Section::Answer, owner.size() + 10 + replacement.size);
        if (dname == nullptr) {
            message_.truncate();
            return {true, AnswerKind::Alias};
        }
        std::memcpy(dname, owner.data(), owner.size());
        write_after_owner(dname + owner.size(), code(RrType::Dname), ttl, replacement.size);
        std::memcpy(dname + owner.size() + 10, replacement.octets.data(), replacement.size);
        if (signatures_ != nullptr) {
            append_if(signatures_->signatures(zone_->index_of(*set)),
                      Section::Answer,
                      static_cast<std::uint16_t>(0xc000U | dname_at));
            if (message_.truncated()) {
                return {true, AnswerKind::Alias};
            }
        }
        if (kept + replacement.size > kNameMax) {
            message_.set_rcode(Rcode::YxDomain);  // RFC 6672 2.2
            return {true, AnswerKind::Alias};
        }
        return synthesize(kept, replacement, ttl);
    }

    Step synthesize(std::size_t kept, const WireName& replacement, std::uint32_t ttl) noexcept {
        const std::size_t size = kept + replacement.size;
        const std::size_t at = message_.size();
        std::byte* const cname = message_.append_record(Section::Answer, 12 + size);
        if (cname == nullptr) {
            message_.truncate();
            return {true, AnswerKind::Alias};
        }
        write_fixed(cname, code(RrType::Cname), ttl, size);
        std::memcpy(cname + 12, name_->octets.data(), kept);
        std::memcpy(cname + 12 + kept, replacement.octets.data(), replacement.size);
        if (query_.type == RrType::Cname) {
            return {true, AnswerKind::Positive};
        }
        if (!read_name({cname + 12, size}, target_)) {
            return {true, AnswerKind::Failed};
        }
        name_ = &target_;
        owner_ = static_cast<std::uint16_t>(0xc000U | (at + 12));
        return kFollow;
    }

    void append(const ImageView& image, Section section, std::uint16_t owner) noexcept {
        if (message_.truncated()) {
            return;  // nothing follows what was left out
        }
        const Extras extras = signatures_ != nullptr ? Extras::Required : Extras::Fitting;
        if (!message_.append(image, section, owner, extras)) {
            message_.truncate();
        }
    }

    void write_fixed(std::byte* at,
                     std::uint16_t type,
                     std::uint32_t ttl,
                     std::size_t length) const noexcept {
        store_u16(at, owner_);
        write_after_owner(at + 2, type, ttl, length);
    }

    static void write_after_owner(std::byte* at,
                                  std::uint16_t type,
                                  std::uint32_t ttl,
                                  std::size_t length) noexcept {
        store_u16(at, type);
        store_u16(at + 2, static_cast<std::uint16_t>(RrClass::In));
        store_u32(at + 4, ttl);
        store_u16(at + 8, static_cast<std::uint16_t>(length));
    }

    static std::uint32_t load_ttl(const ImageView& image) noexcept {
        const std::byte* const at = image.octets().data() + 6;
        return (std::uint32_t{load_u16(at)} << 16) | load_u16(at + 2);
    }

    const Snapshot& snapshot_;
    const Query& query_;
    const Client& client_;
    ThreadState& state_;
    Message& message_;
    const WireName* name_;                    // where the chain is
    std::uint16_t owner_ = kQuestionPointer;  // where that name stands in the message
    std::uint32_t zone_index_ = 0;
    const ZoneImage* zone_ = nullptr;
    const dnssec::ZoneSignatures* signatures_ = nullptr;  // of zone_; null: none are asked for
    bool from_wildcard_ = false;                          // what stands at name_
    std::size_t denied_count_ = 0;
    std::array<std::size_t, kChainMax + 2> denied_;  // NOLINT: nodes whose NSEC is to be written
    WireName target_;  // NOLINT(cppcoreguidelines-pro-type-member-init): see WireName
};

AnswerClass answer_class(AnswerKind kind) noexcept {
    switch (kind) {
        case AnswerKind::NoData:
        case AnswerKind::NoName:
            return AnswerClass::Denial;
        case AnswerKind::Referral:
            return AnswerClass::Referral;
        case AnswerKind::OutsideZones:
        case AnswerKind::InternalName:
        case AnswerKind::Failed:
            return AnswerClass::Error;
        case AnswerKind::Positive:
        case AnswerKind::Steered:
        case AnswerKind::Alias:
        case AnswerKind::Minimal:
            break;
    }
    return AnswerClass::Records;
}

// A packet and what the parser made of it.
struct Parsed {
    std::span<const std::byte> packet;
    const Query& query;
    QueryOutcome outcome;
};

// Signed, or about transfers: off the common path, which is one comparison here.
bool is_special(const transfer::TransferView& view,
                QueryOutcome outcome,
                const Query& query) noexcept {
    if (outcome == QueryOutcome::Ok) {
        return query.type == RrType::Soa && !view.rights().catalog().is_root() &&
               std::ranges::equal(query.name.wire(), view.rights().catalog().wire());
    }
    return outcome == QueryOutcome::RefusedSignature ||
           (outcome == QueryOutcome::RefusedType && query.type == RrType::Ixfr);
}

std::size_t respond(const Snapshot& snapshot,
                    const Parsed& parsed,
                    const Client& client,
                    ThreadState& state,
                    std::span<std::byte> out) noexcept {
    state.counters.outcomes[static_cast<std::size_t>(parsed.outcome)].add();
    const OutcomeAction action = outcome_action(parsed.outcome);
    if (!action.answered) {
        return 0;
    }
    Message message(parsed.query, parsed.packet, client.transport, out);
    const CookieVerdict cookie =
        state.guard.greet(snapshot.key(), parsed.query, parsed.packet, client, message);
    AnswerClass kind_class = AnswerClass::Error;
    if (parsed.outcome == QueryOutcome::Ok) {
        const AnswerKind kind = Resolver(snapshot, parsed.query, client, state, message).run();
        kind_class = answer_class(kind);
        state.counters.answers[static_cast<std::size_t>(kind)].add();
        if (message.truncated()) {
            state.counters.truncated.add();
        }
    } else {
        message.set_rcode(action.rcode);
        message.set_extended_error(action.error);
    }
    return state.guard.admit(kind_class, cookie, client, message) ? message.finish() : 0;
}

}  // namespace

std::string_view answer_kind_name(AnswerKind kind) noexcept {
    static constexpr std::array<std::string_view, kAnswerKinds> kNames = {"positive",
                                                                          "steered",
                                                                          "nodata",
                                                                          "nxdomain",
                                                                          "referral",
                                                                          "alias",
                                                                          "minimal",
                                                                          "outside-zones",
                                                                          "internal-name",
                                                                          "failed"};
    return kNames[static_cast<std::size_t>(kind)];
}

SipWords source_hash(const SipKey& key,
                     const Client& client,
                     std::span<const std::byte> zone) noexcept {
    const std::span<const std::byte, 16> address(client.address);
    const steering::SourcePrefix prefix = client.family == Family::V4
                                              ? steering::ipv4_source(address.first<4>())
                                              : steering::ipv6_source(address);
    return steering::hash_source(key, prefix, zone);
}

std::size_t answer(const Snapshot& snapshot,
                   std::span<const std::byte> packet,
                   const Client& client,
                   ThreadState& state,
                   std::span<std::byte> out) noexcept {
    Query query;
    const QueryOutcome outcome = parse_query(packet, query);
    if (snapshot.transfer() != nullptr && is_special(*snapshot.transfer(), outcome, query)) {
        const auto now_s = static_cast<std::uint64_t>(base::wall_us() / 1'000'000);
        const auto size = transfer::answer_special(snapshot, packet, client, state, now_s, out);
        if (size) {
            return *size;
        }
    }
    return respond(snapshot, {packet, query, outcome}, client, state, out);
}

std::size_t answer_plain(const Snapshot& snapshot,
                         std::span<const std::byte> packet,
                         const Client& client,
                         ThreadState& state,
                         std::span<std::byte> out) noexcept {
    Query query;
    const QueryOutcome outcome = parse_query(packet, query);
    return respond(snapshot, {packet, query, outcome}, client, state, out);
}

}  // namespace dns
