#include "dns/control/answer_metrics.h"

#include "dns/directory/pools.h"
#include "dns/wire.h"

namespace dns {
namespace {

base::Gauge& servers_up(std::string_view pool) {
    return base::gauge(
        "roundtable_dns_servers_up", "Servers that probes call up", {{"pool", pool}});
}

}  // namespace

AnswerMetrics::AnswerMetrics() {
    for (std::size_t i = 0; i < kAnswerKinds; ++i) {
        answers_[i].metric =
            &base::counter("roundtable_dns_answers_total",
                           "Answers to well-formed queries, by what they say",
                           {{"kind", answer_kind_name(static_cast<AnswerKind>(i))}});
    }
    for (std::size_t i = 0; i < kQueryOutcomes; ++i) {
        outcomes_[i].metric =
            &base::counter("roundtable_dns_queries_total",
                           "Datagrams and TCP messages, by what they were",
                           {{"outcome", outcome_name(static_cast<QueryOutcome>(i))}});
    }
    truncated_.metric = &base::counter("roundtable_dns_truncated_total",
                                       "Answers over UDP that sent the client to TCP");
    for (std::size_t i = 0; i < dnssec::kVariantsServed; ++i) {
        variants_[i].metric = &base::counter(
            "roundtable_dns_signed_variants_total",
            "Steered sets and SOA records with signatures, by which variant was served",
            {{"served", dnssec::variant_served_name(static_cast<dnssec::VariantServed>(i))}});
    }
    constexpr std::array<std::string_view, 3> kSigning = {"made", "stale", "failed"};
    for (std::size_t i = 0; i < kSigning.size(); ++i) {
        signing_[i].metric = &base::counter("roundtable_dns_signatures_total",
                                            "Signatures that queries asked for, by outcome",
                                            {{"outcome", kSigning[i]}});
    }
    constexpr std::array<std::string_view, 3> kWaits = {"signed", "late", "full"};
    for (std::size_t i = 0; i < kWaits.size(); ++i) {
        waits_[i].metric = &base::counter("roundtable_dns_signature_waits_total",
                                          "Datagrams that waited for a signature, by outcome",
                                          {{"outcome", kWaits[i]}});
    }
    constexpr std::array<std::string_view, 2> kParents = {"seen", "failed"};
    for (std::size_t i = 0; i < kParents.size(); ++i) {
        parents_[i].metric = &base::counter("roundtable_dns_parent_looks_total",
                                            "Times that a zone's parent was asked for its DS",
                                            {{"outcome", kParents[i]}});
    }
    for (std::size_t i = 0; i < kOnlineDenials; ++i) {
        denials_[i].metric =
            &base::counter("roundtable_dns_compact_denials_total",
                           "Denials of names in zones with compact denial, by what came of them",
                           {{"outcome", online_denial_name(static_cast<OnlineDenial>(i))}});
    }
    for (std::size_t i = 0; i < kSigning.size(); ++i) {
        denial_signing_[i].metric =
            &base::counter("roundtable_dns_compact_denial_signatures_total",
                           "Signatures of denials that queries asked for, by outcome",
                           {{"outcome", kSigning[i]}});
    }
    constexpr std::array<std::string_view, 5> kVerdicts = {
        "found", "unknown", "unsure", "refused_name", "refused_client"};
    for (std::size_t i = 0; i < kVerdicts.size(); ++i) {
        internal_[i].metric = &base::counter("roundtable_dns_verifications_total",
                                             "Questions to the internal view, by verdict",
                                             {{"verdict", kVerdicts[i]}});
    }
    constexpr std::array<std::string_view, 2> kDeferred = {"queued", "full"};
    for (std::size_t i = 0; i < kDeferred.size(); ++i) {
        udp_deferred_[i].metric = &base::counter("roundtable_dns_udp_deferred_total",
                                                 "Datagrams left to the main loop, or no room",
                                                 {{"outcome", kDeferred[i]}});
    }
    constexpr std::array<std::string_view, 2> kDropped = {"send", "source"};
    for (std::size_t i = 0; i < kDropped.size(); ++i) {
        udp_dropped_[i].metric =
            &base::counter("roundtable_dns_udp_dropped_total",
                           "Datagrams without an answer: the socket took no more, or no source",
                           {{"folder", "dns"}, {"reason", kDropped[i]}});
    }
    for (std::size_t i = 0; i < kCookieVerdicts; ++i) {
        cookies_[i].metric =
            &base::counter("roundtable_dns_cookies_total",
                           "Queries, by what their cookie said",
                           {{"verdict", cookie_verdict_name(static_cast<CookieVerdict>(i))}});
    }
    constexpr std::array<std::string_view, kLimitActions> kActions = {
        "dropped", "truncated", "badcookie"};
    for (std::size_t i = 0; i < kActions.size(); ++i) {
        limited_[i].metric = &base::counter("roundtable_dns_rate_limited_total",
                                            "Answers beyond the rate, by what became of them",
                                            {{"action", kActions[i]}});
    }
    constexpr std::array<std::string_view, 6> kConnections = {
        "accepted", "refused_total", "refused_client", "timeout", "replaced", "refused_large"};
    for (std::size_t i = 0; i < kConnections.size(); ++i) {
        tcp_[i].metric = &base::counter("roundtable_dns_tcp_connections_total",
                                        "Connections to the public port, by what became of them",
                                        {{"outcome", kConnections[i]}});
    }
    constexpr std::array<std::string_view, 3> kStreams = {"sent", "broken", "refused"};
    for (std::size_t i = 0; i < kStreams.size(); ++i) {
        streams_[i].metric = &base::counter("roundtable_dns_transfers_total",
                                            "Zones sent to secondaries, whole or by differences",
                                            {{"outcome", kStreams[i]}});
    }
    constexpr std::array<std::string_view, 3> kNotifies = {"sent", "acknowledged", "given_up"};
    for (std::size_t i = 0; i < kNotifies.size(); ++i) {
        notifies_[i].metric =
            &base::counter("roundtable_dns_notifies_total",
                           "NOTIFY to secondaries: packets, zones known, zones not",
                           {{"outcome", kNotifies[i]}});
    }
    constexpr std::array<std::string_view, 7> kProbes = {
        "reply", "lost", "refused", "bad_banner", "silent", "own_fault", "stalled"};
    for (const PoolName pool : {PoolName::Mail, PoolName::Access}) {
        for (std::size_t i = 0; i < kProbes.size(); ++i) {
            probes_[static_cast<std::size_t>(pool)][i].metric =
                &base::counter("roundtable_dns_probes_total",
                               "Probes of mail and access servers, by outcome",
                               {{"pool", pool_name(pool)}, {"outcome", kProbes[i]}});
        }
    }
}

void AnswerMetrics::take_answers(std::span<const AnswerCounters* const> threads) {
    const auto sum = [threads](auto member) {
        std::uint64_t total = 0;
        for (const AnswerCounters* thread : threads) {
            total += member(*thread).value();
        }
        return total;
    };
    for (std::size_t i = 0; i < kAnswerKinds; ++i) {
        answers_[i].take(sum([i](const AnswerCounters& c) -> const auto& { return c.answers[i]; }));
    }
    for (std::size_t i = 0; i < kQueryOutcomes; ++i) {
        outcomes_[i].take(
            sum([i](const AnswerCounters& c) -> const auto& { return c.outcomes[i]; }));
    }
    for (std::size_t i = 0; i < dnssec::kVariantsServed; ++i) {
        variants_[i].take(
            sum([i](const AnswerCounters& c) -> const auto& { return c.variants[i]; }));
    }
    for (std::size_t i = 0; i < kOnlineDenials; ++i) {
        denials_[i].take(sum([i](const AnswerCounters& c) -> const auto& { return c.denials[i]; }));
    }
    truncated_.take(sum([](const AnswerCounters& c) -> const auto& { return c.truncated; }));
}

void AnswerMetrics::take_guards(std::span<const GuardCounters* const> threads) {
    const auto sum = [threads](const auto& member, std::size_t index) {
        std::uint64_t total = 0;
        for (const GuardCounters* thread : threads) {
            total += (thread->*member)[index].value();
        }
        return total;
    };
    for (std::size_t i = 0; i < kCookieVerdicts; ++i) {
        cookies_[i].take(sum(&GuardCounters::cookies, i));
    }
    for (std::size_t i = 0; i < kLimitActions; ++i) {
        limited_[i].take(sum(&GuardCounters::limited, i));
    }
}

void AnswerMetrics::take_internal(const InternalCounters& counters) {
    internal_[0].take(counters.found.value());
    internal_[1].take(counters.unknown.value());
    internal_[2].take(counters.unsure.value());
    internal_[3].take(counters.refused_name.value());
    internal_[4].take(counters.refused_acl.value());
}

void AnswerMetrics::take_udp(std::span<const UdpCounters* const> threads) {
    std::uint64_t send = 0;
    std::uint64_t source = 0;
    std::uint64_t deferred = 0;
    std::uint64_t full = 0;
    for (const UdpCounters* thread : threads) {
        send += thread->dropped_send.value();
        source += thread->dropped_source.value();
        deferred += thread->deferred.value();
        full += thread->deferred_full.value();
    }
    udp_deferred_[0].take(deferred);
    udp_deferred_[1].take(full);
    udp_dropped_[0].take(send);
    udp_dropped_[1].take(source);
}

void AnswerMetrics::take_tcp(const TcpCounters& counters) {
    tcp_[0].take(counters.accepted.value());
    tcp_[1].take(counters.refused_total.value());
    tcp_[2].take(counters.refused_client.value());
    tcp_[3].take(counters.timeouts.value());
    tcp_[4].take(counters.replaced.value());
    tcp_[5].take(counters.refused_large.value());
}

void AnswerMetrics::take_streams(const StreamCounters& counters) {
    streams_[0].take(counters.sent.value());
    streams_[1].take(counters.broken.value());
    streams_[2].take(counters.refused.value());
}

void AnswerMetrics::take_notifies(const transfer::NotifyCounts& counts, std::size_t waiting) {
    notifies_[0].take(counts.sent);
    notifies_[1].take(counts.acknowledged);
    notifies_[2].take(counts.given_up);
    base::gauge("roundtable_dns_notifies_waiting", "NOTIFY to secondaries without an answer yet")
        .set(static_cast<double>(waiting));
}

void AnswerMetrics::take_probes(PoolName pool, const probe::ProbeCounts& counts) {
    std::array<Follower, 7>& followers = probes_[static_cast<std::size_t>(pool)];
    followers[0].take(counts.replies);
    followers[1].take(counts.lost);
    followers[2].take(counts.refused);
    followers[3].take(counts.bad_banners);
    followers[4].take(counts.silent);
    followers[5].take(counts.own_faults);
    followers[6].take(counts.stalls);
}

void AnswerMetrics::take_signing(const SigningCounters& counters) {
    signing_[0].take(counters.made.value());
    signing_[1].take(counters.stale.value());
    signing_[2].take(counters.failed.value());
}

void AnswerMetrics::take_waits(const WaitCounters& counters) {
    waits_[0].take(counters.in_time.value());
    waits_[1].take(counters.late.value());
    waits_[2].take(counters.full.value());
}

void AnswerMetrics::take_parents(const ParentCounters& counters) {
    parents_[0].take(counters.seen.value());
    parents_[1].take(counters.failed.value());
}

void AnswerMetrics::take_denials(const DenialCounters& counters) {
    denial_signing_[0].take(counters.made.value());
    denial_signing_[1].take(counters.stale.value());
    denial_signing_[2].take(counters.failed.value());
}

void AnswerMetrics::set_zones(const ZoneCounts& counts) {
    static base::Gauge& zones = base::gauge("roundtable_dns_zones", "Zones that are served");
    static base::Gauge& bad =
        base::gauge("roundtable_dns_zones_refused", "Domains whose present records are not served");
    static base::Gauge& with_signatures =
        base::gauge("roundtable_dns_zones_signed", "Zones that are served with signatures");
    static base::Gauge& memory =
        base::gauge("roundtable_dns_snapshot_bytes", "Memory of the snapshot in force");
    zones.set(static_cast<double>(counts.served));
    bad.set(static_cast<double>(counts.refused));
    with_signatures.set(static_cast<double>(counts.with_signatures));
    memory.set(static_cast<double>(counts.memory));
}

void AnswerMetrics::set_servers_up(std::size_t mail, std::size_t access) {
    static base::Gauge& mail_up = servers_up("mail");
    static base::Gauge& access_up = servers_up("access");
    mail_up.set(static_cast<double>(mail));
    access_up.set(static_cast<double>(access));
}

}  // namespace dns
