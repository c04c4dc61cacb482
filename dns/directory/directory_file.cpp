#include "dns/directory/directory_file.h"

#include <algorithm>
#include <cstring>

#include "base/hash.h"
#include "dns/directory/byte_format.h"
#include "dns/directory/probe_file.h"
#include "dns/directory/signing_file.h"
#include "dns/directory/transfer_file.h"

namespace dns {
namespace {

constexpr std::string_view kMagic = "RTDNSNP1";

constexpr std::uint8_t kUnset = 0xff;  // in the place of a policy or form: the pool's

// 2 were addresses, which have a format of their own now.
enum class FileKind : std::uint8_t { Directory = 1, Trims = 3, Health = 4, Signatures = 5 };

std::string framed(FileKind kind, const std::string& body) {
    ByteWriter out;
    out.raw(kMagic);
    out.u8(static_cast<std::uint8_t>(kind));
    out.u32(base::crc32c(base::as_bytes(body)));
    out.u64(body.size());
    out.raw(body);
    return out.take();
}

base::Result<std::string_view> body_of(FileKind kind, std::string_view bytes) {
    ByteReader reader(bytes);
    if (reader.raw(kMagic.size()) != kMagic) {
        return base::Error{base::Errc::Corrupt, "not a snapshot file of this version"};
    }
    const std::uint8_t found = reader.u8();
    const std::uint32_t crc = reader.u32();
    const std::uint64_t size = reader.u64();
    const std::string_view body = reader.raw(size);
    if (!reader.at_end() || found != static_cast<std::uint8_t>(kind) ||
        base::crc32c(base::as_bytes(body)) != crc) {
        return base::Error{base::Errc::Corrupt, "snapshot file does not match its checksum"};
    }
    return body;
}

base::Error malformed() {
    return {base::Errc::Corrupt, "snapshot file has a malformed body"};
}

void put(ByteWriter& out, const std::optional<std::string>& text) {
    out.u8(text ? 1 : 0);
    out.text(text.value_or(""));
}

std::optional<std::string> take_optional(ByteReader& in) {
    const bool present = in.u8() != 0;
    std::string text = in.text();
    return present ? std::optional(std::move(text)) : std::nullopt;
}

void put(ByteWriter& out, const HostAddresses& host) {
    out.text(host.host_name);
    out.text(host.address4 ? host.address4->to_text() : "");
    out.text(host.address6 ? host.address6->to_text() : "");
}

std::optional<base::IpAddress> take_address(ByteReader& in) {
    const std::string text = in.text();
    if (text.empty()) {
        return std::nullopt;
    }
    const auto address = base::IpAddress::parse(text);
    if (!address) {
        in.fail();
        return std::nullopt;
    }
    return address.value();
}

HostAddresses take_host(ByteReader& in) {
    HostAddresses host;
    host.host_name = in.text();
    host.address4 = take_address(in);
    host.address6 = take_address(in);
    return host;
}

void put(ByteWriter& out, const DirectoryServer& server) {
    out.u64(server.id.value);
    out.text(server.name);
    put(out, server.host);
    out.u16(server.port);
    out.u16(server.pop_port);
    out.u16(server.load_port);
    out.real(server.capacity);
    out.u8(static_cast<std::uint8_t>(server.state));
}

DirectoryServer take_server(ByteReader& in) {
    DirectoryServer server;
    server.id.value = in.u64();
    server.name = in.text();
    server.host = take_host(in);
    server.port = in.u16();
    server.pop_port = in.u16();
    server.load_port = in.u16();
    server.capacity = in.real();
    server.state = in.u8() == 0 ? ServerState::InService : ServerState::Retired;
    return server;
}

void put(ByteWriter& out, const DirectoryRecordView& record) {
    out.text(record.owner);
    out.text(record.type);
    out.u8(record.ttl ? 1 : 0);
    out.u32(record.ttl.value_or(0));
    out.text(record.data);
}

DirectoryRecord take_record(ByteReader& in) {
    DirectoryRecord record;
    record.owner = in.text();
    record.type = in.text();
    const bool has_ttl = in.u8() != 0;
    const std::uint32_t ttl = in.u32();
    record.ttl = has_ttl ? std::optional(ttl) : std::nullopt;
    record.data = in.text();
    return record;
}

void put(ByteWriter& out, const DirectoryDomain& domain, std::uint32_t serial) {
    out.i64(domain.id);
    out.text(domain.name);
    put(out, domain.primary_name_server);
    put(out, domain.contact);
    for (const std::uint32_t number : {domain.refresh,
                                       domain.retry,
                                       domain.expire,
                                       domain.minimum,
                                       domain.ttl,
                                       domain.mx_ttl,
                                       serial}) {
        out.u32(number);
    }
    out.u8(domain.policy ? static_cast<std::uint8_t>(*domain.policy) : kUnset);
    out.u32(static_cast<std::uint32_t>(domain.records.size()));
    for (const DirectoryRecordView& record : domain.records) {
        put(out, record);
    }
    out.u32(static_cast<std::uint32_t>(domain.mail.size()));
    for (const MailExchange& exchange : domain.mail) {
        out.u64(exchange.server.value);
        out.u16(exchange.preference);
    }
    out.u32(static_cast<std::uint32_t>(domain.access.size()));
    for (const steering::ServerId server : domain.access) {
        out.u64(server.value);
    }
}

DirectoryDomain take_domain(ByteReader& in) {
    DirectoryDomain domain;
    domain.id = in.i64();
    domain.name = in.text();
    domain.primary_name_server = take_optional(in);
    domain.contact = take_optional(in);
    for (std::uint32_t* number : {&domain.refresh,
                                  &domain.retry,
                                  &domain.expire,
                                  &domain.minimum,
                                  &domain.ttl,
                                  &domain.mx_ttl,
                                  &domain.serial}) {
        *number = in.u32();
    }
    const std::uint8_t policy = in.u8();
    if (policy <= static_cast<std::uint8_t>(steering::Policy::Static)) {
        domain.policy = static_cast<steering::Policy>(policy);
    } else if (policy != kUnset) {
        in.fail();
    }
    for (std::uint32_t left = in.count(17); left > 0; --left) {
        domain.records.push_back(take_record(in));
    }
    domain.records.shrink_to_fit();
    for (std::uint32_t left = in.count(10); left > 0; --left) {
        const std::uint64_t id = in.u64();
        domain.mail.push_back({{id}, in.u16()});
    }
    for (std::uint32_t left = in.count(8); left > 0; --left) {
        domain.access.push_back({in.u64()});
    }
    return domain;
}

void put(ByteWriter& out, const DirectoryOverride& override_) {
    const steering::Override& entry = override_.entry;
    out.u8(static_cast<std::uint8_t>(override_.pool));
    out.u64(entry.id);
    out.u8(static_cast<std::uint8_t>(entry.kind));
    put(out, entry.scope.zone);
    out.u8(entry.scope.server ? 1 : 0);
    out.u64(entry.scope.server.value_or(steering::ServerId{}).value);
    out.real(entry.value);
    out.text(entry.author);
    out.text(entry.reason);
    out.i64(entry.created_us);
    out.u8(entry.expires_us ? 1 : 0);
    out.i64(entry.expires_us.value_or(0));
}

DirectoryOverride take_override(ByteReader& in) {
    DirectoryOverride override_;
    override_.pool = in.u8() == 0 ? PoolName::Mail : PoolName::Access;
    steering::Override& entry = override_.entry;
    entry.id = in.u64();
    const std::uint8_t kind = in.u8();
    if (kind > static_cast<std::uint8_t>(steering::OverrideKind::Freeze)) {
        in.fail();
    }
    entry.kind = static_cast<steering::OverrideKind>(kind);
    entry.scope.pool = override_.pool == PoolName::Mail ? "mail" : "access";
    entry.scope.zone = take_optional(in);
    const bool has_server = in.u8() != 0;
    const std::uint64_t server = in.u64();
    if (has_server) {
        entry.scope.server = steering::ServerId{server};
    }
    entry.value = in.real();
    entry.author = in.text();
    entry.reason = in.text();
    entry.created_us = in.i64();
    const bool expires = in.u8() != 0;
    const std::int64_t at = in.i64();
    entry.expires_us = expires ? std::optional(at) : std::nullopt;
    return override_;
}

template <typename T>
void put_list(ByteWriter& out, const std::vector<T>& list) {
    out.u32(static_cast<std::uint32_t>(list.size()));
    for (const T& item : list) {
        put(out, item);
    }
}

template <typename List, typename Take>
void take_list(ByteReader& in, List& list, Take take) {
    for (std::uint32_t left = in.count(8); left > 0; --left) {
        list.push_back(take(in));
    }
}

void put_trims(ByteWriter& out, const std::vector<steering::SavedTrim>& trims) {
    out.u32(static_cast<std::uint32_t>(trims.size()));
    for (const steering::SavedTrim& trim : trims) {
        out.u64(trim.id.value);
        out.real(trim.z);
    }
}

std::vector<steering::SavedTrim> take_trims(ByteReader& in) {
    std::vector<steering::SavedTrim> trims;
    for (std::uint32_t left = in.count(16); left > 0; --left) {
        const std::uint64_t id = in.u64();
        trims.push_back({{id}, in.real()});
    }
    return trims;
}

void put_health(ByteWriter& out, const std::vector<steering::SavedHealth>& servers) {
    out.u32(static_cast<std::uint32_t>(servers.size()));
    for (const steering::SavedHealth& server : servers) {
        out.u64(server.id.value);
        out.u8(server.up ? 1 : 0);
        out.text(server.reason);
        out.real(server.flaps);
    }
}

std::vector<steering::SavedHealth> take_health(ByteReader& in) {
    std::vector<steering::SavedHealth> servers;
    for (std::uint32_t left = in.count(21); left > 0; --left) {
        steering::SavedHealth server;
        server.id.value = in.u64();
        server.up = in.u8() != 0;
        server.reason = in.text();
        server.flaps = in.real();
        servers.push_back(std::move(server));
    }
    return servers;
}

// Policies of pools, forms of domains and patterns of overrides: what files of earlier releases
// lack.
void put_steering(ByteWriter& out, const Directory& directory) {
    for (const PoolSteering& pool : directory.pools) {
        out.u8(static_cast<std::uint8_t>(pool.policy));
        out.u8(static_cast<std::uint8_t>(pool.form));
    }
    for (const DirectoryDomain& domain : directory.domains) {
        out.u8(domain.form ? static_cast<std::uint8_t>(*domain.form) : kUnset);
    }
    for (const DirectoryOverride& override_ : directory.overrides) {
        out.text(override_.pattern);
    }
}

steering::PolicyForm take_form(ByteReader& in, std::uint8_t form) {
    if (form > static_cast<std::uint8_t>(steering::PolicyForm::Strict)) {
        in.fail();
        return steering::PolicyForm::Paired;
    }
    return static_cast<steering::PolicyForm>(form);
}

void take_steering(ByteReader& in, Directory& directory) {
    for (PoolSteering& pool : directory.pools) {
        const std::uint8_t policy = in.u8();
        if (policy > static_cast<std::uint8_t>(steering::Policy::Static)) {
            in.fail();
            return;
        }
        pool.policy = static_cast<steering::Policy>(policy);
        pool.form = take_form(in, in.u8());
    }
    for (DirectoryDomain& domain : directory.domains) {
        const std::uint8_t form = in.u8();
        if (form != kUnset) {
            domain.form = take_form(in, form);
        }
    }
    for (DirectoryOverride& override_ : directory.overrides) {
        override_.pattern = in.text();
    }
}

}  // namespace

std::string encode_directory(const Directory& directory, std::span<const std::uint32_t> serials) {
    ByteWriter out;
    out.i64(directory.version);
    out.raw(base::as_text(directory.steering_key));
    put_list(out, directory.mail_servers);
    put_list(out, directory.access_servers);
    put_list(out, directory.name_servers);
    out.u32(static_cast<std::uint32_t>(directory.domains.size()));
    for (std::size_t i = 0; i < directory.domains.size(); ++i) {
        const DirectoryDomain& domain = directory.domains[i];
        put(out, domain, i < serials.size() ? serials[i] : domain.serial);
    }
    put_list(out, directory.overrides);
    put_transfer_config(out, directory.transfer);
    put_signing(out, directory.signing);
    put_probes(out, directory.probes);
    put_steering(out, directory);
    return framed(FileKind::Directory, out.take());
}

base::Result<Directory> decode_directory(std::string_view bytes) {
    ByteReader in(TRY(body_of(FileKind::Directory, bytes)));
    Directory directory;
    directory.version = in.i64();
    const std::string_view key = in.raw(directory.steering_key.size());
    std::memcpy(directory.steering_key.data(), key.data(), key.size());
    take_list(in, directory.mail_servers, take_server);
    take_list(in, directory.access_servers, take_server);
    take_list(in, directory.name_servers, take_host);
    SharedExchanges shared;
    take_list(in, directory.domains, [&shared](ByteReader& reader) {
        DirectoryDomain domain = take_domain(reader);
        shared.share(domain);
        return domain;
    });
    take_list(in, directory.overrides, take_override);
    if (!in.at_end()) {  // files of earlier releases end here
        directory.transfer = take_transfer_config(in);
    }
    if (!in.at_end()) {  // the same, as for each part that follows
        directory.signing = take_signing(in);
    }
    if (!in.at_end()) {
        directory.probes = take_probes(in);
    }
    if (!in.at_end()) {
        take_steering(in, directory);
    }
    if (!in.at_end()) {
        return malformed();
    }
    return directory;
}

std::string encode_trims(const SavedTrims& trims) {
    ByteWriter out;
    put_trims(out, trims.mail);
    put_trims(out, trims.access);
    return framed(FileKind::Trims, out.take());
}

base::Result<SavedTrims> decode_trims(std::string_view bytes) {
    ByteReader in(TRY(body_of(FileKind::Trims, bytes)));
    SavedTrims trims;
    trims.mail = take_trims(in);
    trims.access = take_trims(in);
    if (!in.at_end()) {
        return malformed();
    }
    return trims;
}

std::string encode_health(const SavedPoolHealth& health) {
    ByteWriter out;
    out.i64(health.saved_us);
    put_health(out, health.mail);
    put_health(out, health.access);
    return framed(FileKind::Health, out.take());
}

base::Result<SavedPoolHealth> decode_health(std::string_view bytes) {
    ByteReader in(TRY(body_of(FileKind::Health, bytes)));
    SavedPoolHealth health;
    health.saved_us = in.i64();
    health.mail = take_health(in);
    health.access = take_health(in);
    if (!in.at_end()) {
        return malformed();
    }
    return health;
}

std::string encode_signatures(const SignatureCaches& caches, std::int64_t now_s) {
    ByteWriter out;
    put_signatures(out, caches, now_s);
    return framed(FileKind::Signatures, out.take());
}

base::Result<SignatureCaches> decode_signatures(std::string_view bytes, std::int64_t now_s) {
    ByteReader in(TRY(body_of(FileKind::Signatures, bytes)));
    SignatureCaches caches = take_signatures(in, now_s);
    if (!in.at_end()) {
        return malformed();
    }
    return caches;
}

}  // namespace dns
