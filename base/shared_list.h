#pragma once

// SharedList: a list of values whose copies share their elements. A copy costs a pointer for each
// element; an element is copied when somebody changes it through a list that is not const and
// others have it, too.
//
// Whoever only reads should read a const list (std::as_const): the non-const operator[], back() and
// iterators are for changing, and copy what is shared.
//
// Thread rule: as a vector's; lists on different threads may share elements.

#include <atomic>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace base {

/// See the top of this file. T: copyable, with ==.
template <typename T>
class SharedList {
    using Elements = std::vector<std::shared_ptr<T>>;

    template <bool is_const>
    class Iterator {
        using Place = std::
            conditional_t<is_const, typename Elements::const_iterator, typename Elements::iterator>;

      public:
        using iterator_category = std::random_access_iterator_tag;
        using value_type = T;
        using difference_type = std::ptrdiff_t;
        using reference = std::conditional_t<is_const, const T&, T&>;
        using pointer = std::conditional_t<is_const, const T*, T*>;

        Iterator() = default;

        explicit Iterator(Place place) : place_(place) {}

        reference operator*() const {
            if constexpr (!is_const) {
                detach(*place_);
            }
            return **place_;
        }

        pointer operator->() const { return &**this; }

        reference operator[](difference_type n) const { return *(*this + n); }

        Iterator& operator+=(difference_type n) {
            place_ += n;
            return *this;
        }

        Iterator& operator-=(difference_type n) { return *this += -n; }

        Iterator& operator++() { return *this += 1; }

        Iterator& operator--() { return *this -= 1; }

        Iterator operator++(int) { return std::exchange(*this, *this + 1); }

        Iterator operator--(int) { return std::exchange(*this, *this - 1); }

        friend Iterator operator+(Iterator it, difference_type n) { return it += n; }

        friend Iterator operator+(difference_type n, Iterator it) { return it += n; }

        friend Iterator operator-(Iterator it, difference_type n) { return it -= n; }

        friend difference_type operator-(const Iterator& a, const Iterator& b) {
            return a.place_ - b.place_;
        }

        auto operator<=>(const Iterator&) const = default;

        [[nodiscard]] Place place() const { return place_; }

      private:
        Place place_{};
    };

  public:
    using value_type = T;
    using iterator = Iterator<false>;
    using const_iterator = Iterator<true>;

    SharedList() = default;

    SharedList(std::initializer_list<T> values) {
        reserve(values.size());
        for (const T& value : values) {
            push_back(value);
        }
    }

    [[nodiscard]] std::size_t size() const noexcept { return elements_.size(); }

    [[nodiscard]] bool empty() const noexcept { return elements_.empty(); }

    void reserve(std::size_t size) { elements_.reserve(size); }

    void clear() noexcept { elements_.clear(); }

    void push_back(T value) { elements_.push_back(std::make_shared<T>(std::move(value))); }

    /// Shares the element with whoever has it.
    void push_back(std::shared_ptr<const T> element) {
        elements_.push_back(std::const_pointer_cast<T>(std::move(element)));
    }

    /// Shares the element with whoever has it.
    void set(std::size_t index, std::shared_ptr<const T> element) {
        elements_[index] = std::const_pointer_cast<T>(std::move(element));
    }

    void pop_back() { elements_.pop_back(); }

    void resize(std::size_t size) {
        while (elements_.size() < size) {
            push_back(T());
        }
        elements_.resize(size);
    }

    iterator insert(iterator at, T value) {
        return iterator(elements_.insert(at.place(), std::make_shared<T>(std::move(value))));
    }

    iterator erase(const_iterator at) { return iterator(elements_.erase(at.place())); }

    iterator erase(iterator at) { return iterator(elements_.erase(at.place())); }

    [[nodiscard]] const T& operator[](std::size_t index) const { return *elements_[index]; }

    [[nodiscard]] T& operator[](std::size_t index) { return detach(elements_[index]); }

    [[nodiscard]] const T& back() const { return *elements_.back(); }

    [[nodiscard]] T& back() { return detach(elements_.back()); }

    /// The element itself, to be shared.
    [[nodiscard]] std::shared_ptr<const T> share(std::size_t index) const {
        return elements_[index];
    }

    [[nodiscard]] const_iterator begin() const { return const_iterator(elements_.begin()); }

    [[nodiscard]] const_iterator end() const { return const_iterator(elements_.end()); }

    [[nodiscard]] iterator begin() { return iterator(elements_.begin()); }

    [[nodiscard]] iterator end() { return iterator(elements_.end()); }

    /// Of the values; those that are shared need no look.
    friend bool operator==(const SharedList& left, const SharedList& right) {
        if (left.size() != right.size()) {
            return false;
        }
        for (std::size_t i = 0; i < left.size(); ++i) {
            if (left.elements_[i] != right.elements_[i] && !(left[i] == right[i])) {
                return false;
            }
        }
        return true;
    }

  private:
    // Lists are the only owners, and each is on one thread: who is alone stays alone.
    static T& detach(std::shared_ptr<T>& element) {
        if (element.use_count() != 1) {
            element = std::make_shared<T>(*element);
        }
        // What the last other owner read was read before.
        std::atomic_thread_fence(std::memory_order_acquire);
        return *element;
    }

    Elements elements_;
};

}  // namespace base
