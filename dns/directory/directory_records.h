#pragma once

// DirectoryRecords: the records of a domain as operators wrote them, in one block of octets: of a
// hundred thousand domains all are kept, and few are ever read again.
//
// Records come out as views, which hold until the list changes. The place of a record is found by
// walking from the first.
//
// Thread rule: a value.

#include <compare>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dns {

/// A record as an operator wrote it.
struct DirectoryRecord {
    std::string owner;  ///< relative to the domain, or "@"
    std::string type;
    std::optional<std::uint32_t> ttl;
    std::string data;

    bool operator==(const DirectoryRecord&) const = default;
};

/// The same, borrowed from a list.
struct DirectoryRecordView {
    std::string_view owner;
    std::string_view type;
    std::optional<std::uint32_t> ttl;
    std::string_view data;

    [[nodiscard]] DirectoryRecord copy() const {
        return {std::string(owner), std::string(type), ttl, std::string(data)};
    }
};

/// See the top of this file.
class DirectoryRecords {
  public:
    class Iterator {
      public:
        using iterator_concept = std::forward_iterator_tag;
        using iterator_category = std::input_iterator_tag;
        using value_type = DirectoryRecordView;
        using difference_type = std::ptrdiff_t;
        using reference = DirectoryRecordView;
        using pointer = void;

        Iterator() = default;

        [[nodiscard]] DirectoryRecordView operator*() const;

        Iterator& operator++();

        Iterator operator++(int) {
            Iterator before = *this;
            ++*this;
            return before;
        }

        bool operator==(const Iterator&) const = default;

      private:
        friend class DirectoryRecords;

        explicit Iterator(const char* at) : at_(at) {}

        const char* at_ = nullptr;
    };

    using value_type = DirectoryRecord;
    using const_iterator = Iterator;
    using iterator = Iterator;

    DirectoryRecords() = default;
    DirectoryRecords(std::initializer_list<DirectoryRecord> records);
    // NOLINTNEXTLINE(google-explicit-constructor): the same records
    DirectoryRecords(const std::vector<DirectoryRecord>& records);

    void push_back(const DirectoryRecord& record);

    void clear() noexcept;

    /// No room is kept for records to come.
    void shrink_to_fit() { octets_.shrink_to_fit(); }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

    [[nodiscard]] Iterator begin() const noexcept { return Iterator(octets_.data()); }

    [[nodiscard]] Iterator end() const noexcept {
        return Iterator(octets_.data() + octets_.size());
    }

    /// `index` < size().
    [[nodiscard]] DirectoryRecordView operator[](std::size_t index) const;

    /// Of a list that is not empty.
    [[nodiscard]] DirectoryRecordView back() const { return (*this)[size_ - 1]; }

    [[nodiscard]] std::vector<DirectoryRecord> copy() const;

    bool operator==(const DirectoryRecords&) const = default;

  private:
    std::string octets_;  // of each record: Head, owner, type, data
    std::uint32_t size_ = 0;
};

}  // namespace dns
