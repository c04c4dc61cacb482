#pragma once

// SessionWorld: everything an SMTP session needs, with scripted answers, for tests. bob@example.org
// (account 7) exists. Thread rule: one thread, or as the parts say.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.h"
#include "mta/session.h"

namespace mta::test {

struct SessionWorld {
    SessionWorld() {
        base::log::set_level(base::log::Level::Error);
        parts.engine.host_name = "mx1.example.org";
        parts.times.greeting = base::Duration::zero();
    }

    SessionWorld(const SessionWorld&) = delete;
    SessionWorld& operator=(const SessionWorld&) = delete;

    static base::DnsReply view(std::string_view name) {
        base::DnsReply reply;
        const auto bob = mail::parse_mailbox("bob@example.org").value();
        if (name == mail::verification_name(bob).value()) {
            reply.texts.emplace_back("v=1 account=7 state=active");
        } else {
            reply.rcode = base::DnsRcode::NxDomain;
        }
        return reply;
    }

    /// Called by the store, before it answers.
    std::function<void()> on_store = [] {};
    base::Status room = base::Done{};
    base::Result<storage::Receipt> outcome = [] {
        storage::Receipt receipt;
        receipt.id = mail::MessageId::make(1'700'000'000'000U, {1, 2});
        receipt.copies = 2;
        return receipt;
    }();
    std::vector<storage::Submission> stored;

    RecipientVerifier recipients{
        [](std::string_view name, base::Deadline) -> base::Result<base::DnsReply> {
            return view(name);
        },
        std::nullopt,
        {}};
    SenderPolicy senders{"/nonexistent"};
    ByteBudget budget{10'000'000};
    LoadMeter load{1, base::Instant(std::chrono::seconds(1))};
    SessionParts parts{{},
                       {},
                       recipients,
                       senders,
                       budget,
                       load,
                       [this](storage::Submission submission, base::Deadline) {
                           on_store();
                           stored.push_back(std::move(submission));
                           return outcome;
                       },
                       [this](std::uint64_t) { return room; }};
};

}  // namespace mta::test
