#include "dns/dnssec/parent_view.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/hash.h"

namespace dns::dnssec {
namespace {

std::string text_of(const base::DnsDs& ds) {
    return std::to_string(ds.key_tag) + " " + std::to_string(ds.algorithm) + " " +
           std::to_string(ds.digest_type) + " " + base::to_hex(base::as_bytes(ds.digest));
}

struct OwnKey {
    std::uint16_t tag;
    std::uint8_t algorithm;
    std::string data;  // of its DNSKEY
};

std::vector<OwnKey> own_keys(const ZoneKeys& keys) {
    std::vector<OwnKey> own;
    for (const KeyRecord& key : keys.keys) {
        std::string data = dnskey_data(key.key);
        const std::uint16_t tag = key_tag(data);
        own.push_back({tag, static_cast<std::uint8_t>(key.key.algorithm), std::move(data)});
    }
    return own;
}

bool names(const base::DnsDs& ds, const OwnKey& key) {
    return ds.key_tag == key.tag && ds.algorithm == key.algorithm;
}

bool leads_to(const Name& zone, const base::DnsDs& ds, const OwnKey& key) {
    return names(ds, key) && !ds.digest.empty() &&
           ds.digest == ds_digest(zone, key.data, ds.digest_type);
}

bool is_stranger(const Name& zone, const base::DnsDs& ds, const std::vector<OwnKey>& own) {
    return std::ranges::none_of(own, [&](const OwnKey& key) {
        const bool unknown_digest = ds_digest(zone, key.data, ds.digest_type).empty();
        return leads_to(zone, ds, key) || (unknown_digest && names(ds, key));
    });
}

bool follows_any(const Name& zone, const ParentAnswer& answer, const std::vector<OwnKey>& own) {
    return std::ranges::any_of(answer.ds, [&](const base::DnsDs& ds) {
        return std::ranges::any_of(own, [&](const OwnKey& key) { return leads_to(zone, ds, key); });
    });
}

}  // namespace

ParentView view_parent(const Name& zone,
                       const ZoneKeys& keys,
                       std::span<const ParentAnswer> answers) {
    const std::vector<OwnKey> own = own_keys(keys);
    ParentView view;
    view.servers = answers.size();
    std::set<std::string> all;
    std::set<std::string> strangers;
    for (const ParentAnswer& answer : answers) {
        view.ttl_s = std::max(view.ttl_s, answer.ds.empty() ? 0 : answer.ttl_s);
        view.broken = view.broken || (!answer.ds.empty() && !follows_any(zone, answer, own));
        for (const base::DnsDs& ds : answer.ds) {
            all.insert(text_of(ds));
            if (is_stranger(zone, ds, own)) {
                strangers.insert(text_of(ds));
            }
        }
    }
    view.ds.assign(all.begin(), all.end());
    view.strangers.assign(strangers.begin(), strangers.end());
    for (const OwnKey& key : own) {
        const auto having = static_cast<std::size_t>(
            std::ranges::count_if(answers, [&](const ParentAnswer& answer) {
                return std::ranges::any_of(
                    answer.ds, [&](const base::DnsDs& ds) { return leads_to(zone, ds, key); });
            }));
        if (having != 0) {
            auto& tags = having == answers.size() ? view.keys.everywhere : view.keys.somewhere;
            tags.push_back(key.tag);
        }
    }
    return view;
}

std::string warning_of(const ParentView& view) {
    if (view.broken) {
        return "no DS at the parent is of a key of the zone: resolvers that validate reject it";
    }
    if (!view.strangers.empty()) {
        return "the parent has a DS of no key of the zone: " + view.strangers.front();
    }
    return {};
}

std::int64_t look_again_s(const ZoneKeys& keys, std::int64_t now_s) noexcept {
    std::int64_t since_s = 0;
    std::int64_t idle_s = kLookIdleS;
    if (keys.wish == Wish::Removing) {
        since_s = keys.wish_since_s;
    }
    for (const KeyRecord& key : keys.keys) {
        if (key.state == KeyState::Retired) {
            idle_s = kLookLateS;  // it may be needed again
        }
        if (key.state == KeyState::Waiting) {
            since_s = std::max(since_s, key.ds_seen_s.value_or(key.since_s));
        }
    }
    if (since_s == 0) {
        return idle_s;
    }
    return std::clamp((now_s - since_s) / 10, kLookSoonS, kLookLateS);
}

}  // namespace dns::dnssec
