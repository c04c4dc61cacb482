#pragma once

// The life of DKIM keys as a function of time: published (in DNS, so that verifiers find it),
// active (signers sign with it), retired (in DNS for what is still under way), removed. Pure.
//
// A key becomes active kPublishWaitS after it was published: no cache remembers then that the
// name did not exist. A retired key stays published kRetiredS: longer than messages are tried
// (RFC 5321 4.5.4.1: 4 to 5 days), so that what was signed before still verifies (RFC 6376 3.1).
//
// Thread rule: values. Times in seconds since 1970.

#include <cstdint>
#include <string>
#include <vector>

namespace ops {

inline constexpr std::int64_t kPublishWaitS = 3600;
inline constexpr std::int64_t kRetiredS = 7 * 86400;

enum class DkimState : std::uint8_t { Published, Active, Retired, Removed };

/// A key as it stands in directory.dkim_key.
struct DkimKey {
    std::int64_t id = 0;
    std::string selector;
    std::string algorithm;   ///< rsa or ed25519, as the k= of its record (RFC 8463)
    std::string public_key;  ///< the p= of its record
    DkimState state = DkimState::Published;
    std::int64_t changed_s = 0;  ///< when it came to this state
};

/// When the next key is made.
struct DkimPolicy {
    std::string algorithm = "rsa";  ///< of new keys; "off": no new keys
    std::int64_t rotate_s = 0;      ///< age of an active key at which the next is made; 0: never
    bool roll_now = false;          ///< an operator wants the next one
};

enum class DkimStep : std::uint8_t { Make, Activate, Retire, Remove };

/// A step that is due.
struct DkimAction {
    DkimStep step = DkimStep::Make;
    std::int64_t key_id = 0;  ///< not of Make

    bool operator==(const DkimAction&) const = default;
};

/// What is due at `now_s`, in this order. At most one Make; none while a key waits to be active.
[[nodiscard]] std::vector<DkimAction> due_dkim_actions(const std::vector<DkimKey>& keys,
                                                       const DkimPolicy& policy,
                                                       std::int64_t now_s);

/// "rt20261126", "rt20261126-2": a selector that no key of the domain has had.
[[nodiscard]] std::string new_selector(const std::vector<DkimKey>& keys, std::int64_t now_s);

}  // namespace ops
