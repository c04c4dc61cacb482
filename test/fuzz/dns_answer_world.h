#pragma once

// What fuzz targets of answers ask: mail.test with every kind of node.

#include "test/unit/dns/directory/world.h"

namespace dns_fuzz {

inline dns::Directory answer_world() {
    dns::Directory directory = dns_test::directory();
    auto& records = directory.domains[1].records;
    for (int i = 0; i < 20; ++i) {
        records.push_back({"big", "TXT", std::nullopt, std::to_string(i) + std::string(200, 'x')});
    }
    const char* const more[][3] = {{"*.wild", "A", "192.0.2.81"},
                                   {"b.a.ent", "AAAA", "2001:db8::1"},
                                   {"alias", "CNAME", "www"},
                                   {"loop1", "CNAME", "loop2.mail.test."},
                                   {"loop2", "CNAME", "loop1.mail.test."},
                                   {"sub", "NS", "ns.sub.mail.test."},
                                   {"ns.sub", "A", "192.0.2.82"},
                                   {"tree", "DNAME", "wild.mail.test."},
                                   {"_sip._udp", "SRV", "1 2 5060 www.mail.test."},
                                   {"odd", "TYPE65280", "\\# 2 0102"}};
    for (const auto& record : more) {
        records.push_back({record[0], record[1], std::nullopt, record[2]});
    }
    return directory;
}

}  // namespace dns_fuzz
