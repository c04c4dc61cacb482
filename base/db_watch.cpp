#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include <sys/socket.h>

#include "base/db_detail.h"
#include "base/log.h"

namespace base::detail {

namespace {

constexpr std::chrono::milliseconds kScanPeriod{500};

}  // namespace

// Sleeps while there is no connection. Scanning, and not one timer for each statement, because a
// statement must cost no lock.
class DbWatchdog {
  public:
    [[nodiscard]] static DbWatchdog& instance() {
        static DbWatchdog watchdog;
        return watchdog;
    }

    ~DbWatchdog() {
        {
            const std::lock_guard lock(mutex_);
            ending_ = true;
        }
        changed_.notify_all();
        thread_.join();
    }

    DbWatchdog(const DbWatchdog&) = delete;
    DbWatchdog& operator=(const DbWatchdog&) = delete;

    void add(DbWatch& watch) {
        const std::lock_guard lock(mutex_);
        watches_.insert(&watch);
        changed_.notify_all();
    }

    void remove(DbWatch& watch) {
        const std::lock_guard lock(mutex_);
        watches_.erase(&watch);
    }

    void set_socket(DbWatch& watch, int fd) {
        const std::lock_guard lock(mutex_);
        watch.socket_ = fd;
    }

  private:
    DbWatchdog() : thread_([this] { run(); }) {}

    void run() noexcept {
        std::unique_lock lock(mutex_);
        while (!ending_) {
            if (watches_.empty()) {
                changed_.wait(lock);
                continue;
            }
            scan();
            changed_.wait_for(lock, kScanPeriod);
        }
    }

    void scan() {
        const std::int64_t now = monotonic_now().time_since_epoch().count();
        for (DbWatch* watch : watches_) {
            const std::int64_t cut_at = watch->cut_at_.load();
            if (cut_at != 0 && now >= std::min(cut_at, watch->last_at_.load()) &&
                watch->socket_ >= 0) {
                // The library, waiting in poll(), reads end of file and reports a lost connection.
                (void)::shutdown(watch->socket_, SHUT_RDWR);
                watch->end();
                log::warning("base", "db-connection-cut", {{"reason", "server does not answer"}});
            }
        }
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::set<DbWatch*> watches_;
    bool ending_ = false;
    std::thread thread_;  // last: it uses the others
};

DbWatch::DbWatch() {
    DbWatchdog::instance().add(*this);
}

DbWatch::~DbWatch() {
    DbWatchdog::instance().remove(*this);
}

void DbWatch::set_socket(int fd) {
    DbWatchdog::instance().set_socket(*this, fd);
}

}  // namespace base::detail
