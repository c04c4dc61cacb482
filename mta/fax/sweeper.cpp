#include "mta/fax/sweeper.h"

#include <sstream>
#include <utility>
#include <vector>

#include "base/file.h"

namespace mta {

namespace {

constexpr std::size_t kStateMax = 64U << 20U;

}  // namespace

FaxSweeper::FaxSweeper(std::string spool, std::string state_file, Parts parts)
    : spool_(std::move(spool)), state_file_(std::move(state_file)), parts_(std::move(parts)) {
}

void FaxSweeper::load() {
    entries_.clear();
    const auto text = base::read_file(state_file_, kStateMax);
    if (!text) {
        return;
    }
    std::istringstream lines(text.value());
    std::string line;
    while (std::getline(lines, line)) {
        std::istringstream words(line);
        std::string name;
        std::string outcome;
        Entry entry;
        words >> name >> entry.size >> entry.modified_ns >> outcome >> entry.tried_s;
        if (words && (outcome == "done" || outcome == "refused")) {
            entry.refused = outcome == "refused";
            entries_.insert_or_assign(name, entry);
        }
    }
}

base::Status FaxSweeper::save() const {
    std::string text;
    for (const auto& [name, entry] : entries_) {
        text += name + " " + std::to_string(entry.size) + " " + std::to_string(entry.modified_ns) +
                (entry.refused ? " refused " : " done ") + std::to_string(entry.tried_s) + "\n";
    }
    return base::write_file_atomic(state_file_, text, 0600);
}

bool FaxSweeper::is_dealt_with(const RecvQueueFile& file) const {
    const auto found = entries_.find(file.name);
    if (found == entries_.end() || found->second.size != file.size ||
        found->second.modified_ns != file.modified_ns) {
        return false;
    }
    return !found->second.refused ||
           parts_.wall_seconds() - found->second.tried_s < kRefusedSeconds;
}

void FaxSweeper::sweep_file(const RecvQueueFile& file,
                            const XferfaxlogRecord* record,
                            Counts& counts) {
    const std::int64_t now = parts_.wall_seconds();
    if (record == nullptr && now - file.modified_ns / 1'000'000'000 < kSettleSeconds) {
        ++counts.waiting;
        return;
    }
    FaxCall call;
    if (record != nullptr) {
        complete_from_log(call, *record);
    }
    const auto outcome = parts_.hand_in(call, spool_ + "/recvq/" + file.name);
    if (outcome) {
        ++(outcome.value().receipt.again ? counts.known : counts.handed_in);
        entries_.insert_or_assign(file.name, Entry{file.size, file.modified_ns, false, now});
        changed_ = true;
        if (!outcome.value().receipt.again) {
            parts_.say(file.name + ": handed in for " + outcome.value().recipient);
        }
        return;
    }
    const base::Error& error = outcome.error();
    if (error.code == base::Errc::NotFound) {
        return;  // removed since the folder was read
    }
    if (error.code == base::Errc::Busy) {
        ++counts.waiting;
        return;
    }
    parts_.say(file.name + ": " + error.detail);
    if (base::is_temporary(error.code)) {
        ++counts.later;
        return;
    }
    ++counts.refused;
    entries_.insert_or_assign(file.name, Entry{file.size, file.modified_ns, true, now});
    changed_ = true;
}

base::Result<FaxSweeper::Counts> FaxSweeper::pass() {
    Counts counts;
    const RecvQueue queue = TRY(list_recv_queue(spool_));
    const std::vector<RecvQueueFile>& files = queue.files;
    counts.later += queue.left_out;
    if (queue.left_out != left_out_ && queue.left_out > 0) {
        parts_.say(std::to_string(queue.left_out) +
                   " old faxes of recvq/ are not looked at: there are too many files; faxcron(8) "
                   "-rcv removes old ones");
    }
    left_out_ = queue.left_out;
    const auto records = TRY(read_xferfaxlog(spool_));
    std::map<std::string, Entry> kept;
    for (const RecvQueueFile& file : files) {
        if (const auto found = entries_.find(file.name); found != entries_.end()) {
            kept.insert(*found);
        }
    }
    changed_ = changed_ || kept.size() != entries_.size();
    entries_ = std::move(kept);
    const bool open = parts_.is_open();
    for (const RecvQueueFile& file : files) {
        if (is_dealt_with(file)) {
            continue;
        }
        if (!open) {
            ++counts.later;
            continue;
        }
        const auto record = records.find(file.name);
        sweep_file(file, record == records.end() ? nullptr : &record->second, counts);
    }
    if (changed_) {
        TRY(save());
        changed_ = false;
    }
    return counts;
}

}  // namespace mta
