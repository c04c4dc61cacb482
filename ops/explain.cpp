#include "ops/explain.h"

#include <string_view>

namespace ops {

namespace {

struct Rule {
    std::string_view constraint;  // as PostgreSQL quotes it
    const char* words;
};

constexpr Rule kRules[] = {
    {"\"dns_name_check\"",
     "a domain or host name is of labels of a-z, 0-9, - and _ with dots between, 253 octets at "
     "most"},
    {"\"server_name_check\"", "a server's name is one word of a-z, 0-9 and -, 63 at most"},
    {"\"port_check\"", "a port is from 1 to 65535"},
    {"\"priority_check\"", "a preference is from 0 to 65535; low is preferred"},
    {"\"dns_seconds_check\"", "a time to live is not negative"},
    {"\"mirroring_not_to_itself\"", "a mail server cannot be mirrored to itself"},
    {"\"cluster_min_copies_check\"", "min_copies is from 1 to 5"},
    {"\"cluster_compression_check\"", "compression is none or zstd"},
    {"\"cluster_expunged_retention_check\"", "a time is not negative"},
    {"\"cluster_superseded_grace_check\"", "a time is not negative"},
    {"\"cluster_scrub_interval_check\"", "the scrub interval is longer than nothing"},
    {"\"cluster_compact_dead_share_check\"", "a share is above 0 and at most 1"},
    {"\"cluster_upkeep_bytes_per_second_check\"",
     "upkeep reads from 65536 to 1099511627776 octets a second"},
    {"\"cluster_virus_policy\"", "virus_policy is reject, quarantine or tag"},
    {"\"cluster_no_scanner_policy\"", "no_scanner_policy is tempfail or accept"},
    {"\"cluster_quarantine_retention\"", "a time is not negative"},
    {"\"domain_policy_check\"", "a policy is load, roundtable, rotate, static or pool"},
    {"\"cluster_mail_policy\"", "a policy is load, roundtable, rotate or static"},
    {"\"cluster_access_policy\"", "a policy is load, roundtable, rotate or static"},
    {"\"override_pattern\"",
     "a pattern is of a-z, 0-9, -, * (anything) and ? (one character), 63 characters at most"},
    {"\"domain_contact_check\"", "a contact is a mail address"},
    {"\"record_owner_check\"",
     "the owner of a record is a name below the domain, in lower case, or @ for the domain itself"},
    {"\"record_type_check\"",
     "a record type is written in capitals (A, TXT, SRV, TYPE65280); the SOA is made from the "
     "domain's settings"},
    {"\"override_value\"",
     "a pin is a whole number from 0 to 65535, a weight above 0 and at most 1000000"},
    {"\"override_expires_later\"", "an override cannot expire before it begins"},
    {"\"mail_server_capacity_check\"", "a capacity is above 0 and at most 1000000"},
    {"\"access_server_capacity_check\"", "a capacity is above 0 and at most 1000000"},
    {"\"storage_path_directory_check\"",
     "a storage path is an absolute directory without . and .. in it"},
    {"\"storage_server_failure_domain_check\"", "a failure domain has a name"},
    {"\"account_login_check\"",
     "a login is an address in lower case, such as alice@example.test, 254 octets at most"},
    {"\"address_local_part_check\"", "a local part is in lower case, 64 octets at most"},
    {"\"dnssec_chain_for_transfers\"",
     "a zone with compact denial has no chain for secondaries: `roundtable dnssec enable DOMAIN "
     "--denial nsec` or nsec3 gives it one, or `roundtable transfer` must not offer it"},
    {"\"sender_block_",
     "what is blocked is an address for --address, and a domain for --domain and --subtree; in "
     "lower case, without spaces"},
};

}  // namespace

std::string explain(const base::Error& error) {
    if (error.code == base::Errc::Invalid) {
        for (const Rule& rule : kRules) {
            if (error.detail.find(rule.constraint) != std::string::npos) {
                return rule.words;
            }
        }
    }
    return error.detail;
}

}  // namespace ops
