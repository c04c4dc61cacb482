#include "dns/directory/transfer_file.h"

#include <string>
#include <vector>

namespace dns {
namespace {

void put_optional(ByteWriter& out, const std::optional<std::string>& value) {
    out.u8(value ? 1 : 0);
    out.text(value.value_or(std::string()));
}

std::optional<std::string> take_optional(ByteReader& in) {
    const bool present = in.u8() != 0;
    std::string value = in.text();
    return present ? std::optional(std::move(value)) : std::nullopt;
}

void put_texts(ByteWriter& out, const std::vector<std::string>& texts) {
    out.u32(static_cast<std::uint32_t>(texts.size()));
    for (const std::string& text : texts) {
        out.text(text);
    }
}

std::vector<std::string> take_texts(ByteReader& in) {
    std::vector<std::string> texts;
    for (std::uint32_t left = in.count(4); left > 0; --left) {
        texts.push_back(in.text());
    }
    return texts;
}

template <typename T, typename Parse>
std::vector<T> take_parsed(ByteReader& in, Parse parse) {
    std::vector<T> values;
    for (const std::string& text : take_texts(in)) {
        auto value = parse(text);
        if (!value) {
            in.fail();
            return {};
        }
        values.push_back(value.value());
    }
    return values;
}

template <typename T>
void put_printed(ByteWriter& out, const std::vector<T>& values) {
    std::vector<std::string> texts;
    for (const T& value : values) {
        texts.push_back(value.to_text());
    }
    put_texts(out, texts);
}

transfer::PeerConfig take_peer(ByteReader& in) {
    transfer::PeerConfig peer;
    peer.name = in.text();
    peer.networks = take_parsed<base::Network>(
        in, [](const std::string& text) { return base::Network::parse(text); });
    peer.key = take_optional(in);
    peer.notify = take_parsed<base::Endpoint>(
        in, [](const std::string& text) { return base::Endpoint::parse(text); });
    peer.zones = in.u8() == 0 ? transfer::PeerZones::All : transfer::PeerZones::Listed;
    peer.domains = take_texts(in);
    peer.gets_catalog = in.u8() != 0;
    return peer;
}

}  // namespace

void put_transfer_config(ByteWriter& out, const transfer::TransferConfig& config) {
    put_optional(out, config.catalog);
    out.u32(static_cast<std::uint32_t>(config.keys.size()));
    for (const transfer::KeyConfig& key : config.keys) {
        out.text(key.name);
        out.text(key.algorithm);
        out.text(key.secret);
    }
    out.u32(static_cast<std::uint32_t>(config.peers.size()));
    for (const transfer::PeerConfig& peer : config.peers) {
        out.text(peer.name);
        put_printed(out, peer.networks);
        put_optional(out, peer.key);
        put_printed(out, peer.notify);
        out.u8(peer.zones == transfer::PeerZones::All ? 0 : 1);
        put_texts(out, peer.domains);
        out.u8(peer.gets_catalog ? 1 : 0);
    }
}

transfer::TransferConfig take_transfer_config(ByteReader& in) {
    transfer::TransferConfig config;
    config.catalog = take_optional(in);
    for (std::uint32_t left = in.count(12); left > 0; --left) {
        transfer::KeyConfig key;
        key.name = in.text();
        key.algorithm = in.text();
        key.secret = in.text();
        config.keys.push_back(std::move(key));
    }
    for (std::uint32_t left = in.count(23); left > 0; --left) {
        config.peers.push_back(take_peer(in));
    }
    return config;
}

}  // namespace dns
