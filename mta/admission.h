#pragma once

// Admission: how many SMTP sessions there are, in all and from one source, and whether there is
// room for one more. A source is an IPv4 address or an IPv6 /64, which is what one customer has.
//
// Thread rule: any thread. Owner: the mail agent; tickets must not outlive it.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <variant>
#include <vector>

#include "base/endpoint.h"
#include "base/guarded.h"

namespace mta {

struct AdmissionLimits {
    std::size_t sessions_max = 500;
    std::size_t sessions_per_source_max = 50;
    std::vector<base::Network> unlimited_sources;  ///< held to sessions_max alone
};

/// Counts the sessions and says yes or no to one more; never waits.
class Admission {
  public:
    enum class Denied : std::uint8_t { Overload, SourceLimit };

    /// One session's place; gives it back when destroyed.
    class Ticket {
      public:
        ~Ticket() { release(); }

        Ticket(Ticket&& other) noexcept
            : admission_(std::exchange(other.admission_, nullptr)),
              source_(other.source_),
              counted_(other.counted_) {}

        Ticket& operator=(Ticket&& other) noexcept {
            if (this != &other) {
                release();
                admission_ = std::exchange(other.admission_, nullptr);
                source_ = other.source_;
                counted_ = other.counted_;
            }
            return *this;
        }

        Ticket(const Ticket&) = delete;
        Ticket& operator=(const Ticket&) = delete;

      private:
        friend class Admission;

        Ticket(Admission& admission, const base::Network& source, bool counted) noexcept
            : admission_(&admission), source_(source), counted_(counted) {}

        void release() noexcept;

        Admission* admission_;
        base::Network source_;
        bool counted_;  ///< the source is counted
    };

    explicit Admission(AdmissionLimits limits);

    [[nodiscard]] std::variant<Ticket, Denied> enter(const base::IpAddress& peer);

    [[nodiscard]] std::size_t sessions() const { return sessions_.load(); }

    [[nodiscard]] std::size_t sessions_max() const { return limits_.sessions_max; }

  private:
    // At most sessions_max keys: a source without session has none.
    using Sources = std::map<base::Network, std::size_t>;

    [[nodiscard]] bool is_unlimited(const base::IpAddress& peer) const;
    [[nodiscard]] bool enter_source(const base::Network& source);
    void leave(const base::Network& source, bool counted) noexcept;

    AdmissionLimits limits_;
    std::atomic<std::size_t> sessions_{0};
    // Shared by the session loops.
    base::Guarded<Sources> sources_;
};

}  // namespace mta
