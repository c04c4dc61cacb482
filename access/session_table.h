#pragma once

// SessionTable: which sessions there are, who may open one more, and what that says of our load
// (base/load_report.h): utilisation is sessions / limit, integrated over time, so that a name
// server that asks seldom still sees all of it.
//
// Owner: the daemon; outlives its slots. Thread rule: any thread (sessions end on their own loops).

#include <cstdint>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/endpoint.h"
#include "base/guarded.h"
#include "base/load_report.h"

namespace accessd {

/// Who limits are counted against: an IPv4 address, or the /64 that one IPv6 site has at least.
[[nodiscard]] std::string source_key(const base::IpAddress& source);

class SessionTable {
  public:
    /// `start_id`: of this process, another at each start.
    SessionTable(std::size_t sessions_max,
                 std::size_t per_source_max,
                 std::uint64_t start_id,
                 base::Instant now);

    /// The right to a session; given back when destroyed.
    class Slot {
      public:
        Slot() noexcept = default;

        ~Slot() { release(); }

        Slot(Slot&& other) noexcept;
        Slot& operator=(Slot&& other) noexcept;
        Slot(const Slot&) = delete;
        Slot& operator=(const Slot&) = delete;

        explicit operator bool() const noexcept { return table_ != nullptr; }

      private:
        friend class SessionTable;

        Slot(SessionTable* table, std::string source) noexcept
            : table_(table), source_(std::move(source)) {}

        void release() noexcept;

        SessionTable* table_ = nullptr;
        std::string source_;
    };

    /// Empty: too many, here or from this source. Counts as refused.
    [[nodiscard]] Slot admit(const base::IpAddress& source, base::Instant now);

    /// Whether clients should be sent here, and one word why not.
    void set_fit(bool fit, std::string reason);

    [[nodiscard]] base::LoadReport report(base::Instant now) const;
    [[nodiscard]] std::size_t sessions() const;

  private:
    struct State {
        std::unordered_map<std::string, std::size_t> by_source;
        std::size_t sessions = 0;
        base::Instant since;
        double busy_us = 0;
        std::uint64_t arrivals = 0;
        std::uint64_t refused = 0;
        std::uint64_t accepted = 0;
        bool fit = false;
        std::string reason = "starting";
    };

    void leave(const std::string& source) noexcept;
    [[nodiscard]] double busy_until(const State& state, base::Instant now) const;

    std::size_t sessions_max_;
    std::size_t per_source_max_;
    std::uint64_t start_id_;
    // Shared by the acceptor, the loops where sessions end, and whoever asks for the report.
    base::Guarded<State> state_;
};

}  // namespace accessd
