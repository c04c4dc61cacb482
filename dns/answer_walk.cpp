#include "dns/answer_walk.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "dns/answer_denial.h"
#include "dns/limits.h"
#include "dns/online_denial.h"

namespace dns {
namespace {

constexpr std::uint32_t kMinimalTtl = 3600;

constexpr auto code(RrType type) {
    return static_cast<std::uint16_t>(type);
}

// One answer: walks from the question's name along aliases to the RRset, or to why there is none.
class AnswerWalk {
  public:
    AnswerWalk(const Snapshot& snapshot,
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
        if (ttl_max_ != kTtlMax) {
            message_.limit_ttls(ttl_max_);
        }
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
        if (!enter_zone(found.zone)) {
            return AnswerKind::Failed;
        }
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
        labels_off_ = labels_off;
        encloser_ = &found;
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
                return no_name();
            }
            node = &zone_->nodes()[found.wildcard];
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
        if (set == nullptr) {
            return parts_.signatures != nullptr ? made_set(node) : no_data(node);
        }
        if (set->steered != SteeredKind::None) {
            return steered(node, *set);
        }
        if (query_.type == RrType::Soa) {
            append_soa();
        } else {
            append_set(*set, owner_);
        }
        prove_wildcard();
        return {true, AnswerKind::Positive};
    }

    // What a signed zone has beside its own sets.
    Step made_set(const Node& node) noexcept {
        return query_.type == RrType::Nsec    ? own_denier(node)
               : query_.type == RrType::Rrsig ? one_signature(node)
                                              : no_data(node);
    }

    // False: the answer is that there is none.
    bool enter_zone(std::uint32_t index) noexcept {
        zone_index_ = index;
        zone_ = &snapshot_.names().zone(index);
        parts_ = snapshot_.parts(index);
        signatures_ = query_.has_opt && query_.dnssec_ok ? parts_.signatures : nullptr;
        if (parts_.withheld) {
            fail(ExtendedError::NotReady);
            return false;
        }
        if (signatures_ != nullptr && query_.compact_ok &&
            signatures_->denial() == dnssec::Denial::Compact) {
            message_.set_compact_ok();
        }
        return signatures_ == nullptr || outlive(signatures_->validity(), signatures_->ttl_max());
    }

    // TTLs end with the signatures (DESIGN section 6). False: those have ended.
    bool outlive(const dnssec::Validity& validity, std::uint32_t ttl) noexcept {
        const std::uint32_t left = dnssec::ttl_left(ttl, validity, now_s());
        if (left == 0 && ttl != 0) {
            fail(ExtendedError::SignatureExpired);
            return false;
        }
        if (left < ttl) {
            ttl_max_ = std::min(ttl_max_, left);
        }
        return true;
    }

    [[nodiscard]] std::int64_t now_s() const noexcept { return state_.guard.time().wall_s; }

    void fail(ExtendedError why) noexcept {
        message_.clear_records();
        message_.clear_authoritative();
        message_.set_rcode(Rcode::ServFail);
        message_.set_extended_error(why);
        denials_.clear();
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
            if (const dnssec::SignedImages* const soa = signed_soa()) {
                append(soa->set(), Section::Answer, owner_);
            }
            return;
        }
        const SetRef* const set = zone_->find_set(zone_->nodes().front(), code(RrType::Soa));
        append(zone_->image(set->image_at), Section::Answer, owner_);
        write_serial();
    }

    // The SOA of the serial in force; until that is signed, of one before. Null: none holds.
    // A function of its own: with its registers the common path's answers are cheaper without it.
    [[gnu::noinline, gnu::flatten]] const dnssec::SignedImages* signed_soa() noexcept {
        static constexpr dnssec::HostsOut kNone;  // 256 octets not to be cleared each time
        const auto choice = choose(dnssec::ZoneVariants::kSoaPlace,
                                   dnssec::soa_content(snapshot_.serial(zone_index_)),
                                   kNone);
        if (choice.variant == nullptr) {
            fail(ExtendedError::SignatureExpired);
            return nullptr;
        }
        return choice.variant->images.get();
    }

    // What is served of a place; asks for the signature that it lacks.
    dnssec::VariantChoice choose(std::size_t place,
                                 std::uint64_t content,
                                 const dnssec::HostsOut& out) noexcept {
        const dnssec::ZoneVariants& variants = *parts_.variants;
        const auto choice = dnssec::choose_variant(
            content, variants.list(place), variants.anchor(place), out, now_s());
        state_.counters.variants[static_cast<std::size_t>(choice.served)].add();
        if (choice.served != dnssec::VariantServed::Wanted && state_.asks != nullptr &&
            variants.ask(place, content) &&
            !state_.asks->push(
                {&variants, zone_index_, static_cast<std::uint32_t>(place), content})) {
            variants.forget_asking(place);
        }
        return choice;
    }

    void append_if(const std::optional<ImageView>& image,
                   Section section,
                   std::uint16_t owner) noexcept {
        if (image) {
            append(*image, section, owner);
        }
    }

    [[nodiscard]] DeniedName denied() const noexcept {
        return {*zone_, *signatures_, *name_, labels_off_, encloser_};
    }

    [[nodiscard]] bool from_wildcard() const noexcept { return labels_off_ != 0; }

    // RFC 4035 3.1.3.3: an answer from a wildcard says that no closer name exists.
    void prove_wildcard() noexcept {
        if (signatures_ != nullptr && from_wildcard()) {
            denials_.no_closer_name(denied());
        }
    }

    void write_denials() noexcept {
        for (const dnssec::Denier denier : denials_.all()) {
            append(signatures_->image(denier), Section::Authority, kQuestionPointer);
        }
    }

    Step no_data(const Node& node) noexcept {
        const Step step = negative(Rcode::NoError, AnswerKind::NoData);
        if (signatures_ != nullptr && step.kind == AnswerKind::NoData) {
            denials_.no_data(denied(), node);
        }
        return step;
    }

    // RFC 9824 3.1, 5.1: with DO a name that is not there has no data, unless the client can take
    // NXDOMAIN with it. Asked for by its type the record that says so is there.
    Step no_compact_name() noexcept {
        if (query_.type != RrType::Nsec) {
            const Step step =
                negative(query_.compact_ok ? Rcode::NxDomain : Rcode::NoError, AnswerKind::NoName);
            if (step.kind != AnswerKind::NoName) {
                return step;
            }
        }
        const OnlineName denied{*zone_, zone_index_, parts_, *name_, owner_};
        switch (deny_online(denied, query_, client_, state_, message_)) {
            case OnlineAnswer::Given:
            case OnlineAnswer::Waits:
                break;
            case OnlineAnswer::Cut:
                message_.truncate();
                break;
            case OnlineAnswer::None:
                fail(ExtendedError::NotReady);
                return {true, AnswerKind::Failed};
        }
        return {true, AnswerKind::NoName};
    }

    Step no_name() noexcept {
        if (signatures_ != nullptr && signatures_->denial() == dnssec::Denial::Compact) {
            return no_compact_name();
        }
        const Step step = negative(Rcode::NxDomain, AnswerKind::NoName);
        if (signatures_ != nullptr && step.kind == AnswerKind::NoName) {
            denials_.no_name(denied());
        }
        return step;
    }

    Step steered(const Node& node, const SetRef& ref) noexcept {
        const SteeredKind kind = ref.steered;
        const SteeredSet* const set = parts_.set_for(kind);
        if (set == nullptr) {
            fail(ExtendedError::NotReady);
            return {true, AnswerKind::Failed};
        }
        if (!set->has(kind)) {
            return no_data(node);
        }
        const std::size_t place = set->slot() * kSteeredKinds + static_cast<std::size_t>(kind);
        const std::uint32_t turn = state_.turns.data()[place % kTurns]++;
        const SteeredSet::Pick pick = set->uses_source()
                                          ? set->turned(kind, source_variant(*set, kind), turn)
                                          : set->turn_pick(kind, turn);
        if (signatures_ != nullptr) {
            return steered_signed(*set, ref, pick);
        }
        append(set->image(kind, pick), Section::Answer, owner_);
        return {true, AnswerKind::Steered};
    }

    std::uint32_t source_variant(const SteeredSet& set, SteeredKind kind) noexcept {
        const auto place = zone_index_ * static_cast<std::uint32_t>(kSteeredKinds) +
                           static_cast<std::uint32_t>(kind);
        return state_.sources.variant(snapshot_.id(), place, client_, [&] {
            return set.source_variant(kind,
                                      source_hash(snapshot_.key(), client_, zone_->apex().wire()));
        });
    }

    // dnssec/variant_choice.h.
    Step steered_signed(const SteeredSet& set,
                        const SetRef& ref,
                        const SteeredSet::Pick& pick) noexcept {
        const auto choice = choose(
            dnssec::ZoneVariants::place_of(ref), set.variant(ref.steered, pick).content, set.out());
        if (choice.served == dnssec::VariantServed::Wait && !state_.waited) {
            if (!wait_for_signature(client_, state_)) {
                message_.truncate();  // over TCP waiting costs nobody else anything
            }
            return {true, AnswerKind::Steered};
        }
        if (choice.variant == nullptr) {
            fail(ExtendedError::SignatureExpired);
            return {true, AnswerKind::Failed};
        }
        const dnssec::SignedVariant& variant = *choice.variant;
        if (!outlive(variant.validity, set.table().ttl_s)) {
            return {true, AnswerKind::Failed};
        }
        // Only the order of records differs from one image of a variant to the next.
        append(choice.served == dnssec::VariantServed::Wanted ? set.image(ref.steered, pick)
                                                              : variant.images->set(),
               Section::Answer,
               owner_);
        append(variant.images->signatures(), Section::Answer, owner_);
        return {true, AnswerKind::Steered};
    }

    // The NSEC record of a name is there to be asked for, by who does not understand it, too (RFC
    // 4035 3.1.1, 3.2.1). Wildcards stand for none.
    Step own_denier(const Node& node) noexcept {
        const dnssec::ZoneSignatures& signatures = *parts_.signatures;
        const dnssec::Denier denier = signatures.matching(zone_->index_of(node));
        if (denier == dnssec::kNoDenier || signatures.denial() == dnssec::Denial::Nsec3 ||
            from_wildcard()) {
            return no_data(node);
        }
        if (signatures_ != nullptr) {
            append(signatures.image(denier), Section::Answer, owner_);
        } else if (!message_.append_first(signatures.image(denier), Section::Answer, owner_)) {
            message_.truncate();
        }
        return {true, AnswerKind::Positive};
    }

    // RFC 8482 4.1 is for RRSIG, too: one of several.
    Step one_signature(const Node& node) noexcept {
        for (const SetRef& set : zone_->sets(node)) {
            if (const auto image = parts_.signatures->signatures(zone_->index_of(set))) {
                append(*image, Section::Answer, owner_);
                return {true, AnswerKind::Minimal};
            }
        }
        return no_data(node);
    }

    Step negative(Rcode rcode, AnswerKind kind) noexcept {
        message_.set_rcode(rcode);
        if (signatures_ != nullptr) {
            if (const dnssec::SignedImages* const soa = signed_soa()) {
                append(soa->negative(), Section::Authority, kQuestionPointer);
                return {true, kind};
            }
            return {true, AnswerKind::Failed};
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
            if (!enter_zone(parent)) {
                return {true, AnswerKind::Failed};
            }
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
        std::byte* const at = message_.start_record(
            Section::Answer, owner_, RrType::Hinfo, kMinimalTtl, sizeof kData);
        if (at == nullptr) {
            message_.truncate();
            return {true, AnswerKind::Minimal};
        }
        std::memcpy(at, kData, sizeof kData);
        return {true, AnswerKind::Minimal};
    }

    Step follow_alias(const Node& node) noexcept {
        const SetRef* const set = zone_->find_set(node, code(RrType::Cname));
        const std::size_t at = message_.size();
        append_set(*set, owner_);
        prove_wildcard();
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
        std::byte* const fixed = dname + owner.size();
        store_u16(fixed, code(RrType::Dname));
        store_u16(fixed + 2, static_cast<std::uint16_t>(RrClass::In));
        store_u32(fixed + 4, ttl);
        store_u16(fixed + 8, replacement.size);
        std::memcpy(fixed + 10, replacement.octets.data(), replacement.size);
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
        std::byte* const cname =
            message_.start_record(Section::Answer, owner_, RrType::Cname, ttl, size);
        if (cname == nullptr) {
            message_.truncate();
            return {true, AnswerKind::Alias};
        }
        std::memcpy(cname, name_->octets.data(), kept);
        std::memcpy(cname + kept, replacement.octets.data(), replacement.size);
        if (query_.type == RrType::Cname) {
            return {true, AnswerKind::Positive};
        }
        if (!read_name({cname, size}, target_)) {
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
    ZoneParts parts_;                                     // of zone_
    const dnssec::ZoneSignatures* signatures_ = nullptr;  // of zone_; null: none are asked for
    std::uint32_t ttl_max_ = kTtlMax;                     // what signatures leave
    std::size_t labels_off_ = 0;                          // of name_; else a wildcard stands for it
    const Node* encloser_ = nullptr;                      // of name_
    Denials denials_;
    WireName target_;  // NOLINT(cppcoreguidelines-pro-type-member-init): see WireName
};

}  // namespace

AnswerKind walk_answer(const Snapshot& snapshot,
                       const Query& query,
                       const Client& client,
                       ThreadState& state,
                       Message& message) noexcept {
    return AnswerWalk(snapshot, query, client, state, message).run();
}

}  // namespace dns
