#pragma once

// MessagePacker: the messages of a transfer, with as many records in each as fit (RFC 5936 2.2).
//
// A message is filled up to kTransferMessageSize, so that every pointer of its compression reaches
// (RFC 1035 4.1.4) and no message takes the loop long to send; a record that is larger than that
// goes alone. Owners are compressed, and names in the data of the types of RFC 1035, octets
// that are the same only: a secondary shall hold the same case (RFC 5936 3.4).
//
// Borrowed: the buffer, and the octets of every record until finish(). It allocates: not for UDP
// threads. Thread rule: one thread at a time.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>

#include "dns/edns.h"
#include "dns/transfer/record_list.h"
#include "dns/transfer/transfer_request.h"

namespace dns::transfer {

/// Octets of a message, if its records are not larger.
inline constexpr std::size_t kTransferMessageSize = 16'000;
static_assert(kTransferMessageSize < 0x4000);

/// See the top of this file.
class MessagePacker {
  public:
    /// Starts a message of the answer in `out`, at least kMessageMax octets, of which `reserved`
    /// are left free (for a TSIG). The first of an answer carries the question, and an OPT if the
    /// request had one (RFC 5936 2.2.1, 2.2.5).
    MessagePacker(const TransferRequest& request,
                  std::span<std::byte> out,
                  std::size_t reserved,
                  bool is_first);

    /// False: it does not fit this message. Of an empty message: it fits none.
    [[nodiscard]] bool add(const RecordView& record);

    [[nodiscard]] bool empty() const noexcept { return records_ == 0; }

    /// Completes the message and gives its size.
    [[nodiscard]] std::size_t finish();

    /// Instead of records and finish(), of the first message: the answer is an error.
    [[nodiscard]] std::size_t refuse(Rcode rcode, ExtendedError error);

  private:
    [[nodiscard]] std::size_t limit() const noexcept;
    void put(std::string_view octets);
    void put_u16(std::uint16_t value);
    void put_name(std::string_view name);
    void put_data(std::uint16_t type, std::string_view data);

    std::span<std::byte> out_;
    std::size_t reserved_;
    std::size_t size_;
    std::uint16_t records_ = 0;
    bool has_opt_;
    std::unordered_map<std::string_view, std::uint16_t> known_;  // name -> where it stands
};

}  // namespace dns::transfer
