#include "dns/directory/directory_records.h"

#include <cstring>

namespace dns {
namespace {

struct Head {
    std::uint32_t owner;
    std::uint32_t type;
    std::uint32_t data;
    std::uint32_t ttl;
    std::uint32_t has_ttl;
};

Head head_at(const char* at) {
    Head head{};
    std::memcpy(&head, at, sizeof head);
    return head;
}

std::size_t size_of(const DirectoryRecord& record) {
    return sizeof(Head) + record.owner.size() + record.type.size() + record.data.size();
}

}  // namespace

DirectoryRecordView DirectoryRecords::Iterator::operator*() const {
    const Head head = head_at(at_);
    const char* const texts = at_ + sizeof head;
    return {{texts, head.owner},
            {texts + head.owner, head.type},
            head.has_ttl != 0 ? std::optional(head.ttl) : std::nullopt,
            {texts + head.owner + head.type, head.data}};
}

DirectoryRecords::Iterator& DirectoryRecords::Iterator::operator++() {
    const Head head = head_at(at_);
    at_ += sizeof head + head.owner + head.type + head.data;
    return *this;
}

DirectoryRecords::DirectoryRecords(std::initializer_list<DirectoryRecord> records)
    : DirectoryRecords(std::vector(records)) {
}

DirectoryRecords::DirectoryRecords(const std::vector<DirectoryRecord>& records) {
    std::size_t size = 0;
    for (const DirectoryRecord& record : records) {
        size += size_of(record);
    }
    octets_.reserve(size);
    for (const DirectoryRecord& record : records) {
        push_back(record);
    }
}

void DirectoryRecords::push_back(const DirectoryRecord& record) {
    const auto length = [](const std::string& text) {
        return static_cast<std::uint32_t>(text.size());
    };
    const Head head{length(record.owner),
                    length(record.type),
                    length(record.data),
                    record.ttl.value_or(0),
                    record.ttl ? 1U : 0U};
    char octets[sizeof head];
    std::memcpy(octets, &head, sizeof head);
    octets_.append(octets, sizeof octets);
    octets_ += record.owner;
    octets_ += record.type;
    octets_ += record.data;
    ++size_;
}

void DirectoryRecords::clear() noexcept {
    octets_.clear();
    size_ = 0;
}

DirectoryRecordView DirectoryRecords::operator[](std::size_t index) const {
    Iterator at = begin();
    for (; index > 0; --index) {
        ++at;
    }
    return *at;
}

std::vector<DirectoryRecord> DirectoryRecords::copy() const {
    std::vector<DirectoryRecord> records;
    records.reserve(size_);
    for (const DirectoryRecordView& record : *this) {
        records.push_back(record.copy());
    }
    return records;
}

}  // namespace dns
