#pragma once

// FaxSweeper: hands in every fax of a receive queue that the hook did not. HylaFAX calls its hook
// once and ignores how it ends; the file in recvq/ and the RECV line in xferfaxlog are what is
// left.
//
// It remembers in its state file which files are dealt with, so that a pass over a full queue reads
// only what is new; the file may be lost or old: the cluster answers `again` for what it has. What
// was refused is tried again a day later. Killed at any point, it goes on with what is there.
//
// A file is left alone while it is locked or changes, and, as long as no RECV line names it, until
// it has not been written to for kSettle.
//
// State file: a line each, "NAME SIZE MODIFIED_NS done|refused TRIED_S". Written atomically.
// Thread rule: one thread; blocks.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/result.h"
#include "mta/fax/fax_intake.h"
#include "mta/fax/recv_queue.h"

namespace mta {

/// See the top of this file.
class FaxSweeper {
  public:
    static constexpr std::int64_t kSettleSeconds = 600;
    static constexpr std::int64_t kRefusedSeconds = 86'400;

    struct Parts {
        /// False: no mail server takes messages. Then a pass reads no file: all are for later.
        std::function<bool()> is_open;
        std::function<base::Result<FaxIntake::Outcome>(FaxCall call, const std::string& path)>
            hand_in;
        /// One line for people about one fax.
        std::function<void(const std::string& text)> say;
        std::function<std::int64_t()> wall_seconds;
    };

    /// What a pass found.
    struct Counts {
        std::size_t handed_in = 0;
        std::size_t known = 0;    ///< the cluster had them: the hook was first
        std::size_t waiting = 0;  ///< still being received
        std::size_t later = 0;    ///< to be tried again
        std::size_t refused = 0;
    };

    FaxSweeper(std::string spool, std::string state_file, Parts parts);

    /// Reads the state file; a missing or malformed one is as good as empty.
    void load();

    /// Errors: those of the receive queue and of writing the state; one fax's error is counted.
    [[nodiscard]] base::Result<Counts> pass();

  private:
    struct Entry {
        std::uint64_t size = 0;
        std::int64_t modified_ns = 0;
        bool refused = false;
        std::int64_t tried_s = 0;
    };

    [[nodiscard]] bool is_dealt_with(const RecvQueueFile& file) const;
    void sweep_file(const RecvQueueFile& file, const XferfaxlogRecord* record, Counts& counts);
    [[nodiscard]] base::Status save() const;

    std::string spool_;
    std::string state_file_;
    Parts parts_;
    std::map<std::string, Entry> entries_;
    bool changed_ = false;
    std::size_t left_out_ = 0;
};

}  // namespace mta
