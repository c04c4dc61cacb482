#include "dns/zone_text.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "base/hash.h"
#include "dns/ldns_door.h"
#include "dns/limits.h"
#include "dns/master_lexer.h"
#include "dns/wire.h"

namespace dns {
namespace {

constexpr auto kSoa = static_cast<std::uint16_t>(RrType::Soa);
constexpr std::size_t kSoaNumbers = 20;  // octets of the five numbers that end an SOA

base::Error invalid(std::string what) {
    return {base::Errc::Invalid, std::move(what)};
}

bool same_word(std::string_view word, std::string_view upper) {
    return std::equal(word.begin(), word.end(), upper.begin(), upper.end(), [](char a, char b) {
        return (a >= 'a' && a <= 'z' ? static_cast<char>(a - 'a' + 'A') : a) == b;
    });
}

bool is_class(std::string_view word) {
    return same_word(word, "IN") || same_word(word, "CH") || same_word(word, "HS") ||
           same_word(word, "CS") || (word.size() > 5 && same_word(word.substr(0, 5), "CLASS"));
}

std::uint32_t number_at(std::string_view octets, std::size_t at) {
    std::uint32_t number = 0;
    for (std::size_t i = at; i < at + 4; ++i) {
        number = number << 8 | static_cast<unsigned char>(octets[i]);
    }
    return number;
}

// Octets of the name that uncompressed record data begins with, which ldns has written.
std::size_t name_size(std::string_view data) {
    std::size_t at = 0;
    while (at < data.size() && data[at] != '\0') {
        at += static_cast<unsigned char>(data[at]) + std::size_t{1};
    }
    return at + 1;
}

base::Result<MasterSoa> soa_of(std::string_view data, std::uint32_t ttl) {
    const std::size_t primary = name_size(data);
    if (primary + kSoaNumbers >= data.size()) {
        return invalid("SOA too short");
    }
    const auto bytes = base::as_bytes(data);
    const std::size_t numbers = data.size() - kSoaNumbers;
    MasterSoa soa;
    soa.fields.primary = TRY(Name::from_wire(bytes.first(primary))).to_text();
    soa.fields.contact = TRY(Name::from_wire(bytes.subspan(primary, numbers - primary))).to_text();
    soa.serial = number_at(data, numbers);
    soa.fields.refresh = number_at(data, numbers + 4);
    soa.fields.retry = number_at(data, numbers + 8);
    soa.fields.expire = number_at(data, numbers + 12);
    soa.fields.minimum = number_at(data, numbers + 16);
    soa.fields.ttl = ttl;
    return soa;
}

struct ReadRecord {
    Name owner;
    std::uint16_t type = 0;
    std::uint32_t ttl = 0;
    std::string data;
};

class Reader {
  public:
    explicit Reader(const std::optional<Name>& apex) : apex_(apex), origin_(apex) {}

    base::Status take(const MasterEntry& entry) {
        if (entry.words.front().front() == '$' && !entry.starts_blank) {
            return take_directive(entry.words);
        }
        return take_record(entry);
    }

    base::Result<MasterFile> finish() {
        if (!apex_) {
            return invalid("line 1: no SOA record says which zone this is: name it");
        }
        MasterFile file;
        file.apex = *apex_;
        file.soa = soa_;
        file.records.reserve(records_.size());
        for (const auto& [line, record] : records_) {
            if (!record.owner.is_within(*apex_)) {
                return invalid("line " + std::to_string(line) + ": " + record.owner.to_text() +
                               " is not in the zone " + apex_->to_text());
            }
            file.records.push_back({relative_owner(record.owner, *apex_),
                                    record_type_name(record.type),
                                    record.ttl,
                                    TRY(canonical_text(record.type, record.data))});
        }
        return file;
    }

  private:
    base::Status take_directive(const std::vector<std::string>& words) {
        const std::string& word = words.front();
        if (same_word(word, "$ORIGIN") && words.size() == 2) {
            origin_ = TRY(name_of(words[1]));
            return base::Done{};
        }
        if (same_word(word, "$TTL") && words.size() == 2) {
            default_ttl_ = TRY(parse_ttl(words[1]));
            return base::Done{};
        }
        if (same_word(word, "$INCLUDE")) {
            return invalid("$INCLUDE is not followed: put the records into this file");
        }
        if (same_word(word, "$GENERATE")) {
            return invalid("$GENERATE is of one name server alone: write the records");
        }
        return invalid(word.substr(0, 32) + ": no such directive, or not with one word");
    }

    [[nodiscard]] base::Result<Name> name_of(const std::string& text) const {
        if (origin_) {
            return Name::from_text(text, *origin_);
        }
        // Without an origin only what is absolute means something.
        std::size_t escapes = 0;
        for (std::size_t i = text.size() - 1; i > 0 && text[i - 1] == '\\'; --i) {
            ++escapes;
        }
        if (text.back() != '.' || escapes % 2 != 0) {
            return invalid("\"" + text.substr(0, 64) +
                           "\" is relative, and nothing says to what: name the zone");
        }
        return Name::from_text(text);
    }

    base::Status take_record(const MasterEntry& entry) {
        std::size_t at = 0;
        if (!entry.starts_blank) {
            owner_ = TRY(name_of(entry.words[at++]));
        } else if (!owner_) {
            return invalid("no owner before this record");
        }
        ReadRecord record;
        record.owner = *owner_;
        const std::optional<std::uint32_t> stated = TRY(take_ttl_and_class(entry.words, at));
        if (at == entry.words.size()) {
            return invalid("a record without a type");
        }
        record.type = TRY(record_type(entry.words[at++]));
        std::string text;
        for (; at < entry.words.size(); ++at) {
            text += (text.empty() ? "" : " ") + entry.words[at];
        }
        record.data = TRY(record_data(record.type, text, origin_.value_or(Name())));
        record.ttl = TRY(ttl_of(stated, record));
        if (record.type == kSoa) {
            return take_soa(record);
        }
        if (records_.size() >= kRecordsPerZoneMax) {
            return base::Error{base::Errc::TooLarge, "too many records"};
        }
        records_.emplace_back(entry.line, std::move(record));
        return base::Done{};
    }

    static base::Result<std::optional<std::uint32_t>> take_ttl_and_class(
        const std::vector<std::string>& words, std::size_t& at) {
        std::optional<std::uint32_t> ttl;
        bool classed = false;
        for (; at < words.size(); ++at) {
            const std::string& word = words[at];
            if (!ttl && word.front() >= '0' && word.front() <= '9') {
                ttl = TRY(parse_ttl(word));
            } else if (!classed && is_class(word)) {
                if (!same_word(word, "IN") && !same_word(word, "CLASS1")) {
                    return invalid("class " + word.substr(0, 16) + ": only IN is served");
                }
                classed = true;
            } else {
                break;
            }
        }
        return ttl;
    }

    // RFC 2308 4: $TTL for records that state none. Without it the last one stated (RFC 1035 5.1),
    // of the first record the SOA's own minimum, as other name servers read old files.
    base::Result<std::uint32_t> ttl_of(const std::optional<std::uint32_t>& stated,
                                       const ReadRecord& record) {
        if (stated) {
            last_ttl_ = stated;
            return *stated;
        }
        if (default_ttl_ || last_ttl_) {
            return default_ttl_ ? *default_ttl_ : *last_ttl_;
        }
        if (record.type == kSoa && record.data.size() > kSoaNumbers) {
            last_ttl_ = number_at(record.data, record.data.size() - 4);
            return *last_ttl_;
        }
        return invalid("a record without a TTL: state it, or write $TTL before");
    }

    base::Status take_soa(const ReadRecord& record) {
        if (!apex_) {
            apex_ = record.owner;
        }
        if (record.owner != *apex_) {
            return invalid("the SOA of " + record.owner.to_text() + " is not of the zone " +
                           apex_->to_text());
        }
        MasterSoa soa = TRY(soa_of(record.data, record.ttl));
        if (soa_ && *soa_ != soa) {
            return invalid("a second SOA that differs from the first");
        }
        soa_ = std::move(soa);
        return base::Done{};
    }

    std::optional<Name> apex_;
    std::optional<Name> origin_;
    std::optional<Name> owner_;
    std::optional<std::uint32_t> default_ttl_;
    std::optional<std::uint32_t> last_ttl_;
    std::optional<MasterSoa> soa_;
    std::vector<std::pair<std::size_t, ReadRecord>> records_;  // with the line
};

// By what records are the same, and their order.
using RecordKey = std::tuple<Name, std::uint16_t, std::uint32_t, std::string>;

RecordKey key_of(const RecordRow& row, const Name& apex) {
    const auto owner = Name::from_text(row.owner, apex);
    const auto type = record_type(row.type);
    if (!owner || !type) {
        return {Name(), 0, row.ttl, row.owner + " " + row.type + " " + row.data};
    }
    auto data = record_data(type.value(), row.data, apex);
    return {owner.value(),
            type.value(),
            row.ttl,
            data ? "=" + std::move(data).take_value() : "?" + row.data};
}

std::map<RecordKey, std::size_t> places_of(std::span<const RecordRow> rows, const Name& apex) {
    std::map<RecordKey, std::size_t> places;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        places.try_emplace(key_of(rows[i], apex), i);
    }
    return places;
}

}  // namespace

base::Result<MasterFile> read_master_file(std::string_view text, const std::optional<Name>& apex) {
    if (text.size() > kMasterFileMax) {
        return base::Error{base::Errc::TooLarge, "line 1: the file is longer than its limit"};
    }
    MasterLexer lexer(text);
    Reader reader(apex);
    for (;;) {
        const std::optional<MasterEntry> entry = TRY(lexer.next());
        if (!entry) {
            return reader.finish();
        }
        const base::Status taken = reader.take(*entry);
        if (!taken) {
            return base::Error{taken.error().code,
                               "line " + std::to_string(entry->line) + ": " + taken.error().detail};
        }
    }
}

base::Result<std::string> write_master_file(const Zone& zone, std::uint32_t serial) {
    std::string text;
    const auto write = [&text](const Name& owner,
                               std::uint16_t type,
                               std::uint32_t ttl,
                               const std::string& data) -> base::Status {
        const std::string shown = TRY(canonical_text(type, data));
        text += record_line({owner.to_text(), record_type_name(type), ttl, shown}) + "\n";
        return base::Done{};
    };
    const RecordSets& apex = zone.names.at(zone.apex);
    for (const auto& [type, set] : apex) {
        if (type == kSoa) {
            std::string data = set.data.front();
            for (std::size_t i = 0; i < 4; ++i) {
                data[data.size() - kSoaNumbers + i] = static_cast<char>(serial >> (24 - 8 * i));
            }
            TRY(write(zone.apex, type, set.ttl, data));
        }
    }
    for (const auto& [owner, sets] : zone.names) {
        for (const auto& [type, set] : sets) {
            for (const std::string& data : set.data) {
                if (type != kSoa) {
                    TRY(write(owner, type, set.ttl, data));
                }
            }
        }
    }
    return text;
}

std::string record_line(const RecordRow& row) {
    return row.owner + " " + std::to_string(row.ttl) + " IN " + row.type + " " + row.data;
}

base::Result<std::uint32_t> parse_ttl(std::string_view text) {
    std::uint64_t total = 0;
    std::uint64_t number = 0;
    bool digits = false;
    for (const char c : text) {
        if (c >= '0' && c <= '9') {
            number = number * 10 + static_cast<unsigned>(c - '0');
            digits = true;
        } else {
            constexpr std::string_view kUnits = "smhdw";
            constexpr std::uint64_t kSeconds[] = {1, 60, 3600, 86400, 604800};
            const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
            const std::size_t unit = kUnits.find(lower);
            if (!digits || unit == std::string_view::npos) {
                return invalid("\"" + std::string(text.substr(0, 32)) + "\" is no TTL");
            }
            total += number * kSeconds[unit];
            number = 0;
            digits = false;
        }
        if (number > kTtlMax || total > kTtlMax) {
            return invalid("TTL above 2^31-1 (RFC 2181 8)");
        }
    }
    total += number;
    if (text.empty() || total > kTtlMax) {
        return invalid(text.empty() ? "an empty TTL" : "TTL above 2^31-1 (RFC 2181 8)");
    }
    return static_cast<std::uint32_t>(total);
}

std::string relative_owner(const Name& name, const Name& apex) {
    if (name == apex) {
        return "@";
    }
    const std::string text = name.to_text();
    const std::size_t tail = apex.is_root() ? 1 : apex.to_text().size() + 1;
    return text.substr(0, text.size() - tail);
}

base::Result<std::string> canonical_text(std::uint16_t type, std::string_view data) {
    const auto text = record_data_text(type, data);
    if (text && !text.value().empty()) {
        const auto again = record_data(type, text.value(), Name());
        if (again && again.value() == data) {
            return text;
        }
    }
    std::string hex = "\\# " + std::to_string(data.size());
    if (!data.empty()) {
        hex += " " + base::to_hex(base::as_bytes(data));
    }
    const auto again = record_data(type, hex, Name());
    if (!again || again.value() != data) {
        return invalid(record_type_name(type) + ": this data cannot be written as text");
    }
    return hex;
}

base::Result<std::string> contact_address(std::string_view name) {
    const Name parsed = TRY(Name::from_text(name));
    const std::string_view local = parsed.first_label();
    const bool sound = !local.empty() && std::ranges::all_of(local, [](char c) {
        return c > ' ' && c < 0x7f && c != '@';
    });
    if (!sound || parsed.parent().is_root()) {
        return invalid("the contact " + parsed.to_text() + " is no mail address");
    }
    std::string domain = parsed.parent().to_text();
    domain.pop_back();
    return std::string(local) + "@" + domain;
}

RecordDifference record_difference(std::span<const RecordRow> before,
                                   std::span<const RecordRow> after,
                                   const Name& apex) {
    const auto old_places = places_of(before, apex);
    const auto new_places = places_of(after, apex);
    RecordDifference difference;
    for (const auto& [key, place] : old_places) {
        if (!new_places.contains(key)) {
            difference.removed.push_back(place);
        }
    }
    for (const auto& [key, place] : new_places) {
        if (!old_places.contains(key)) {
            difference.added.push_back(place);
        }
    }
    return difference;
}

}  // namespace dns
