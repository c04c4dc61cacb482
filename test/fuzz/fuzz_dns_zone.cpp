// Fuzzes the way of operators' record text into answers. Each line of the input is a record of
// mail.test: "owner type data". What is refused is refused by name; what is served answers for each
// owner and type with well-formed replies.

#include <cstdint>
#include <string>

#include "dns/name.h"
#include "test/fuzz/dns_fuzz.h"
#include "test/unit/dns/directory/world.h"

namespace {

constexpr std::size_t kRecordsMax = 64;

std::vector<dns::DirectoryRecord> records_of(std::string_view text) {
    std::vector<dns::DirectoryRecord> records;
    while (!text.empty() && records.size() < kRecordsMax) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        const std::size_t first = line.find(' ');
        const std::size_t second = first == line.npos ? first : line.find(' ', first + 1);
        if (second != line.npos) {
            records.push_back({std::string(line.substr(0, first)),
                               std::string(line.substr(first + 1, second - first - 1)),
                               std::nullopt,
                               std::string(line.substr(second + 1))});
        }
    }
    return records;
}

void ask_for(const dns::Snapshot& snapshot, std::string_view owner) {
    const std::string text = owner == "@" ? "mail.test" : "x." + std::string(owner) + ".mail.test";
    static dns::ThreadState state(0);
    const auto name = dns::Name::from_text(text);
    if (!name) {
        return;
    }
    for (const int type : {1, 2, 5, 6, 15, 16, 28, 33, 39, 255}) {
        std::vector<std::byte> query(dns::kHeaderSize);
        query[5] = std::byte{1};
        const auto wire = name.value().wire();
        query.insert(query.end(), wire.begin(), wire.end());
        query.insert(query.end(), {std::byte{0}, static_cast<std::byte>(type), {}, std::byte{1}});
        dns_fuzz::ask(snapshot, query, {}, state);
        query.erase(query.begin() + dns::kHeaderSize, query.begin() + dns::kHeaderSize + 2);
        if (owner != "@") {
            dns_fuzz::ask(snapshot, query, {}, state);  // without the label before it
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    dns::Directory directory = dns_test::directory();
    directory.domains[1].records =
        records_of({reinterpret_cast<const char*>(data), size});  // NOLINT(*-reinterpret-cast)
    const auto snapshot = dns_fuzz::build(directory);
    dns_fuzz::require(snapshot !=
                      nullptr);  // one domain's records never keep others from being served
    for (const dns::DirectoryRecordView& record : directory.domains[1].records) {
        ask_for(*snapshot, record.owner);
    }
    return 0;
}
