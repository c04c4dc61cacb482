#pragma once

// The model: resolvers with caches, senders, mail servers and name servers, as events in time.
// README.md describes it; every number of it that is not in the scenario is a constant here.
//
// Owner: one run. Thread rule: one thread; runs share nothing. Time: seconds, doubles; events are
// ordered by time, then by insertion.

#include <cstdint>
#include <deque>
#include <functional>
#include <queue>
#include <vector>

#include "test/sim/name_server.h"
#include "test/sim/recorder.h"
#include "test/sim/rng.h"
#include "test/sim/scenario.h"

namespace sim {

class Model {
  public:
    Model(const Scenario& scenario, SimPolicy policy, std::uint64_t seed);

    Figures run();

  private:
    enum class What : std::uint8_t {
        Arrival,
        Attempt,
        Complete,
        Probe,
        Reply,
        LostProbe,
        RefusedProbe,
        Poll,
        Begin,
        End,
        Window,
    };

    struct Scheduled {
        double time = 0;
        std::uint64_t sequence = 0;
        What what = What::Arrival;
        std::size_t subject = 0;   // message, server or event
        std::uint64_t detail = 0;  // generation of a server, instance of a name server

        bool operator>(const Scheduled& other) const {
            return time != other.time ? time > other.time : sequence > other.sequence;
        }
    };

    struct Message {
        double arrival = 0;
        std::size_t resolver = 0;
        double work = 0;  // seconds at full speed
        AnswerPointer answer;
        std::uint64_t answer_number = 0;  // answers issued before this one
        std::uint64_t tried = 0;          // bit set of servers
        int attempts = 0;                 // in this trial
        int deferrals = 0;
    };

    struct Server {
        double capacity = 0;
        std::size_t workers = 0;
        std::size_t session_max = 0;
        std::vector<std::size_t> in_service;
        std::deque<std::size_t> waiting;
        bool dead = false;
        bool lying = false;
        bool drained = false;
        double hang = 0;  // what an attempt at it costs while it is dead
        double speed = 1;
        double cold_since = -1;        // came back then; -1: warm
        std::uint64_t generation = 0;  // rises with each death: old completions are void
        // Counters since start.
        std::uint64_t start_id = 1;
        double busy = 0;        // worker seconds
        double busy_until = 0;  // `busy` is up to here
        std::uint64_t arrivals = 0;
        std::uint64_t refused = 0;
        std::uint64_t completed = 0;
        dns::probe::LoadCounters frozen;  // what a liar says
    };

    struct Cache {
        AnswerPointer answer;
        std::uint64_t number = 0;
        double expiry = 0;
    };

    void schedule(double time, What what, std::size_t subject, std::uint64_t detail = 0);
    void handle(const Scheduled& event);
    void fill_caches();
    void ask(std::size_t resolver);
    void on_arrival();
    void on_attempt(std::size_t message);
    void on_complete(std::size_t server, std::size_t message, std::uint64_t generation);
    void on_probe(std::size_t server, std::size_t instance);
    void begin(const Event& event);
    void end(const Event& event);
    void kill(std::size_t server, double hang);
    void revive(std::size_t server);
    void set_demand();
    void start_service(std::size_t server, std::size_t message);
    void fail(std::size_t message, double cost);
    void defer(std::size_t message);
    void note_capacities();
    void poll(std::size_t instance);
    void deliver_probe(std::size_t server, std::size_t instance, dns::probe::ProbeOutcome outcome);
    [[nodiscard]] std::size_t choose_server(const Message& message);
    [[nodiscard]] dns::probe::LoadCounters counters(std::size_t server);
    [[nodiscard]] double speed_now(const Server& server) const;
    void advance_busy(Server& server) const;
    [[nodiscard]] double stretch(std::size_t resolver) const;

    Scenario scenario_;
    Recorder recorder_;
    std::vector<NameServer> name_servers_;
    std::priority_queue<Scheduled, std::vector<Scheduled>, std::greater<>> events_;
    std::uint64_t sequence_ = 0;
    double now_ = 0;
    std::vector<Server> servers_;
    std::vector<Cache> caches_;
    std::vector<Message> messages_;
    std::vector<std::size_t> free_;
    std::vector<double> cumulative_;  // demand by resolver
    double rate_ = 0;
    std::uint64_t answers_ = 0;
    bool blind_ = false;
    std::vector<double> poll_at_;
    Rng arrivals_rng_;
    Rng service_rng_;
    Rng choice_rng_;
    Rng probe_rng_;
    Rng retry_rng_;
    Rng cache_rng_;
};

}  // namespace sim
