#pragma once

// SigningData: what PowerDNS needs to sign our zones while it answers: each zone's private keys in
// the form that it reads, and how it is to deny. Made from the keys of the directory.
//
// The states of keys stay ours (dnssec/key_roll.h): a key that signs the zone is active there, one
// that is only published is not. Denial: `nsec` is NSEC; `nsec3` and `compact` become NSEC3 in its
// narrow form, which needs no chain of hashes (RFC 4470's idea; PowerDNS knows no RFC 9824).
//
// Holds secrets: never logged. Immutable once made; shared. Thread rule: any thread may read.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dns/dnssec/key_store.h"
#include "dns/name.h"

namespace dns::plugin {

/// A key as PowerDNS is given it.
struct PluginKey {
    std::int64_t id = 0;
    std::uint16_t flags = 257;
    bool active = false;
    bool published = false;
    std::string content;  ///< "Private-key-format: v1.2" and what follows
};

/// How PowerDNS is to sign one zone.
struct ZoneSigning {
    std::vector<PluginKey> keys;
    bool narrow_nsec3 = false;
    bool publishes_cds = false;
};

/// See the top of this file.
class SigningData {
  public:
    SigningData() = default;
    /// A key whose secret is not there, and one whose number is beyond 31 bits, is left out.
    SigningData(const std::vector<dnssec::StoredKeys>& zones,
                const std::map<std::int64_t, std::string>& secrets);

    /// Null: the zone is not signed. Borrowed.
    [[nodiscard]] const ZoneSigning* find(const Name& apex) const;

  private:
    std::map<Name, ZoneSigning> zones_;
};

using SharedSigning = std::shared_ptr<const SigningData>;

/// A private key in the format of BIND, version 1.2, as PowerDNS reads and writes it.
[[nodiscard]] std::string private_key_text(dnssec::Algorithm algorithm, std::string_view secret);

}  // namespace dns::plugin
