#pragma once

// What the files behind base/db.h share. No pqxx here.

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/db.h"
#include "base/result.h"

namespace base::detail {

// A result, flattened once: each cell a view into memory that `owner` keeps alive. A null has no
// data pointer.
struct DbRows {
    std::shared_ptr<const void> owner;
    std::string statement;  // for messages
    std::vector<std::string> columns;
    std::vector<std::string_view> cells;  // row by row
    std::size_t affected = 0;
};

// Text form of each parameter as the server takes it; null pointers are SQL nulls.
class EncodedParams {
  public:
    // Errc::Invalid: too many, a text with NUL, or an impossible number.
    [[nodiscard]] static Result<EncodedParams> create(const Params& params);

    [[nodiscard]] const std::vector<const char*>& pointers() const noexcept { return pointers_; }

  private:
    std::vector<std::string> texts_;
    std::vector<const char*> pointers_;
};

// Elements of a one-dimensional array as the server writes it ("{1,NULL,\"a b\"}"). A null is
// `nullopt`. Errc::Corrupt.
[[nodiscard]] Result<std::vector<Param::OptionalText>> parse_array(std::string_view text);

// Cuts connections whose server does not even keep its own time-outs: a thread of its own, shared
// by all connections of the process.
class DbWatch {
  public:
    DbWatch();
    ~DbWatch();
    DbWatch(const DbWatch&) = delete;
    DbWatch& operator=(const DbWatch&) = delete;

    // The connection's socket, -1 for none; set before it is used and cleared before it is closed.
    void set_socket(int fd);

    // A statement runs; cut at that time.
    void begin(Instant cut_at) noexcept { cut_at_.store(cut_at.time_since_epoch().count()); }

    void end() noexcept { cut_at_.store(0); }

    // No statement runs past that time, whatever it was begun with. Any thread.
    void end_by(Instant last_at) noexcept { last_at_.store(last_at.time_since_epoch().count()); }

  private:
    friend class DbWatchdog;

    std::atomic<std::int64_t> cut_at_{0};  // 0: nothing runs
    std::atomic<std::int64_t> last_at_{std::numeric_limits<std::int64_t>::max()};
    int socket_ = -1;  // guarded by the watchdog's mutex
};

}  // namespace base::detail
