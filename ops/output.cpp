#include "ops/output.h"

#include <algorithm>
#include <cstdio>
#include <vector>

namespace ops {

namespace {

std::string printable(std::string_view text) {
    std::string out(text);
    std::replace_if(
        out.begin(),
        out.end(),
        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; },
        '?');
    return out;
}

// Display width of UTF-8: continuation octets take no place.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    }));
}

void print(std::string_view text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
}

std::string cell(const base::Row& row, int column) {
    return row.is_null(column) ? "-" : printable(row.text(column));
}

}  // namespace

std::string format_table(const base::Rows& rows) {
    const int columns = rows.column_count();
    std::vector<std::size_t> widths;
    std::vector<std::vector<std::string>> lines(1);
    for (int column = 0; column < columns; ++column) {
        lines[0].emplace_back(rows.column_name(column));
        widths.push_back(width(lines[0].back()));
    }
    for (const auto row : rows) {
        auto& line = lines.emplace_back();
        for (int column = 0; column < columns; ++column) {
            line.push_back(cell(row, column));
            auto& widest = widths[static_cast<std::size_t>(column)];
            widest = std::max(widest, width(line.back()));
        }
    }
    std::string out;
    for (const auto& line : lines) {
        for (std::size_t column = 0; column < line.size(); ++column) {
            out += line[column];
            if (column + 1 < line.size()) {
                out.append(widths[column] - width(line[column]) + 2, ' ');
            }
        }
        out += '\n';
    }
    return out;
}

base::Status print_rows(CommandContext& context,
                        const std::string& sql,
                        const base::Params& params,
                        std::string_view if_empty) {
    base::Connection* connection = TRY(context.db());
    if (context.output == Output::Json) {
        const base::Rows rows = TRY(connection->query(
            "SELECT coalesce(json_agg(t), '[]') FROM (" + sql + ") AS t", params));
        print(rows[0].string(0) + "\n");
        return base::Done{};
    }
    const base::Rows rows = TRY(connection->query(sql, params));
    if (rows.empty()) {
        print(std::string(if_empty) + "\n");
        return base::Done{};
    }
    print(format_table(rows));
    return base::Done{};
}

base::Status print_one(CommandContext& context,
                       const std::string& sql,
                       const base::Params& params,
                       const std::string& if_missing) {
    base::Connection* connection = TRY(context.db());
    const bool json = context.output == Output::Json;
    const base::Rows rows = TRY(
        connection->query(json ? "SELECT row_to_json(t) FROM (" + sql + ") AS t" : sql, params));
    if (rows.empty()) {
        return base::Error{base::Errc::NotFound, if_missing};
    }
    if (json) {
        print(rows[0].string(0) + "\n");
        return base::Done{};
    }
    std::size_t widest = 0;
    for (int column = 0; column < rows.column_count(); ++column) {
        widest = std::max(widest, rows.column_name(column).size());
    }
    for (int column = 0; column < rows.column_count(); ++column) {
        std::string name(rows.column_name(column));
        name += ':';
        name.append(widest + 2 - name.size(), ' ');
        print(name + cell(rows[0], column) + "\n");
    }
    return base::Done{};
}

void say(const CommandContext& context, std::string_view line) {
    if (context.output == Output::Text) {
        print(std::string(line) + "\n");
    }
}

}  // namespace ops
