#include "dns/update/update_service.h"

#include <array>
#include <utility>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "dns/limits.h"
#include "dns/update/update_gate.h"
#include "dns/update/update_message.h"

namespace dns::update {
namespace {

// A transaction that met another one, or whose end is not known, is tried again.
constexpr int kAttempts = 3;
constexpr base::Duration kExpireEvery = std::chrono::seconds(5);
constexpr base::Duration kSlowClient = std::chrono::seconds(5);

base::DbPoolOptions pool_options() {
    base::DbPoolOptions options;
    options.connections = 1;  // every change of the directory waits for the one before it
    options.queue_max = kUpdatesMax + 1;
    return options;
}

std::uint64_t now_s() {
    return static_cast<std::uint64_t>(base::wall_us() / 1'000'000);
}

std::string key_text(const TsigKey& key) {
    std::string name = key.name.to_text();
    name.pop_back();  // the directory writes no final dot
    return name;
}

void count(std::string_view outcome) {
    base::counter("roundtable_dns_updates_total",
                  "Signed dynamic updates, by what became of them",
                  {{"outcome", outcome}})
        .add();
}

std::string_view outcome_of(const UpdateResult& result) {
    if (result.rcode == Rcode::NoError) {
        return result.again                               ? "again"
               : result.removed == 0 && result.added == 0 ? "unchanged"
                                                          : "made";
    }
    if (result.rcode == Rcode::ServFail) {
        return "failed";
    }
    return result.rcode == Rcode::FormErr                                    ? "malformed"
           : result.rcode == Rcode::Refused || result.rcode == kRcodeNotAuth ? "refused"
                                                                             : "prerequisite";
}

}  // namespace

// One that is under way. The record borrows its key from the view.
struct UpdateService::Update {
    std::vector<std::byte> packet;  // without its signature
    base::Endpoint peer;
    Answer answer;
    transfer::SharedView view;
    TsigRecord record;

    [[nodiscard]] std::string code() const {
        return std::string(base::as_text(record.mac.bytes()));
    }

    void send(Rcode rcode) const {
        std::array<std::byte, kUdpResponseMax> out;  // NOLINT: written before it is read
        const std::size_t reserved = tsig_record_size(*record.key);
        const std::size_t size = write_update_answer(packet, rcode, reserved, out);
        answer(std::span(out).first(TsigSigner(record).sign(out, size, now_s())));
    }
};

UpdateService::UpdateService(base::Loop& loop, Options options)
    : loop_(loop),
      options_(std::move(options)),
      database_(options_.database, "dnsd " + options_.name_server + " updates", pool_options()) {
}

base::Status UpdateService::start() {
    TRY(base::spawn(loop_, "expire records", [this] { expire_for_ever(); }));
    return base::Done{};
}

void UpdateService::on_checked(std::int64_t read, std::int64_t same_as) {
    watch_.on_checked(read, same_as);
    published_.notify_all();
}

void UpdateService::on_published(std::int64_t version) {
    watch_.on_published(version);
    published_.notify_all();
}

void UpdateService::on_datagram(std::span<const std::byte> packet,
                                const base::Endpoint& peer,
                                DeferredReply reply) {
    const auto shared = std::make_shared<DeferredReply>(std::move(reply));
    accept(packet, peer, [shared](std::span<const std::byte> message) {
        (void)shared->send(message);  // lost: the client asks again
    });
}

TakeFunction UpdateService::take_before(TakeFunction other) {
    return [this, other = std::move(other)](std::span<const std::byte> packet,
                                            const base::Endpoint& peer,
                                            const std::shared_ptr<TcpConnection>& connection) {
        return is_update(packet) ? take(packet, peer, connection)
                                 : other && other(packet, peer, connection);
    };
}

LargeFunction UpdateService::large_function() {
    return [this](std::span<const std::byte> header) {
        const transfer::SharedView view = options_.view();
        return is_update(header) && view != nullptr && !view->rights().keys().empty();
    };
}

// What is not signed well is left to answer(), which says so.
bool UpdateService::take(std::span<const std::byte> packet,
                         const base::Endpoint& peer,
                         const std::shared_ptr<TcpConnection>& connection) {
    const transfer::SharedView view = options_.view();
    std::array<std::byte, kUdpResponseMax> out;  // NOLINT: not looked at
    if (view == nullptr || judge_signature(view->rights().keys(), packet, now_s(), out).verdict !=
                               GateVerdict::Authentic) {
        return false;
    }
    const auto reply = std::make_shared<TcpReply>(connection);
    accept(packet, peer, [reply](std::span<const std::byte> message) {
        // Lost: the client is gone.
        (void)reply->send(message, base::Deadline::after(kSlowClient));
    });
    return true;
}

void UpdateService::accept(std::span<const std::byte> packet,
                           const base::Endpoint& peer,
                           Answer answer) {
    const auto update = std::make_shared<Update>();
    update->view = options_.view();
    if (update->view == nullptr ||
        verify_tsig(update->view->rights().keys(), packet, now_s(), update->record) !=
            TsigVerdict::Good) {
        return;  // its key was removed a moment ago
    }
    update->packet.resize(update->record.message_size);
    (void)strip_tsig(packet, update->record, update->packet);
    update->peer = peer;
    update->answer = std::move(answer);
    const std::size_t size = update->packet.size();
    if (under_way_ >= kUpdatesMax || octets_under_way_ + size > kUpdateOctetsMax) {
        count("busy");
        update->send(Rcode::ServFail);
        return;
    }
    const RecentUpdates::Found known = recent_.begin(update->code(), base::monotonic_now());
    if (known.state != RecentUpdates::State::New) {
        count("again");
        if (known.state == RecentUpdates::State::Finished) {
            update->send(known.rcode);
        }
        return;
    }
    ++under_way_;
    octets_under_way_ += size;
    const auto spawned = base::spawn(loop_, "dns-update", [this, update, size] {
        run(*update);
        --under_way_;
        octets_under_way_ -= size;
    });
    if (!spawned) {
        --under_way_;
        octets_under_way_ -= size;
        recent_.forget(update->code());
        update->send(Rcode::ServFail);
    }
}

void UpdateService::run(Update& update) {
    const UpdateResult result = make(update);
    if (base::fiber_cancelled()) {
        return;  // the daemon ends: another name server is asked
    }
    count(outcome_of(result));
    if (result.rcode == Rcode::ServFail) {
        recent_.forget(update.code());
    } else {
        recent_.finish(update.code(), result.rcode);
    }
    update.send(result.rcode);
    base::log::info("dns",
                    "update",
                    {{"key", key_text(*update.record.key)},
                     {"client", update.peer.to_text()},
                     {"outcome", outcome_of(result)},
                     {"rcode", static_cast<int>(result.rcode)},
                     {"removed", result.removed},
                     {"added", result.added},
                     {"reason", result.reason}});
}

UpdateResult UpdateService::make(const Update& update) {
    UpdateReading reading = read_update(update.packet);
    UpdateResult result;
    if (reading.rcode != Rcode::NoError) {
        result.rcode = reading.rcode;
        result.reason = reading.reason;
        return result;
    }
    const auto mac = update.record.mac.bytes();
    const auto job = std::make_shared<const UpdateJob>(UpdateJob{options_.name_server,
                                                                 key_text(*update.record.key),
                                                                 update.peer.address(),
                                                                 {mac.begin(), mac.end()},
                                                                 std::move(reading.request)});
    const bool is_long = update.packet.size() > kTcpQueryMax;
    const base::Deadline deadline =
        base::Deadline::after(is_long ? kLongUpdateDeadline : kUpdateDeadline);
    auto stored = store(job, deadline);
    if (!stored) {
        result.rcode =
            stored.error().code == base::Errc::Refused || stored.error().code == base::Errc::Invalid
                ? Rcode::Refused
                : Rcode::ServFail;
        result.reason = stored.error().detail;
        return result;
    }
    result = std::move(stored).take_value();
    if (result.rcode != Rcode::NoError) {
        return result;
    }
    options_.look();
    while (!watch_.has(result.version)) {
        if (!published_.wait(deadline)) {
            result.rcode = Rcode::ServFail;
            result.reason = "committed, but not in force in time";
            return result;
        }
    }
    return result;
}

base::Result<UpdateResult> UpdateService::store(const std::shared_ptr<const UpdateJob>& job,
                                                base::Deadline deadline) {
    for (int attempt = 1;; ++attempt) {
        auto stored = database_.run(
            [job](base::Connection& connection) { return store_update(connection, *job); },
            deadline);
        if (stored || attempt == kAttempts ||
            (stored.error().code != base::Errc::Busy &&
             stored.error().code != base::Errc::UnknownOutcome)) {
            return stored;
        }
    }
}

void UpdateService::expire_for_ever() {
    while (base::sleep_until(base::Deadline::after(kExpireEvery))) {
        const auto gone = database_.run(
            [name = options_.name_server](base::Connection& connection) {
                return expire_records(connection, name);
            },
            base::Deadline::after(kUpdateDeadline));
        // While the database is away they stay, which the follower has said.
        if (gone && gone.value() > 0) {
            base::log::info("dns", "records-expired", {{"records", gone.value()}});
            options_.look();
        }
    }
}

}  // namespace dns::update
