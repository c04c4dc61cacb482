#include "dns/dnssec/key_roll.h"

#include <algorithm>
#include <array>

namespace dns::dnssec {
namespace {

constexpr std::array<std::string_view, 4> kStateNames = {
    "introduced", "waiting", "active", "retired"};

std::string label_of(const KeyRecord& key) {
    return "key " + std::to_string(key_tag(dnskey_data(key.key)));
}

bool has_state(const ZoneKeys& zone, KeyState state) {
    return std::ranges::any_of(zone.keys,
                               [state](const KeyRecord& key) { return key.state == state; });
}

// The first key of a zone signs from its beginning; later ones wait behind the active one.
bool is_first(const ZoneKeys& zone) {
    return !has_state(zone, KeyState::Active) && !has_state(zone, KeyState::Retired);
}

bool is_rolling(const ZoneKeys& zone) {
    return zone.keys.size() > 1;
}

base::Error refused(std::string why) {
    return {base::Errc::Refused, std::move(why)};
}

// One pass over the keys of a zone.
class Roller {
  public:
    Roller(ZoneKeys zone, const RollTimes& times, std::int64_t now_s)
        : times_(times), now_s_(now_s) {
        step_.zone = std::move(zone);
    }

    RollStep run() {
        if (step_.zone.wish == Wish::Removing) {
            remove();
            return std::move(step_);
        }
        // A key may move more than once if nobody looked for long.
        for (std::size_t pass = 0; pass <= kStateNames.size(); ++pass) {
            step_.next_s.reset();
            step_.waits_for.clear();
            if (!move_keys()) {
                break;
            }
        }
        return std::move(step_);
    }

  private:
    bool move_keys() {
        for (auto key = step_.zone.keys.begin(); key != step_.zone.keys.end(); ++key) {
            switch (key->state) {
                case KeyState::Introduced:
                    if (due(key->since_s + introduced_for(),
                            "caches to forget what was before " + label_of(*key))) {
                        set_state(*key, KeyState::Waiting, "its DS is wanted at the parent");
                        return true;
                    }
                    break;
                case KeyState::Waiting:
                    if (key->ds_seen_s ? due(*key->ds_seen_s + times_.ds_ttl_s,
                                             "caches to have the DS of " + label_of(*key))
                                       : wait("the DS of " + label_of(*key) + " at the parent")) {
                        activate(*key);
                        return true;
                    }
                    break;
                case KeyState::Retired:
                    if (successor_delegated() &&
                        due(key->since_s + times_.zone_ttl_max_s + times_.propagation_s,
                            "caches to forget signatures of " + label_of(*key))) {
                        step_.changes.push_back(label_of(*key) + " has gone");
                        step_.zone.keys.erase(key);
                        return true;
                    }
                    break;
                case KeyState::Active:
                    break;
            }
        }
        return false;
    }

    // The parent may have gone back to the old DS meanwhile: then the old key is still needed.
    bool successor_delegated() {
        const auto active = std::ranges::find(step_.zone.keys, KeyState::Active, &KeyRecord::state);
        return active == step_.zone.keys.end() || !active->ds_gone_s ||
               wait("the DS of " + label_of(*active) + " to come back to the parent");
    }

    // A first key: until no cache holds sets without signatures. A later one: until every cache
    // that has a DNSKEY set has it in there.
    [[nodiscard]] std::int64_t introduced_for() const {
        const std::int64_t ttl = is_first(step_.zone)
                                     ? std::max(times_.zone_ttl_max_s, times_.key_ttl_s)
                                     : times_.key_ttl_s;
        return ttl + times_.propagation_s;
    }

    void activate(KeyRecord& key) {
        for (KeyRecord& other : step_.zone.keys) {
            if (other.state == KeyState::Active) {
                set_state(other, KeyState::Retired, "signs no more");
            }
        }
        set_state(key, KeyState::Active, "signs the zone");
    }

    void set_state(KeyRecord& key, KeyState state, const std::string& text) {
        key.state = state;
        key.since_s = now_s_;
        step_.changes.push_back(label_of(key) + ": " + text);
    }

    // Signatures stay until no cache has a DS that asks for them.
    void remove() {
        std::int64_t gone_s = step_.zone.wish_since_s;
        for (const KeyRecord& key : step_.zone.keys) {
            if (key.state == KeyState::Introduced) {
                continue;  // its DS was never wanted
            }
            if (!key.ds_gone_s) {
                (void)wait("the parent to drop the DS of " + label_of(key));
                return;
            }
            gone_s = std::max(gone_s, *key.ds_gone_s);
        }
        if (!step_.zone.keys.empty() &&
            due(gone_s + times_.ds_ttl_s + times_.propagation_s, "caches to forget the DS")) {
            step_.zone.keys.clear();
            step_.changes.emplace_back("the zone is not signed any more");
        }
    }

    bool due(std::int64_t at_s, const std::string& what) {
        if (now_s_ >= at_s) {
            return true;
        }
        step_.next_s = std::min(step_.next_s.value_or(at_s), at_s);
        return wait(what);
    }

    bool wait(const std::string& what) {
        step_.waits_for += (step_.waits_for.empty() ? "" : "; ") + what;
        return false;
    }

    const RollTimes& times_;
    std::int64_t now_s_;
    RollStep step_;
};

}  // namespace

std::string_view key_state_name(KeyState state) noexcept {
    return kStateNames[static_cast<std::size_t>(state)];
}

std::optional<KeyState> parse_key_state(std::string_view name) noexcept {
    for (std::size_t i = 0; i < kStateNames.size(); ++i) {
        if (kStateNames[i] == name) {
            return static_cast<KeyState>(i);
        }
    }
    return std::nullopt;
}

KeyRoles roles_of(const ZoneKeys& zone) {
    KeyRoles roles;
    const bool first = is_first(zone);
    for (const KeyRecord& key : zone.keys) {
        roles.published.push_back(&key);
        const bool signs =
            key.state == KeyState::Active ||
            (first && (key.state == KeyState::Introduced || key.state == KeyState::Waiting));
        (signs ? roles.sign_zone : roles.sign_keys).push_back(&key);
        if (key.state == KeyState::Waiting || key.state == KeyState::Active) {
            roles.delegation.push_back(&key);
        }
    }
    roles.delegation_removed = zone.wish == Wish::Removing && !zone.keys.empty();
    if (roles.delegation_removed) {
        roles.delegation.clear();
    }
    return roles;
}

RollStep advance(ZoneKeys zone, const RollTimes& times, std::int64_t now_s) {
    return Roller(std::move(zone), times, now_s).run();
}

base::Result<ZoneKeys> introduce(ZoneKeys zone, const PublicKey& key, std::int64_t now_s) {
    if (zone.wish == Wish::Removing && !zone.keys.empty()) {
        return refused("signing is being removed; keep it first");
    }
    if (is_rolling(zone)) {
        return refused("a key is being rolled already");
    }
    if (!zone.keys.empty() && zone.keys.front().state != KeyState::Active) {
        return refused("the first key is not in use yet: its DS has to be at the parent first");
    }
    if (!zone.keys.empty() && zone.keys.front().key.algorithm != key.algorithm) {
        return refused("the key in use has another algorithm: remove the signing first");
    }
    if (std::ranges::any_of(zone.keys, [&key](const KeyRecord& known) {
            return key_tag(dnskey_data(known.key)) == key_tag(dnskey_data(key));
        })) {
        return base::Error{base::Errc::Exists, "a key with this tag is there: make another"};
    }
    zone.wish = Wish::Signed;
    zone.wish_since_s = now_s;
    KeyRecord record;
    record.key = key;
    record.since_s = now_s;
    zone.keys.push_back(std::move(record));
    return zone;
}

base::Result<ZoneKeys> remove_signing(ZoneKeys zone, std::int64_t now_s) {
    if (zone.keys.empty()) {
        return base::Error{base::Errc::NotFound, "the zone is not signed"};
    }
    if (is_rolling(zone)) {
        return refused("a key is being rolled: wait for its end");
    }
    if (zone.wish != Wish::Removing) {
        zone.wish = Wish::Removing;
        zone.wish_since_s = now_s;
    }
    return zone;
}

base::Result<ZoneKeys> keep_signing(ZoneKeys zone, std::int64_t now_s) {
    if (zone.keys.empty()) {
        return base::Error{base::Errc::NotFound, "the zone is not signed"};
    }
    if (zone.wish == Wish::Signed) {
        return zone;
    }
    zone.wish = Wish::Signed;
    zone.wish_since_s = now_s;
    for (KeyRecord& key : zone.keys) {
        if (key.ds_gone_s) {
            // Its DS has to come back as if it had never been there.
            key.ds_seen_s.reset();
            key.ds_gone_s.reset();
            key.state = KeyState::Waiting;
            key.since_s = now_s;
        }
    }
    return zone;
}

ZoneKeys note_delegation(ZoneKeys zone,
                         const std::vector<std::uint16_t>& tags,
                         std::int64_t now_s) {
    return note_servers(std::move(zone), {tags, {}}, now_s);
}

ZoneKeys note_servers(ZoneKeys zone, const Delegation& parent, std::int64_t now_s) {
    const auto is_in = [](const std::vector<std::uint16_t>& tags, std::uint16_t tag) {
        return std::ranges::find(tags, tag) != tags.end();
    };
    for (KeyRecord& key : zone.keys) {
        const std::uint16_t tag = key_tag(dnskey_data(key.key));
        const bool everywhere = is_in(parent.everywhere, tag);
        const bool nowhere = !everywhere && !is_in(parent.somewhere, tag);
        const bool waits = zone.wish == Wish::Signed && key.state == KeyState::Waiting;
        if (everywhere && (!key.ds_seen_s || key.ds_gone_s)) {
            key.ds_seen_s = now_s;
            key.ds_gone_s.reset();
        } else if (waits && !everywhere) {
            key.ds_seen_s.reset();
            key.ds_gone_s.reset();
        } else if (nowhere && !key.ds_gone_s && (key.ds_seen_s || zone.wish == Wish::Removing)) {
            key.ds_gone_s = now_s;
        } else if (!everywhere && !nowhere && zone.wish == Wish::Removing) {
            key.ds_gone_s.reset();
        }
    }
    return zone;
}

std::optional<std::int64_t> roll_due_s(const ZoneKeys& zone, std::int64_t every_s) {
    if (every_s <= 0 || zone.wish != Wish::Signed || zone.keys.size() != 1) {
        return std::nullopt;
    }
    const KeyRecord& key = zone.keys.front();
    if (key.state != KeyState::Active || !key.ds_seen_s || key.ds_gone_s) {
        return std::nullopt;
    }
    return key.since_s + every_s - every_s / 10 * (key.id % kRollSpread) / kRollSpread;
}

}  // namespace dns::dnssec
