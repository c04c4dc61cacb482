#include <array>
#include <charconv>
#include <string>

#include "base/check.h"
#include "base/db_detail.h"

namespace base {

namespace {

[[noreturn]] void mismatch(const detail::DbRows& rows, int column, const char* wanted) noexcept {
    const std::string text =
        "statement " + rows.statement + ", column " + std::to_string(column) + " is no " + wanted;
    check_failed(__FILE__, __LINE__, text.c_str());
}

std::string_view cell(const detail::DbRows& rows, int row, int column) noexcept {
    if (column < 0 || static_cast<std::size_t>(column) >= rows.columns.size()) {
        mismatch(rows, column, "column of the result");
    }
    return rows.cells[static_cast<std::size_t>(row) * rows.columns.size() +
                      static_cast<std::size_t>(column)];
}

template <typename T>
bool parse_number(std::string_view text, T& value) noexcept {
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    return error == std::errc() && stop == end;
}

int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// bytea_output = hex, the only form since PostgreSQL 9.0 unless someone asks for the old one.
bool parse_bytea(std::string_view text, Bytes& out) {
    if (!text.starts_with("\\x") || text.size() % 2 != 0) {
        return false;
    }
    out.reserve(text.size() / 2 - 1);
    for (std::size_t i = 2; i < text.size(); i += 2) {
        const int high = hex_digit(text[i]);
        const int low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        out.push_back(static_cast<std::byte>(high * 16 + low));
    }
    return true;
}

std::vector<Param::OptionalText> elements_of(const detail::DbRows& rows,
                                             std::string_view text,
                                             int column) {
    if (text.data() == nullptr) {
        return {};
    }
    auto parsed = detail::parse_array(text);
    if (!parsed) {
        mismatch(rows, column, "array");
    }
    return std::move(parsed).take_value();
}

}  // namespace

bool Row::is_null(int column) const {
    return cell(*result_, index_, column).data() == nullptr;
}

std::string_view Row::text(int column) const {
    return cell(*result_, index_, column);
}

std::int64_t Row::int64(int column) const {
    const std::string_view value = cell(*result_, index_, column);
    std::int64_t number = 0;
    if (value.data() != nullptr && !parse_number(value, number)) {
        mismatch(*result_, column, "integer");
    }
    return number;
}

bool Row::boolean(int column) const {
    const std::string_view value = cell(*result_, index_, column);
    if (value.data() != nullptr && value != "t" && value != "f") {
        mismatch(*result_, column, "boolean");
    }
    return value == "t";
}

double Row::real(int column) const {
    const std::string_view value = cell(*result_, index_, column);
    double number = 0;
    if (value.data() != nullptr && !parse_number(value, number)) {
        mismatch(*result_, column, "number");
    }
    return number;
}

Bytes Row::bytes(int column) const {
    const std::string_view value = cell(*result_, index_, column);
    Bytes out;
    if (value.data() != nullptr && !parse_bytea(value, out)) {
        mismatch(*result_, column, "bytea");
    }
    return out;
}

Uuid Row::uuid(int column) const {
    const std::string_view value = cell(*result_, index_, column);
    if (value.data() == nullptr) {
        return {};
    }
    auto parsed = Uuid::parse(value);
    if (!parsed) {
        mismatch(*result_, column, "uuid");
    }
    return parsed.value();
}

std::optional<std::string> Row::optional_string(int column) const {
    if (is_null(column)) {
        return std::nullopt;
    }
    return string(column);
}

std::optional<std::int64_t> Row::optional_int64(int column) const {
    if (is_null(column)) {
        return std::nullopt;
    }
    return int64(column);
}

std::vector<std::int64_t> Row::int64_array(int column) const {
    std::vector<std::int64_t> numbers;
    for (const Param::OptionalText& element : elements_of(*result_, text(column), column)) {
        std::int64_t number = 0;
        if (element && !parse_number(*element, number)) {
            mismatch(*result_, column, "array of integers");
        }
        numbers.push_back(number);
    }
    return numbers;
}

std::vector<std::string> Row::string_array(int column) const {
    std::vector<std::string> strings;
    for (Param::OptionalText& element : elements_of(*result_, text(column), column)) {
        strings.push_back(element ? std::move(*element) : std::string());
    }
    return strings;
}

std::size_t Rows::size() const noexcept {
    return result_ && !result_->columns.empty() ? result_->cells.size() / result_->columns.size()
                                                : 0;
}

Row Rows::operator[](std::size_t index) const {
    CHECK(index < size());
    return {result_.get(), static_cast<int>(index)};
}

std::size_t Rows::affected() const noexcept {
    return result_ ? result_->affected : 0;
}

int Rows::column_count() const noexcept {
    return result_ ? static_cast<int>(result_->columns.size()) : 0;
}

std::string_view Rows::column_name(int column) const {
    CHECK(column >= 0 && column < column_count());
    return result_->columns[static_cast<std::size_t>(column)];
}

int Rows::column(const char* name) const {
    for (int i = 0; i < column_count(); ++i) {
        if (column_name(i) == name) {
            return i;
        }
    }
    const std::string text = "result has no column " + std::string(name);
    check_failed(__FILE__, __LINE__, text.c_str());
}

}  // namespace base
