// Fuzzes what an UPDATE is read by, and what it makes of a zone. The input is a packet, but that
// its opcode and its zone are made right, so that what is behind them is reached. What was taken
// must leave a zone that is served or refused, never one that cannot be read, and no record that
// the rights forbid.

#include <algorithm>
#include <cstdint>

#include "base/hash.h"
#include "dns/ldns_door.h"
#include "dns/update/record_layout.h"
#include "dns/update/zone_update.h"
#include "test/fuzz/dns_fuzz.h"

namespace {

dns::update::UpdatedZone zone() {
    dns::update::UpdatedZone made;
    made.source.name = "a";
    made.source.soa.primary = "ns.b";
    made.source.soa.contact = "x@b";
    made.source.steers_mail = true;
    made.source.records = {{"w", "A", 60, "192.0.2.1"},
                           {"w", "TXT", 60, "x"},
                           {"c", "CNAME", 60, "w"},
                           {"@", "TXT", 60, "\"v=spf1 -all\""},
                           {"m", "MX", 60, "1 w"},
                           {"@", "NS", 60, "ns.b."},
                           {"h", "A", 60, "192.0.2.2"}};
    made.own = 5;
    made.expires = {false, true, false, false, false};
    return made;
}

dns::update::UpdateRights rights(const dns::update::UpdatedZone& of) {
    dns::update::MailKeeping mail;
    mail.applied = true;
    const auto& records = of.source.records;
    return dns::update::UpdateRights::create(
               of.source,
               {{dns::update::GrantMatch::Subtree, dns::Name::from_text("a").take_value(), {}}},
               mail,
               {records.begin() + 5, records.end()})
        .take_value();
}

void check_changes(const dns::update::UpdatedZone& before,
                   const dns::update::UpdateRights& rights,
                   const dns::update::UpdateChanges& changes) {
    const dns::Name apex = dns::Name::from_text("a").take_value();
    const auto allowed = [&](const std::string& owner, const std::string& type, const auto& data) {
        const dns::Name name = dns::Name::from_text(owner, apex).take_value();
        const std::uint16_t number = dns::record_type(type).take_value();
        const std::string wire = dns::record_data(number, data, apex).take_value();
        dns_fuzz::require(rights.refusal(name, number, wire).empty());
    };
    for (const auto& key : changes.removed) {
        allowed(key.owner, key.type, key.data);
    }
    for (const auto& row : changes.added) {
        allowed(row.owner, row.type, row.data);
    }
    dns::ZoneSource after = before.source;
    after.records.insert(after.records.end(), changes.added.begin(), changes.added.end());
    (void)dns::build_zone(after);  // it is served or refused, as operators' records are
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const dns::update::UpdatedZone kZone = zone();
    static const dns::update::UpdateRights kRights = rights(kZone);
    if (size < dns::kHeaderSize || size > dns::kMessageMax) {
        return 0;
    }
    const auto input = std::as_bytes(std::span(data, size));
    std::vector<std::byte> packet(input.begin(), input.end());
    dns::store_u16(packet.data() + 2, dns::kOpcodeUpdate);
    const dns::update::UpdateReading reading = dns::update::read_update(packet);
    std::vector<std::byte> out(dns::kUdpPlainMax);
    out.resize(dns::update::write_update_answer(packet, reading.rcode, 200, out));
    dns_fuzz::check_reply(packet, out);
    if (reading.rcode != dns::Rcode::NoError) {
        dns_fuzz::require(reading.request.updates.empty());
        return 0;
    }
    for (const dns::update::UpdateRecord& record : reading.request.updates) {
        if (record.taken && record.rr_class == dns::RrClass::In) {
            std::string again;
            dns_fuzz::require(
                dns::update::read_record_data(
                    base::as_bytes(record.data), 0, record.data.size(), record.type, again) ==
                dns::update::DataVerdict::Good);
            dns_fuzz::require(again == record.data);
        }
    }
    if (reading.request.zone.to_text() == "a.") {
        const auto outcome = dns::update::apply_update(kZone, kRights, reading.request);
        if (outcome.rcode == dns::Rcode::NoError) {
            check_changes(kZone, kRights, outcome.changes);
        }
    }
    return 0;
}
