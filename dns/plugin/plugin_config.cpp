#include "dns/plugin/plugin_config.h"

#include <array>
#include <cerrno>
#include <charconv>

#include <grp.h>
#include <pwd.h>

namespace dns::plugin {
namespace {

constexpr unsigned kModes = 0666;      // all that a socket's mode may say
constexpr unsigned kOwnerMode = 0600;  // what it must say

// Users and groups are looked up in a buffer of ours; an entry of a large group needs it.
using Buffer = std::array<char, 65536>;

base::Error unknown(std::string_view what, const std::string& name) {
    return {base::Errc::NotFound,
            "powerdns_socket: there is no " + std::string(what) + " \"" + name + "\""};
}

}  // namespace

PluginConfig read_plugin_config(const base::ConfigSection& root) {
    PluginConfig config;
    if (!root.has("powerdns_socket")) {
        return config;
    }
    const base::ConfigSection section = root.section("powerdns_socket");
    config.path = section.text("path");
    const std::string mode = section.text("mode", "0660");
    unsigned bits = 0;
    const char* const end = mode.data() + mode.size();
    const auto [at, error] = std::from_chars(mode.data(), end, bits, 8);
    if (error != std::errc() || at != end || (bits & ~kModes) != 0 ||
        (bits & kOwnerMode) != kOwnerMode) {
        section.problem("mode", R"(must be octal digits from "0600" to "0666")");
    } else {
        config.mode = bits;
    }
    config.owner = section.text("owner", "");
    config.group = section.text("group", "");
    config.connections = static_cast<std::size_t>(
        section.integer("connections", 1, std::int64_t{kPluginConnectionsMax}, 256));
    config.keys = section.boolean("give_keys", false) ? KeyUse::Given : KeyUse::None;
    if (config.keys == KeyUse::Given && (config.mode & 06) != 0) {
        section.problem("mode", "must keep others out where give_keys hands out private keys");
    }
    return config;
}

base::Result<SocketOwner> find_owner(const PluginConfig& config) {
    SocketOwner owner;
    const auto buffer = std::make_unique<Buffer>();
    if (!config.owner.empty()) {
        passwd entry{};
        passwd* found = nullptr;
        const int failed =
            ::getpwnam_r(config.owner.c_str(), &entry, buffer->data(), buffer->size(), &found);
        if (failed != 0) {
            return base::errno_error("look up user " + config.owner, failed);
        }
        if (found == nullptr) {
            return unknown("user", config.owner);
        }
        owner.user = entry.pw_uid;
    }
    if (!config.group.empty()) {
        group entry{};
        group* found = nullptr;
        const int failed =
            ::getgrnam_r(config.group.c_str(), &entry, buffer->data(), buffer->size(), &found);
        if (failed != 0) {
            return base::errno_error("look up group " + config.group, failed);
        }
        if (found == nullptr) {
            return unknown("group", config.group);
        }
        owner.group = entry.gr_gid;
    }
    return owner;
}

}  // namespace dns::plugin
