#pragma once

// Reads the records out of an image (dns/image.h): what the answer path copies, taken apart again
// into owners, types and data without compression. For those who want records and not packets.
//
// The images are our own, so nothing here meets octets of strangers; reading is bounded all the
// same. Thread rule: pure; allocates: not for UDP threads.

#include <cstdint>
#include <string>
#include <vector>

#include "dns/image.h"
#include "dns/name.h"

namespace dns::plugin {

/// A record in wire form without compression. TTL in seconds.
struct ImageRecord {
    Name owner;
    std::uint16_t type = 0;
    std::uint32_t ttl = 0;
    std::string data;
};

/// What an image holds, in its order.
struct ImageRecords {
    std::vector<ImageRecord> own;     ///< of the RRset
    std::vector<ImageRecord> extras;  ///< of the RRsets behind it
};

/// `question`: the name that the image answers; its owner, or a name below its owner.
[[nodiscard]] ImageRecords read_image(const ImageView& image, const Name& question);

}  // namespace dns::plugin
