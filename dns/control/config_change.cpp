#include "dns/control/config_change.h"

#include <algorithm>

namespace dns {
namespace {

template <typename T>
bool same_list(const std::vector<T>& left, const std::vector<T>& right) {
    return std::ranges::equal(
        left, right, [](const T& a, const T& b) { return a.to_text() == b.to_text(); });
}

bool same_secrets(const std::vector<SipKey>& left, const std::vector<SipKey>& right) {
    return std::ranges::equal(
        left, right, [](const SipKey& a, const SipKey& b) { return a.k0 == b.k0 && a.k1 == b.k1; });
}

bool same_rates(const AnswerPolicy& left, const AnswerPolicy& right) {
    const RateLimits& a = left.rate_limits;
    const RateLimits& b = right.rate_limits;
    return a.answers_per_second == b.answers_per_second &&
           a.errors_per_second == b.errors_per_second && a.window == b.window &&
           a.ipv4_prefix == b.ipv4_prefix && a.ipv6_prefix == b.ipv6_prefix &&
           a.entries == b.entries && left.slip == right.slip &&
           same_list(left.exempt, right.exempt);
}

bool same_tcp(const TcpServer::Options& a, const TcpServer::Options& b) {
    return a.connections_max == b.connections_max &&
           a.connections_per_client_max == b.connections_per_client_max && a.idle == b.idle &&
           a.slow == b.slow && a.taken_max == b.taken_max;
}

bool same_transfers(const NameServerConfig& a, const NameServerConfig& b) {
    return a.transfers.total_max == b.transfers.total_max &&
           a.transfers.per_client_max == b.transfers.per_client_max &&
           a.transfers.wait == b.transfers.wait && a.notify_per_second == b.notify_per_second;
}

bool same_identity(const explain::ChaosPolicy& a, const explain::ChaosPolicy& b) {
    return a.version == b.version && a.hostname == b.hostname && a.id == b.id;
}

// The keys whose values differ.
class Differences {
  public:
    void note(const char* key, bool same) {
        if (!same) {
            keys_.emplace_back(key);
        }
    }

    [[nodiscard]] const std::vector<std::string>& keys() const { return keys_; }

  private:
    std::vector<std::string> keys_;
};

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) {
        text += (text.empty() ? "" : ", ") + word;
    }
    return text;
}

std::string text_of(const std::optional<base::Endpoint>& endpoint) {
    return endpoint ? endpoint->to_text() : "";
}

}  // namespace

base::Result<std::vector<std::string>> config_changes(const NameServerConfig& now,
                                                      const NameServerConfig& next) {
    Differences fixed;
    fixed.note("name", now.name == next.name);
    fixed.note("database", now.database == next.database);
    fixed.note("state_dir", now.state_dir == next.state_dir);
    fixed.note("internal_listen", same_list(now.internal_listen, next.internal_listen));
    fixed.note("admin_listen", text_of(now.admin_listen) == text_of(next.admin_listen));
    fixed.note("parent_resolvers", same_list(now.parent_resolvers, next.parent_resolvers));
    fixed.note("threads", now.threads == next.threads);
    fixed.note("build_threads", now.build_threads == next.build_threads);
    fixed.note("internal_keys", now.internal_keys == next.internal_keys);
    fixed.note("explain_socket", now.explain_socket == next.explain_socket);
    fixed.note("admin_acl", same_list(now.answers.chaos.admins, next.answers.chaos.admins));
    fixed.note("chaos", same_identity(now.answers.chaos, next.answers.chaos));
    fixed.note("powerdns_socket", now.powerdns == next.powerdns);
    fixed.note("udp_receive_buffer", now.udp_receive_buffer == next.udp_receive_buffer);
    if (!fixed.keys().empty()) {
        return base::Error{base::Errc::Refused,
                           "needs a restart, and nothing was changed: " + joined(fixed.keys())};
    }
    Differences open;
    open.note("listen", same_list(now.listen, next.listen));
    open.note("internal_acl", same_list(now.internal_acl, next.internal_acl));
    open.note("nsid", now.answers.nsid == next.answers.nsid);
    open.note("tcp", same_tcp(now.tcp, next.tcp));
    open.note("transfers", same_transfers(now, next));
    open.note("cookies",
              now.answers.cookies == next.answers.cookies &&
                  now.cookie_secrets_file == next.cookie_secrets_file &&
                  same_secrets(now.answers.cookie_secrets, next.answers.cookie_secrets));
    open.note("compact_denial", now.answers.denials == next.answers.denials);
    open.note("rate_limit", same_rates(now.answers, next.answers));
    return open.keys();
}

base::Result<NameServerConfig> load_name_server_config(const base::Config& file) {
    NameServerConfig config = read_name_server_config(file.root());
    TRY(file.finish());
    if (!config.cookie_secrets_file.empty()) {
        config.answers.cookie_secrets = TRY(load_cookie_secrets(config.cookie_secrets_file));
    }
    return config;
}

}  // namespace dns
