#pragma once

// Scan: one message on its way through a virus scanner. The octets are scanned as they are stored,
// our trace fields included: by these clamd knows a message for one and looks into its parts.
//
// A message that grows beyond kEarlyBytes is fed to a clamd while it arrives, by a fiber of its
// own, which takes what is there whenever clamd takes more: whoever reads the message never waits
// for it. When the client pauses for kPauseMax, or half of ScanSettings::timeout is over since, the
// place at the clamd is given up, and the message is scanned from its front once it is whole; so is
// one that finds no place (Scanner::Use::Early). A shorter message is scanned when it is whole.
//
// When a clamd fails (gone, hung, in error, out of places) the next one gets the message from its
// front. A clamd that says nothing has an equal part of what is left of the time, so that there is
// some for the others. Nobody left, or no time: Unscanned.
//
// Owner: the fiber that receives the message. Borrows the scanner, and the message through
// `source`, until it dies. Thread rule: one loop; from fibers.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/loop.h"
#include "mta/scan/scanner.h"

namespace mta {

/// What is known about a message when its scan is over.
struct ScanVerdict {
    enum class Kind : std::uint8_t { Clean, Infected, Unscanned };

    Kind kind = Kind::Unscanned;
    std::string signature;  ///< of Infected, sanitised (clamd_reply.h)
    std::string scanner;    ///< who said so: "ClamAV 1.4.6/27000/..."; empty: nobody
    std::string reason;     ///< of Unscanned: the last thing that went wrong, for the log
};

/// "clean", "infected", "unscanned".
[[nodiscard]] std::string_view verdict_name(ScanVerdict::Kind kind) noexcept;

/// See the top of this file.
class Scan {
  public:
    static constexpr std::size_t kEarlyBytes = std::size_t{256} * 1024;
    static constexpr base::Duration kPauseMax = std::chrono::seconds(2);

    /// All of the message that is there. It only grows, may move, and is asked for by fibers of the
    /// loop. Shorter than before: the message is given up.
    using Source = std::function<std::string_view()>;

    /// `loop`: of the fiber that owns this.
    Scan(base::Loop& loop, Scanner& scanner, Source source);
    ~Scan();
    Scan(const Scan&) = delete;
    Scan& operator=(const Scan&) = delete;

    /// There is more. Never waits.
    void on_data();

    /// There is all of it: waits for the verdict, at most ScanSettings::timeout. Once.
    [[nodiscard]] ScanVerdict finish();

    /// What a message that is whole when it comes (ingest) needs: all of the above in one call.
    [[nodiscard]] static ScanVerdict whole(base::Loop& loop,
                                           Scanner& scanner,
                                           std::string_view message);

  private:
    struct Feed;

    base::Loop& loop_;
    std::shared_ptr<Feed> feed_;
    bool feeding_ = false;
};

}  // namespace mta
