#pragma once

// The file of the addresses, from which the internal view starts when PostgreSQL is away:
// snapshot/accounts. It is written whole now and then, and what changes is appended, so that one
// new address among ten million is not a file of 360 MB.
//
// Format: magic "RTACCTS1", then blocks: size of the body (u32, at most kAccountBlockMax), CRC32C
// of the body (u32), the body. Numbers little-endian, texts with a u32 length before them. A body
// is its kind (u8) and
//
//   1 domains     (number i64, name in wire form)*: ours, under this name
//   2 gone        (number i64)*: domains that are ours no longer
//   3 addresses   domain i64, (36 octets of an AccountEntry)*: in order, behind those before them
//   4 changes     (domain i64, 36 octets, u8: 1 there, 0 gone)*: later ones count
//   5 position    configuration i64, number i64, mark text: what stands before it is known up to
//                 there
//
// Kinds 1 and 3 up to the first position are the view as it was written; what follows are updates.
// The last block may be cut (the machine stopped): what stands before it is good. A block that does
// not check out ends the file.
//
// Thread rule: pure; one thread for a reader. Errors of readers: Corrupt. Bounded by the file, and
// by kAccountTailMax for the updates.

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dns/account_view.h"
#include "dns/directory/byte_format.h"

namespace dns {

inline constexpr std::string_view kAccountMagic = "RTACCTS1";
inline constexpr std::size_t kAccountBlockMax = std::size_t{1} << 20U;
/// Changes that a file may hold behind the view; it is written whole before there are more.
inline constexpr std::size_t kAccountTailMax = 1'000'000;

/// Takes the next octets of a file.
using ByteSink = std::function<base::Status(std::string_view)>;

/// Writes a view with everything from the magic on, in pieces of at most a block. Errors: those of
/// the sink.
base::Status write_accounts(const AccountView& view, const ByteSink& sink);

/// The blocks of an update, to be appended.
[[nodiscard]] std::string encode_update(const AccountUpdate& update);

/// Reads a file that comes in pieces of any size.
class AccountFileReader {
  public:
    /// What a file was worth.
    struct Outcome {
        AccountView view;
        std::size_t good = 0;     ///< octets up to the last position; more may follow that is not
        std::size_t whole = 0;    ///< octets up to the first position
        std::size_t changes = 0;  ///< that were appended
    };

    /// Takes the next octets; says nothing of what is wrong.
    void take(std::string_view bytes);

    /// What there was, as far as it is good. Corrupt: no whole view. Once.
    [[nodiscard]] base::Result<Outcome> finish();

  private:
    // Each takes the rest of a body behind its kind. False: nothing from here on counts.
    bool take_block(std::string_view body);
    bool take_domains(ByteReader& in);
    bool take_gone(ByteReader& in);
    bool take_addresses(ByteReader& in);
    bool take_changes(ByteReader& in);
    bool take_position(ByteReader& in);
    bool close_list();
    [[nodiscard]] AccountView make_view(FeedPosition position);

    std::string rest_;       // less than a block and what came with its beginning
    std::size_t taken_ = 0;  // octets before it
    bool has_magic_ = false;
    bool ended_ = false;

    // The view, until its position.
    struct List {
        Name name;
        AccountList entries;
    };

    std::map<std::int64_t, List> lists_;
    std::int64_t open_domain_ = 0;
    AccountListBuilder open_list_;

    // What came behind it, up to a position, and behind the last position.
    Outcome outcome_;
    AccountUpdate update_;
    AccountUpdate pending_;
};

}  // namespace dns
