#include "test/unit/dns/packet_text.h"

#include <cstdlib>
#include <memory>

#include <ldns/ldns.h>

namespace dns_test {
namespace {

std::string take(char* text) {
    const std::unique_ptr<char, decltype(&std::free)> owner(text, std::free);
    return text == nullptr ? std::string() : std::string(text);
}

std::string record_text(ldns_rr* record) {
    ldns_rr2canonical(record);
    std::string text = take(ldns_rdf2str(ldns_rr_owner(record))) + " " +
                       std::to_string(ldns_rr_ttl(record)) + " " +
                       take(ldns_rr_type2str(ldns_rr_get_type(record)));
    for (std::size_t i = 0; i < ldns_rr_rd_count(record); ++i) {
        text += " " + take(ldns_rdf2str(ldns_rr_rdf(record, i)));
    }
    return text;
}

std::vector<std::string> section(ldns_rr_list* list) {
    std::vector<std::string> lines;
    for (std::size_t i = 0; i < ldns_rr_list_rr_count(list); ++i) {
        lines.push_back(record_text(ldns_rr_list_rr(list, i)));
    }
    return lines;
}

}  // namespace

PacketText read_packet(std::span<const std::byte> packet) {
    PacketText text;
    text.size = packet.size();
    ldns_pkt* made = nullptr;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(packet.data());
    if (ldns_wire2pkt(&made, bytes, packet.size()) != LDNS_STATUS_OK) {
        return text;
    }
    const std::unique_ptr<ldns_pkt, decltype(&ldns_pkt_free)> owner(made, ldns_pkt_free);
    text.parsed = true;
    text.response = ldns_pkt_qr(made);
    text.authoritative = ldns_pkt_aa(made);
    text.truncated = ldns_pkt_tc(made);
    text.recursion_desired = ldns_pkt_rd(made);
    text.recursion_available = ldns_pkt_ra(made);
    text.opcode = static_cast<unsigned>(ldns_pkt_get_opcode(made));
    text.has_opt = ldns_pkt_edns(made);
    text.rcode = static_cast<unsigned>(ldns_pkt_get_rcode(made)) |
                 (text.has_opt ? unsigned{ldns_pkt_edns_extended_rcode(made)} << 4 : 0U);
    text.dnssec_ok = ldns_pkt_edns_do(made);
    text.udp_size = ldns_pkt_edns_udp_size(made);
    if (ldns_pkt_qdcount(made) == 1) {
        const ldns_rr* question = ldns_rr_list_rr(ldns_pkt_question(made), 0);
        text.question = take(ldns_rdf2str(ldns_rr_owner(question))) + " " +
                        take(ldns_rr_type2str(ldns_rr_get_type(question)));
    }
    text.answer = section(ldns_pkt_answer(made));
    text.authority = section(ldns_pkt_authority(made));
    text.additional = section(ldns_pkt_additional(made));
    return text;
}

}  // namespace dns_test
