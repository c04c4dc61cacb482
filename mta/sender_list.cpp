#include "mta/sender_list.h"

#include <utility>

#include "base/check.h"
#include "base/hash.h"
#include "mta/little_endian.h"

namespace mta {

namespace {

constexpr std::string_view kMagic = "RTSENDR1";
constexpr std::size_t kFixedSize = 8 + 1 + 8 + 2;

std::uint64_t type_number(mail::SenderKeyType type) {
    switch (type) {
        case mail::SenderKeyType::Address:
            return 0;
        case mail::SenderKeyType::Domain:
            return 1;
        case mail::SenderKeyType::Subtree:
            return 2;
    }
    return 0;
}

std::string index_key(const mail::SenderKey& key) {
    return static_cast<char>('0' + type_number(key.type)) + key.text;
}

base::Error corrupt(std::string_view what) {
    return {base::Errc::Corrupt, "sender list: " + std::string(what)};
}

base::Result<SenderList::Entry> take_entry(std::string_view& in) {
    if (in.size() < kFixedSize) {
        return corrupt("cut off");
    }
    SenderList::Entry entry;
    entry.id = SenderBlockId{static_cast<std::int64_t>(take_number(in, 8))};
    switch (take_number(in, 1)) {
        case 0:
            entry.key.type = mail::SenderKeyType::Address;
            break;
        case 1:
            entry.key.type = mail::SenderKeyType::Domain;
            break;
        case 2:
            entry.key.type = mail::SenderKeyType::Subtree;
            break;
        default:
            return corrupt("unknown type");
    }
    entry.expires_us = static_cast<std::int64_t>(take_number(in, 8));
    const std::size_t length = take_number(in, 2);
    if (length > SenderList::kPatternMax || length > in.size()) {
        return corrupt("wrong length of a pattern");
    }
    entry.key.text = in.substr(0, length);
    in.remove_prefix(length);
    return entry;
}

}  // namespace

SenderList::SenderList(std::vector<Entry> entries) : entries_(std::move(entries)) {
    CHECK(entries_.size() <= kEntriesMax);
    index_.reserve(entries_.size());
    for (std::size_t i = 0; i < entries_.size(); ++i) {
        index_[index_key(entries_[i].key)] = i;
    }
}

std::optional<SenderBlockId> SenderList::find(const mail::Address& sender,
                                              std::int64_t now_us) const {
    if (index_.empty()) {
        return std::nullopt;
    }
    for (const mail::SenderKey& key : mail::sender_match_keys(sender)) {
        const auto found = index_.find(index_key(key));
        if (found == index_.end()) {
            continue;
        }
        const Entry& entry = entries_[found->second];
        if (entry.expires_us == 0 || entry.expires_us > now_us) {
            return entry.id;
        }
    }
    return std::nullopt;
}

std::string encode_sender_list(const SenderList& list) {
    std::string out(kMagic);
    put_number(out, list.entries().size(), 8);
    for (const SenderList::Entry& entry : list.entries()) {
        CHECK(entry.key.text.size() <= SenderList::kPatternMax);
        put_number(out, static_cast<std::uint64_t>(entry.id), 8);
        put_number(out, type_number(entry.key.type), 1);
        put_number(out, static_cast<std::uint64_t>(entry.expires_us), 8);
        put_number(out, entry.key.text.size(), 2);
        out += entry.key.text;
    }
    put_number(out, base::crc32c(base::as_bytes(out)), 4);
    return out;
}

base::Result<SenderList> decode_sender_list(std::string_view bytes) {
    if (bytes.size() < kMagic.size() + 8 + 4 || !bytes.starts_with(kMagic)) {
        return corrupt("not one");
    }
    std::string_view tail = bytes.substr(bytes.size() - 4);
    bytes.remove_suffix(4);
    if (take_number(tail, 4) != base::crc32c(base::as_bytes(bytes))) {
        return corrupt("wrong checksum");
    }
    bytes.remove_prefix(kMagic.size());
    const std::uint64_t count = take_number(bytes, 8);
    if (count > SenderList::kEntriesMax) {
        return base::Error{base::Errc::TooLarge, "sender list: too many entries"};
    }
    std::vector<SenderList::Entry> entries;
    for (std::uint64_t i = 0; i < count; ++i) {
        entries.push_back(TRY(take_entry(bytes)));
    }
    if (!bytes.empty()) {
        return corrupt("more than its entries");
    }
    return SenderList(std::move(entries));
}

base::Result<mail::SenderKeyType> parse_sender_key_type(std::string_view name) {
    for (const mail::SenderKeyType type : {mail::SenderKeyType::Address,
                                           mail::SenderKeyType::Domain,
                                           mail::SenderKeyType::Subtree}) {
        if (name == mail::sender_key_type_name(type)) {
            return type;
        }
    }
    return base::Error{base::Errc::Invalid, "unknown kind of sender: " + std::string(name)};
}

}  // namespace mta
