#include "mta/fax/hylafax_job.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include <dirent.h>

#include "base/file.h"
#include "base/handle.h"
#include "mail/ascii.h"
#include "mta/fax/recv_queue.h"

namespace mta {

using base::Errc;
using base::Error;

namespace {

// FaxRequest.h of HylaFAX: 1 suspended, 2 pending, 3 sleeping, 4 blocked, 5 ready, 6 active, 7
// done, 8 failed.
HylafaxState state_of(std::int64_t number) {
    switch (number) {
        case 6:
            return HylafaxState::Active;
        case 7:
            return HylafaxState::Done;
        case 8:
            return HylafaxState::Failed;
        default:
            return HylafaxState::Waiting;
    }
}

constexpr std::string_view kTagOfOurs = "fax-out/";

std::int64_t number_of(std::string_view text) {
    std::int64_t number = -1;
    (void)std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

int close_directory(DIR* directory) {
    return ::closedir(directory);
}

base::Result<std::vector<std::string>> job_files(const std::string& folder) {
    const base::Handle<DIR, close_directory> directory(::opendir(folder.c_str()));
    if (directory == nullptr) {
        return base::errno_error("open " + folder, errno);
    }
    std::vector<std::string> files;
    while (const dirent* entry = ::readdir(directory.get())) {  // NOLINT(concurrency-mt-unsafe)
        const std::string name(static_cast<const char*>(entry->d_name));
        if (name.size() < 2 || name.front() != 'q' || !mail::is_digit(name[1])) {
            continue;
        }
        if (files.size() == kQFilesMax) {
            return Error{Errc::TooLarge,
                         folder + " has too many jobs; faxqclean(8) removes old ones"};
        }
        files.push_back(folder + "/" + name);
    }
    return files;
}

}  // namespace

base::Result<HylafaxJob> parse_hylafax_job(std::string_view text) {
    HylafaxJob job;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos) {
            continue;
        }
        const std::string_view name = line.substr(0, colon);
        const std::string_view value = mail::trim(line.substr(colon + 1));
        if (name == "jobid") {
            job.id = number_of(value);
        } else if (name == "jobtag") {
            job.tag = std::string(value);
        } else if (name == "number") {
            job.number = std::string(value);
        } else if (name == "status") {
            job.status = std::string(value);
        } else if (name == "npages") {
            job.pages = std::max<std::int64_t>(number_of(value), 0);
        } else if (name == "state") {
            job.state = state_of(number_of(value));
        }
    }
    if (job.id <= 0) {
        return Error{Errc::Corrupt, "no job of HylaFAX: it has no jobid"};
    }
    return job;
}

void HylafaxQueue::take_log(std::string_view text) {
    for (const XferfaxlogSent& sent : parse_xferfaxlog_sent(text)) {
        if (!sent.tag.starts_with(kTagOfOurs)) {
            continue;
        }
        HylafaxJob job;
        job.id = sent.job;
        job.tag = sent.tag;
        job.status = sent.reason;
        job.state = sent.reason.empty() ? HylafaxState::Done : HylafaxState::Waiting;
        jobs_.insert_or_assign(sent.tag, std::move(job));
    }
}

base::Result<HylafaxQueue> HylafaxQueue::read(const std::string& spool) {
    HylafaxQueue queue;
    queue.take_log(TRY(read_xferfaxlog_text(spool)));
    std::map<std::string, HylafaxJob, std::less<>> there;
    // First where jobs wait: one that moves to doneq/ meanwhile is found there.
    for (const char* folder : {"/sendq", "/doneq"}) {
        const std::vector<std::string> files = TRY(job_files(spool + folder));
        for (const std::string& file : files) {
            auto text = base::read_file(file, kQFileMax);
            if (!text && text.error().code == Errc::NotFound) {
                continue;  // gone meanwhile
            }
            auto job = parse_hylafax_job(TRY(std::move(text)));
            if (!job || !job.value().tag.starts_with(kTagOfOurs)) {
                continue;
            }
            const auto known = there.find(job.value().tag);
            if (known == there.end() || job.value().id >= known->second.id) {
                there.insert_or_assign(job.value().tag, std::move(job).take_value());
            }
        }
    }
    there.merge(queue.jobs_);
    queue.jobs_ = std::move(there);
    return queue;
}

std::optional<HylafaxJob> HylafaxQueue::find(const std::string& tag) const {
    const auto found = jobs_.find(tag);
    return found == jobs_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::int64_t> parse_request_id(std::string_view output) {
    constexpr std::string_view kBefore = "request id is ";
    const std::size_t at = output.find(kBefore);
    if (at == std::string_view::npos) {
        return std::nullopt;
    }
    const std::int64_t id = number_of(output.substr(at + kBefore.size()));
    return id > 0 ? std::optional(id) : std::nullopt;
}

}  // namespace mta
