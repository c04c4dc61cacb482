#include "ops/command.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "base/file.h"
#include "ops/cluster_files.h"

namespace ops {

namespace {

constexpr const char* kOperatorRole = "roundtable_operator";
constexpr const char* kEnvironmentName = "ROUNDTABLE_DATABASE";

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\n';
}

}  // namespace

std::string Arguments::text(const std::string& name) const {
    return optional(name).value_or(std::string());
}

std::optional<std::string> Arguments::optional(const std::string& name) const {
    const auto found = values.find(name);
    if (found == values.end() || found->second.empty()) {
        return std::nullopt;
    }
    return found->second.front();
}

std::vector<std::string> Arguments::list(const std::string& name) const {
    const auto found = values.find(name);
    return found == values.end() ? std::vector<std::string>() : found->second;
}

base::Result<std::int64_t> Arguments::integer(const std::string& name,
                                              std::int64_t min,
                                              std::int64_t max,
                                              std::int64_t fallback) const {
    const auto value = optional(name);
    if (!value) {
        return fallback;
    }
    std::int64_t number = 0;
    const char* end = value->data() + value->size();
    const auto [stop, error] = std::from_chars(value->data(), end, number);
    if (error != std::errc() || stop != end || number < min || number > max) {
        return base::Error{base::Errc::Invalid,
                           name + " takes a whole number from " + std::to_string(min) + " to " +
                               std::to_string(max) + ", not '" + *value + "'"};
    }
    return number;
}

base::Result<double> Arguments::real(const std::string& name, double fallback) const {
    const auto value = optional(name);
    if (!value) {
        return fallback;
    }
    double number = 0;
    const char* end = value->data() + value->size();
    const auto [stop, error] = std::from_chars(value->data(), end, number);
    if (error != std::errc() || stop != end || !std::isfinite(number)) {
        return base::Error{base::Errc::Invalid, name + " takes a number, not '" + *value + "'"};
    }
    return number;
}

std::string conninfo_value(std::string_view conninfo, std::string_view key) {
    std::size_t at = 0;
    while (at < conninfo.size()) {
        while (at < conninfo.size() && is_space(conninfo[at])) {
            ++at;
        }
        const std::size_t equals = conninfo.find('=', at);
        if (equals == std::string_view::npos) {
            return {};
        }
        std::size_t end = equals + 1;
        while (end < conninfo.size() && !is_space(conninfo[end])) {
            ++end;
        }
        if (conninfo.substr(at, equals - at) == key) {
            return std::string(conninfo.substr(equals + 1, end - equals - 1));
        }
        at = end;
    }
    return {};
}

std::string conninfo_as(const std::string& conninfo, const std::string& user) {
    // libpq takes the last of two settings of one name; in a URI as a parameter.
    if (conninfo.starts_with("postgres://") || conninfo.starts_with("postgresql://")) {
        return conninfo + (conninfo.find('?') == std::string::npos ? "?user=" : "&user=") + user;
    }
    return conninfo + " user=" + user;
}

base::Result<std::string> CommandContext::conninfo() const {
    if (!database.empty()) {
        return database;
    }
    if (!directory.empty()) {
        const ClusterFiles files(directory);
        auto text = base::read_file(files.database_file(), 4096);
        if (!text) {
            return base::Error{base::Errc::Unavailable,
                               "no cluster was started in " + directory +
                                   " yet (`roundtable --dir " + directory + " up` does)"};
        }
        std::string line = std::move(text).take_value();
        line.erase(std::find(line.begin(), line.end(), '\n'), line.end());
        return conninfo_as(line, kOperatorRole);
    }
    const char* environment =
        std::getenv(kEnvironmentName);  // NOLINT(concurrency-mt-unsafe): one thread
    if (environment != nullptr && *environment != '\0') {
        return std::string(environment);
    }
    return base::Error{base::Errc::Invalid,
                       "where is the database? Give --dir DIR (the state directory of `roundtable "
                       "up`), --database CONNINFO, or set ROUNDTABLE_DATABASE"};
}

base::Result<base::Connection*> CommandContext::db() {
    if (!connection_) {
        const std::string target = TRY(conninfo());
        connection_ = TRY(base::Connection::open(target, "roundtable"));
    }
    return connection_.get();
}

int exit_code(const base::Error& error) noexcept {
    if (error.code == base::Errc::NotFound) {
        return 3;
    }
    if (error.code == base::Errc::Exists) {
        return 4;
    }
    return base::is_temporary(error.code) ? 5 : 1;
}

}  // namespace ops
