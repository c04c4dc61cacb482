#pragma once

// LayoutFollower: keeps a server's layout as the directory says: by LISTEN roundtable_directory,
// and by looking at directory.version now and then, because notices may be missed. Each new layout
// is also written to <state_dir>/layout, for the next start without a directory.
//
// Owner: agent or tracker. Thread rule: start_layout() blocks, before the loop runs; the rest on
// the loop's thread, age_ms() and is_from_cache() on any.

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/db.h"
#include "base/fiber.h"
#include "base/loop.h"
#include "base/result.h"
#include "base/worker_pool.h"
#include "storage/tracking/layout.h"

namespace storage {

/// Whose layout, and where it comes from.
struct LayoutSource {
    std::string database;
    ServerRole role = ServerRole::Mail;
    std::string server;
    std::string state_dir;
};

/// The layout that a server starts with.
struct StartLayout {
    Layout layout;
    bool from_cache = false;
};

/// The directory's, or, if that is away, the one in state_dir. Errors: NotFound (the directory has
/// no such server), Unavailable (neither), Refused and Invalid of the database.
[[nodiscard]] base::Result<StartLayout> start_layout(const LayoutSource& source,
                                                     base::Deadline deadline);

/// How often it looks, and how long it waits for the answer.
struct LayoutFollowerOptions {
    std::chrono::milliseconds poll{5'000};
    std::chrono::milliseconds read_deadline{10'000};
};

/// See the top of this file.
class LayoutFollower {
  public:
    LayoutFollower(base::Loop& loop,
                   base::DbPool& pool,
                   base::WorkerPool& workers,
                   LayoutSource source,
                   LayoutFollowerOptions options,
                   StartLayout start);
    ~LayoutFollower();
    LayoutFollower(const LayoutFollower&) = delete;
    LayoutFollower& operator=(const LayoutFollower&) = delete;

    /// Called with each layout that differs from the one before. Set before start().
    void set_on_change(std::function<void(const Layout&)> on_change);

    void start();
    void stop();

    [[nodiscard]] const Layout& layout() const noexcept { return layout_; }

    /// Since the directory last confirmed it; since the start if it has not.
    [[nodiscard]] std::int64_t age_ms() const noexcept;
    [[nodiscard]] bool is_from_cache() const noexcept;

  private:
    struct Shared;

    void follow();
    void look();
    void save(const Layout& layout);

    base::Loop& loop_;
    base::DbPool& pool_;
    base::WorkerPool& workers_;
    const LayoutSource source_;
    const LayoutFollowerOptions options_;
    Layout layout_;
    std::function<void(const Layout&)> on_change_;
    std::shared_ptr<Shared> shared_;
    std::unique_ptr<base::ChangeListener> listener_;
    base::FiberEvent wake_;
    std::atomic<std::int64_t> confirmed_ns_;
    std::atomic<bool> from_cache_;
    bool stopping_ = false;
};

}  // namespace storage
