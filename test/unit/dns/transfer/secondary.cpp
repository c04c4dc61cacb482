#include "test/unit/dns/transfer/secondary.h"

#include <stdexcept>

#include "base/hash.h"
#include "dns/limits.h"
#include "test/unit/dns/packet_text.h"
#include "test/unit/dns/query_builder.h"
#include "test/unit/dns/world.h"

namespace dns_test {
namespace {

using dns::transfer::TransferKind;

void require(bool holds, const char* what) {
    if (!holds) {
        throw std::runtime_error(what);
    }
}

bool is_soa(const std::string& record) {
    const std::size_t type = record.find(' ', record.find(' ') + 1) + 1;
    return record.compare(type, 4, "SOA ") == 0;
}

std::uint32_t serial_of(const std::string& soa) {
    std::size_t at = 0;
    for (int fields = 0; fields < 5; ++fields) {
        at = soa.find(' ', at) + 1;
    }
    return static_cast<std::uint32_t>(std::stoul(soa.substr(at)));
}

}  // namespace

dns::transfer::SharedFixed fixed(const std::vector<std::string>& rows, bool steers_mail) {
    dns::ZoneSource source = zone_source("example.test", rows);
    source.steers_mail = steers_mail;
    auto zone = dns::build_zone(source);
    require(static_cast<bool>(zone), "bad zone");
    return std::make_shared<const dns::transfer::FixedContent>(
        dns::transfer::fixed_content(zone.value()));
}

dns::transfer::SharedSteered steered(const std::vector<std::pair<int, std::uint16_t>>& hosts,
                                     std::uint32_t ttl) {
    dns::transfer::SteeredContent content;
    content.ttl = ttl;
    auto& data = content.data[static_cast<std::size_t>(dns::SteeredKind::Mx)];
    for (const auto& [host, preference] : hosts) {
        const auto name =
            dns::Name::from_text("mx" + std::to_string(host) + ".hosts.test").take_value();
        std::string mx = {static_cast<char>(preference >> 8), static_cast<char>(preference & 0xff)};
        data.push_back(mx + std::string(base::as_text(name.wire())));
    }
    return std::make_shared<const dns::transfer::SteeredContent>(std::move(content));
}

std::vector<std::byte> transfer_query(std::string_view zone) {
    return QueryBuilder().question(zone, dns::RrType::Axfr).bytes();
}

std::vector<std::byte> transfer_query(std::string_view zone, std::uint32_t serial) {
    std::string soa("\xc0\x0c\0\x06\0\x01\0\0\0\0\0\x16\0\0", 14);
    for (int shift = 24; shift >= 0; shift -= 8) {
        soa += static_cast<char>(serial >> static_cast<unsigned>(shift));
    }
    soa += std::string(16, '\0');
    return QueryBuilder().question(zone, dns::RrType::Ixfr).raw(soa).count(8).bytes();
}

dns::transfer::TransferRequest request_of(const std::vector<std::byte>& packet) {
    dns::transfer::TransferRequest request;
    require(dns::transfer::read_transfer_request(packet, request) ==
                dns::transfer::RequestKind::Transfer,
            "no transfer query");
    return request;
}

std::vector<std::string> records_of(dns::ReplyStream& stream, std::size_t* messages) {
    std::vector<std::string> records;
    std::vector<std::byte> out(dns::kMessageMax);
    for (;;) {
        const dns::ReplyStream::Piece piece = stream.next(out);
        require(piece.state != dns::ReplyStream::State::Failed, "the stream failed");
        const PacketText text = read_packet(std::span(out).first(piece.size));
        require(text.parsed && text.response && text.authoritative && text.rcode == 0,
                "a message that is no answer");
        require(!text.answer.empty(), "a message without a record");
        records.insert(records.end(), text.answer.begin(), text.answer.end());
        if (messages != nullptr) {
            ++*messages;
        }
        if (piece.state == dns::ReplyStream::State::Last) {
            return records;
        }
    }
}

TransferKind Secondary::fetch(const dns::transfer::SharedZone& zone) {
    const auto packet =
        soa.empty() ? transfer_query("example.test") : transfer_query("example.test", serial);
    dns::transfer::ZoneStream stream(request_of(packet), zone, std::nullopt, nullptr, nullptr);
    const std::vector<std::string> got = records_of(stream);
    require(is_soa(got.front()) && got.front() == got.back(), "no SOA first and last");
    if (got.size() == 1) {
        require(!soa.empty() && serial_of(got[0]) == serial, "one SOA, and it is not ours");
    } else if (is_soa(got[1])) {
        take_delta(got);
    } else {
        take_whole(got);
    }
    return stream.kind();
}

void Secondary::take_whole(const std::vector<std::string>& got) {
    records = {got.begin() + 1, got.end() - 1};
    soa = got.front();
    serial = serial_of(soa);
    for (const std::string& record : records) {
        require(!is_soa(record), "a SOA amid the zone");
    }
}

void Secondary::take_delta(const std::vector<std::string>& got) {
    require(got[1] == soa, "the delta starts from another SOA");
    std::size_t at = 2;
    for (; !is_soa(got[at]); ++at) {
        const auto found = records.find(got[at]);
        require(found != records.end(), "removes a record that is not there");
        records.erase(found);
    }
    require(got[at] == got.front(), "the delta leads to another SOA");
    for (++at; at + 1 < got.size(); ++at) {
        require(!records.contains(got[at]), "adds a record that is there");
        records.insert(got[at]);
    }
    soa = got.front();
    serial = serial_of(soa);
}

}  // namespace dns_test
