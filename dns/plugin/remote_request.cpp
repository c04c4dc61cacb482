#include "dns/plugin/remote_request.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <nlohmann/json.hpp>

namespace dns::plugin {

// What the parser calls as it reads: no tree is built. Each function says whether to go on.
class RequestReader final : public nlohmann::json_sax<nlohmann::json> {
  public:
    explicit RequestReader(RemoteRequest& request) : request_(request) {}

    [[nodiscard]] bool has_method() const noexcept { return has_method_; }

    bool null() override { return depth_ != 0; }

    bool boolean(bool value) override { return keep_number(value ? 1 : 0); }

    bool number_integer(number_integer_t value) override { return keep_number(value); }

    bool number_unsigned(number_unsigned_t value) override {
        return value > INT64_MAX ? depth_ != 0 : keep_number(static_cast<std::int64_t>(value));
    }

    // Serials may come as fractions: the other side keeps every number as one.
    bool number_float(number_float_t value, const string_t& /*text*/) override {
        constexpr double kExact = 9007199254740992.0;  // 2^53
        if (std::trunc(value) == value && std::abs(value) <= kExact) {
            return keep_number(static_cast<std::int64_t>(value));
        }
        return depth_ != 0;
    }

    bool string(string_t& value) override {
        if (depth_ == 1 && key_ == "method") {
            request_.method_ = std::move(value);
            has_method_ = true;
        } else if (in_parameters()) {
            if (!has_room()) {
                return false;
            }
            request_.texts_.emplace_back(key_, std::move(value));
        }
        return depth_ != 0;
    }

    bool binary(binary_t& /*value*/) override { return false; }

    bool start_object(std::size_t /*size*/) override {
        if (depth_ == 1 && key_ == "parameters") {
            parameters_ = true;
        }
        return ++depth_ <= kRemoteDepthMax;
    }

    bool key(string_t& value) override {
        if (depth_ <= 2) {
            key_ = std::move(value);
        }
        return true;
    }

    bool end_object() override {
        if (--depth_ == 1) {
            parameters_ = false;
        }
        return true;
    }

    bool start_array(std::size_t /*size*/) override {
        ++arrays_;
        return ++depth_ <= kRemoteDepthMax && depth_ > 1;
    }

    bool end_array() override {
        --arrays_;
        --depth_;
        return true;
    }

    bool parse_error(std::size_t /*at*/,
                     const std::string& /*token*/,
                     const nlohmann::json::exception& /*error*/) override {
        return false;
    }

  private:
    [[nodiscard]] bool in_parameters() const noexcept {
        return parameters_ && depth_ == 2 && arrays_ == 0;
    }

    [[nodiscard]] bool has_room() const noexcept {
        return request_.texts_.size() + request_.numbers_.size() < kRemoteParametersMax;
    }

    bool keep_number(std::int64_t value) {
        if (in_parameters()) {
            if (!has_room()) {
                return false;
            }
            request_.numbers_.emplace_back(key_, value);
        }
        return depth_ != 0;
    }

    RemoteRequest& request_;
    std::string key_;  // the latest of the two upper levels
    std::size_t depth_ = 0;
    std::size_t arrays_ = 0;
    bool parameters_ = false;
    bool has_method_ = false;
};

base::Result<RemoteRequest> RemoteRequest::parse(std::string_view line) {
    RemoteRequest request;
    RequestReader reader(request);
    if (!nlohmann::json::sax_parse(line, &reader) || !reader.has_method()) {
        return base::Error{base::Errc::Invalid, "no call of the remote backend"};
    }
    return request;
}

std::optional<std::string_view> RemoteRequest::text(std::string_view name) const noexcept {
    const auto found =
        std::ranges::find_if(texts_, [name](const auto& each) { return each.first == name; });
    if (found == texts_.end()) {
        return std::nullopt;
    }
    return found->second;
}

std::optional<std::int64_t> RemoteRequest::number(std::string_view name) const noexcept {
    const auto found =
        std::ranges::find_if(numbers_, [name](const auto& each) { return each.first == name; });
    if (found != numbers_.end()) {
        return found->second;
    }
    const auto written = text(name);
    std::int64_t value = 0;
    if (written && !written->empty()) {
        const char* const end = written->data() + written->size();
        const auto [at, error] = std::from_chars(written->data(), end, value);
        if (error == std::errc() && at == end) {
            return value;
        }
    }
    return std::nullopt;
}

}  // namespace dns::plugin
