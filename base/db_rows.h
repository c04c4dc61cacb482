#pragma once

// Rows: what comes back from a statement. Part of base/db.h, which callers include.
//
// Thread rule: immutable, any thread. A Row and every string_view borrow from their Rows.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/db_param.h"
#include "base/uuid.h"

namespace base {

namespace detail {
struct DbRows;
}  // namespace detail

/// One row, borrowed from its Rows. Columns count from 0. A null reads as 0, false or empty; ask
/// is_null where that matters. A column that does not hold what is asked for means that statement
/// and code disagree: the process ends with statement, column and value's type in the message.
class Row {
  public:
    [[nodiscard]] bool is_null(int column) const;
    /// As the server wrote it; valid as long as the Rows.
    [[nodiscard]] std::string_view text(int column) const;

    [[nodiscard]] std::string string(int column) const { return std::string(text(column)); }

    [[nodiscard]] std::int64_t int64(int column) const;
    [[nodiscard]] bool boolean(int column) const;
    [[nodiscard]] double real(int column) const;
    [[nodiscard]] Bytes bytes(int column) const;
    [[nodiscard]] Uuid uuid(int column) const;

    [[nodiscard]] std::optional<std::string> optional_string(int column) const;
    [[nodiscard]] std::optional<std::int64_t> optional_int64(int column) const;

    /// One-dimensional arrays; null elements read as 0 or empty.
    [[nodiscard]] std::vector<std::int64_t> int64_array(int column) const;
    [[nodiscard]] std::vector<std::string> string_array(int column) const;

  private:
    friend class Rows;

    Row(const detail::DbRows* result, int index) noexcept : result_(result), index_(index) {}

    const detail::DbRows* result_;
    int index_;
};

/// What a statement returned. A cheap handle to an immutable result; any thread.
class Rows {
  public:
    Rows() noexcept = default;

    explicit Rows(std::shared_ptr<const detail::DbRows> result) noexcept
        : result_(std::move(result)) {}

    [[nodiscard]] std::size_t size() const noexcept;

    [[nodiscard]] bool empty() const noexcept { return size() == 0; }

    [[nodiscard]] Row operator[](std::size_t index) const;
    /// Rows that INSERT, UPDATE or DELETE changed.
    [[nodiscard]] std::size_t affected() const noexcept;

    [[nodiscard]] int column_count() const noexcept;
    /// Valid as long as the Rows.
    [[nodiscard]] std::string_view column_name(int column) const;
    /// The number of a column; ends the process if there is none.
    [[nodiscard]] int column(const char* name) const;

    class Iterator {
      public:
        Iterator(const Rows* rows, std::size_t index) noexcept : rows_(rows), index_(index) {}

        Row operator*() const { return (*rows_)[index_]; }

        Iterator& operator++() noexcept {
            ++index_;
            return *this;
        }

        bool operator!=(const Iterator& other) const noexcept { return index_ != other.index_; }

      private:
        const Rows* rows_;
        std::size_t index_;
    };

    [[nodiscard]] Iterator begin() const noexcept { return {this, 0}; }

    [[nodiscard]] Iterator end() const noexcept { return {this, size()}; }

  private:
    std::shared_ptr<const detail::DbRows> result_;
};

}  // namespace base
