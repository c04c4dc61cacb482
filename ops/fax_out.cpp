#include "ops/fax_out.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include <fcntl.h>

#include "base/file.h"
#include "base/process.h"
#include "mta/fax/fax_intake.h"
#include "mta/fax/outgoing.h"
#include "mta/fax/outgoing_step.h"
#include "ops/hand_in.h"

namespace ops {

using base::Errc;
using base::Error;
using namespace std::chrono_literals;

namespace {

constexpr base::Duration kMaildropDeadline = 60s;
constexpr base::Duration kSendfaxDeadline = 120s;
constexpr std::size_t kOutputMax = 64U << 10U;

// A directory of its own for the documents of one job, removed with everything in it.
class TemporaryDirectory {
  public:
    [[nodiscard]] static base::Result<std::unique_ptr<TemporaryDirectory>> make() {
        const char* base = std::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe): one thread
        std::string path = std::string(base != nullptr ? base : "/tmp") + "/roundtable-fax-XXXXXX";
        if (::mkdtemp(path.data()) == nullptr) {
            return base::errno_error("make " + path, errno);
        }
        return std::unique_ptr<TemporaryDirectory>(new TemporaryDirectory(std::move(path)));
    }

    ~TemporaryDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    [[nodiscard]] const std::string& path() const noexcept { return path_; }

  private:
    explicit TemporaryDirectory(std::string path) : path_(std::move(path)) {}

    std::string path_;
};

}  // namespace

base::Result<std::int64_t> run_sendfax(const std::string& program,
                                       const std::vector<std::string>& arguments,
                                       const std::string& directory) {
    const std::string log = directory + "/output";
    const base::Fd output(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    if (!output) {
        return base::errno_error("open " + log, errno);
    }
    base::ProcessOptions options;
    options.program = program;
    options.arguments = arguments;
    options.environment = {"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL=C"};
    for (const char* name : {"HOME", "FAXSERVER"}) {
        if (const char* value = std::getenv(name)) {  // NOLINT(concurrency-mt-unsafe): one thread
            options.environment.push_back(std::string(name) + "=" + value);
        }
    }
    options.descriptors = {{output.get(), 1}, {output.get(), 2}};
    auto child = base::spawn_process(options);
    if (!child) {
        return Error{Errc::Unavailable, "cannot run " + program + ": " + child.error().detail};
    }
    const base::ExitStatus ended = TRY(child.value().wait(base::Deadline::after(kSendfaxDeadline)));
    const std::string said = TRY(base::read_file(log, kOutputMax));
    const auto job = mta::parse_request_id(said);
    if (!ended.is_clean() || !job) {
        return Error{Errc::Unavailable,
                     program + " ended with " + ended.to_text() + ": " + mail::clean_text(said)};
    }
    return *job;
}

struct FaxOut::Job {
    std::string key;
    std::string number;
    std::string sender;
    std::string state;
    std::string host;
    std::string detail;
    std::string domain;
    std::string message_id;
    std::string subject;
    bool reported = false;
    std::int64_t created_s = 0;
    std::int64_t changed_s = 0;
    std::int64_t age_s = 0;
};

// A message of the queue in this session.
struct FaxOut::Queued {
    mta::Maildrop& drop;
    std::size_t number;
};

FaxOut::FaxOut(CommandContext& context, const FaxService& service, FaxOutOptions options)
    : context_(context), service_(service), options_(std::move(options)) {
}

base::Result<FaxOut::Job> FaxOut::load(const std::string& key) {
    base::Connection* connection = TRY(context_.db());
    const base::Rows rows = TRY(connection->query(
        "SELECT j.number, j.sender, j.state, j.host, j.detail, d.name, j.reported, "
        "extract(epoch FROM j.created_at)::bigint, extract(epoch FROM j.changed_at)::bigint, "
        "extract(epoch FROM now() - j.created_at)::bigint, j.message_id, j.subject "
        "FROM directory.fax_job j JOIN directory.domain d ON d.id = j.domain_id WHERE j.key = $1",
        {key}));
    if (rows.empty()) {
        return Error{Errc::NotFound, "there is no job " + key};
    }
    Job job;
    job.key = key;
    job.number = rows[0].string(0);
    job.sender = rows[0].string(1);
    job.state = rows[0].string(2);
    job.host = rows[0].string(3);
    job.detail = rows[0].string(4);
    job.domain = rows[0].string(5);
    job.reported = rows[0].boolean(6);
    job.created_s = rows[0].int64(7);
    job.changed_s = rows[0].int64(8);
    job.age_s = rows[0].int64(9);
    job.message_id = rows[0].string(10);
    job.subject = rows[0].string(11);
    return job;
}

base::Result<bool> FaxOut::move(const std::string& key,
                                const std::string& state,
                                std::int64_t hylafax_job,
                                const std::string& detail) {
    base::Connection* connection = TRY(context_.db());
    const base::Rows rows = TRY(
        connection->query("SELECT directory.move_fax_job($1, $2, $3, nullif($4::bigint, 0), $5)",
                          {key, state, machine_name(), hylafax_job, mail::clean_text(detail)}));
    return !rows.empty() && !rows[0].is_null(0);
}

base::Status FaxOut::report(const Job& job) {
    mta::FaxReport report;
    report.key = job.key;
    report.number = job.number;
    report.sender = job.sender;
    report.host = job.host;
    report.domain = job.domain;
    report.message_id = job.message_id;
    report.subject = job.subject;
    report.end = job.state == "delivered" ? mta::FaxEnd::Delivered : mta::FaxEnd::Failed;
    // "why: text", as finish() keeps it.
    const std::size_t colon = std::min(job.detail.find(':'), job.detail.size());
    report.why = job.detail.substr(0, colon);
    report.detail = job.detail.substr(std::min(colon + 2, job.detail.size()));
    report.arrived = mta::local_time(job.created_s);
    report.ended = mta::local_time(job.changed_s);
    mta::IngestRequest request;
    request.key = mta::report_key(job.key);
    request.recipients = {job.sender};
    request.message = mta::compose_report(report);
    const auto sent = service_.ingest(request);
    if (!sent && base::is_temporary(sent.error().code)) {
        return sent.error();
    }
    if (!sent) {
        service_.raise("warning",
                       "fax_not_sent",
                       job.key,
                       "nobody could be told what became of the fax to " + job.number + ": " +
                           sent.error().detail);
    }
    base::Connection* connection = TRY(context_.db());
    (void)TRY(connection->query("SELECT directory.fax_job_reported($1)", {job.key}));
    return base::Done{};
}

base::Status FaxOut::finish(const std::string& key,
                            const std::string& why,
                            const std::string& detail) {
    (void)TRY(move(key, why == "done" ? "delivered" : "failed", 0, why + ": " + detail));
    const Job job = TRY(load(key));
    return job.reported ? base::Status(base::Done{}) : report(job);
}

base::Status FaxOut::submit(Queued& queued,
                            const Job& job,
                            std::int64_t kill_minutes,
                            Counts& counts) {
    if (job.state != "submitting" && !TRY(move(job.key, "submitting", 0, ""))) {
        ++counts.waiting;  // another one was faster
        return base::Done{};
    }
    const auto message =
        queued.drop.message(queued.number, base::Deadline::after(kMaildropDeadline));
    if (!message && message.error().code == Errc::TooLarge) {
        // It would stop all behind it at every look: it is over, and the next look removes it.
        TRY(finish(job.key, "unsupported", message.error().detail));
        return Error{Errc::Closed, "the fax to " + job.number + ": " + message.error().detail};
    }
    if (!message) {
        return message.error();
    }
    const auto documents = mta::fax_documents(message.value());
    if (!documents) {
        ++counts.reported;
        return finish(job.key, "unsupported", documents.error().detail);
    }
    const auto directory = TRY(TemporaryDirectory::make());
    // The destination comes last: sendfax refuses options behind it.
    std::vector<std::string> arguments = {"-n",
                                          "-D",
                                          "-i",
                                          job.key,
                                          "-f",
                                          job.sender,
                                          "-k",
                                          "now + " + std::to_string(kill_minutes) + " minutes",
                                          "-d",
                                          job.number};
    if (!options_.server.empty()) {
        arguments.insert(arguments.begin(), {"-h", options_.server});
    }
    for (std::size_t i = 0; i < documents.value().size(); ++i) {
        const mta::FaxDocument& document = documents.value()[i];
        arguments.push_back(directory->path() + "/" + std::to_string(i) + document.suffix);
        TRY(base::write_file_atomic(arguments.back(), document.octets, 0600));
    }
    const std::int64_t id = TRY(run_sendfax(options_.sendfax, arguments, directory->path()));
    (void)TRY(move(job.key, "submitted", id, ""));
    ++counts.submitted;
    return base::Done{};
}

// True: it is over and told of. Without a message a job has only an end.
base::Result<bool> FaxOut::settle(const Job& job, Queued* queued, Counts& counts) {
    // One that died behind sendfax has left its job there, or a line in the log.
    const auto there = queue_.find(job.key);
    const mta::OutgoingStep step = mta::next_step(
        {job.state, job.host, job.reported, job.age_s}, there, machine_name(), options_.give_up_s);
    switch (step.act) {
        case mta::OutgoingAct::Submit:
            if (queued != nullptr) {
                TRY(submit(*queued, job, step.kill_minutes, counts));
                return false;
            }
            break;
        case mta::OutgoingAct::Note:
            (void)TRY(move(job.key, "submitted", there->id, ""));
            ++counts.submitted;
            return false;
        case mta::OutgoingAct::Finish:
            if (step.why == "unknown") {
                service_.raise(
                    "warning",
                    "fax_unknown_end",
                    job.key,
                    "nobody knows what became of the fax to " + job.number + ": " + step.detail);
            }
            TRY(finish(job.key, step.why, step.detail));
            ++counts.reported;
            return true;
        case mta::OutgoingAct::Report:
            TRY(report(job));
            ++counts.reported;
            return true;
        case mta::OutgoingAct::Remove:
            return true;
        case mta::OutgoingAct::Wait:
            break;
    }
    ++counts.waiting;
    return false;
}

base::Status FaxOut::advance(Queued& queued, Counts& counts) {
    const auto deadline = base::Deadline::after(kMaildropDeadline);
    const std::string header = TRY(queued.drop.header(queued.number, deadline));
    const std::string key = mta::key_of_marked(header);
    const auto job = key.empty() ? base::Result<Job>(Error{Errc::NotFound, "no mark"}) : load(key);
    if (!job && job.error().code == Errc::NotFound) {
        // Whoever sends mail to the queue account's address sends no fax by it.
        service_.raise("warning",
                       "fax_foreign_job",
                       key.empty() ? "no key" : key,
                       "a message in the fax queue belongs to no job; it was removed");
        return queued.drop.remove(queued.number, deadline);
    }
    if (!job) {
        return job.error();
    }
    seen_.insert(key);
    return TRY(settle(job.value(), &queued, counts)) ? queued.drop.remove(queued.number, deadline)
                                                     : base::Status(base::Done{});
}

// Their messages were removed from the queue by somebody else, or the table is older than the
// queue.
base::Status FaxOut::tell_of_late_jobs(Counts& counts) {
    const base::Rows rows = TRY(service_.ask("SELECT * FROM directory.late_fax_jobs($1, $2)",
                                             {options_.login, options_.give_up_s}));
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const std::string key = rows[i].string(0);
        if (!seen_.contains(key)) {
            const Job job = TRY(load(key));
            (void)TRY(settle(job, nullptr, counts));
        }
    }
    (void)TRY(service_.ask("SELECT directory.purge_fax_jobs()", {}));
    return base::Done{};
}

base::Result<FaxOut::Counts> FaxOut::pass() {
    Counts counts;
    seen_.clear();
    auto drop = TRY(mta::Maildrop::open(options_.access_server,
                                        options_.login,
                                        options_.password,
                                        base::Deadline::after(kMaildropDeadline)));
    // Under the lease: no other runner of this queue gives HylaFAX anything meanwhile.
    queue_ = TRY(mta::HylafaxQueue::read(options_.spool));
    const auto numbers = TRY(drop.list(base::Deadline::after(kMaildropDeadline)));
    for (const std::size_t number : numbers) {
        Queued queued{drop, number};
        const base::Status done = advance(queued, counts);
        if (!done && (done.error().code == Errc::Closed || done.error().code == Errc::Timeout)) {
            return done.error();
        }
        if (!done) {
            ++counts.later;
            std::fprintf(stderr, "roundtable: %s\n", done.error().detail.c_str());
        }
    }
    TRY(drop.quit(base::Deadline::after(kMaildropDeadline)));
    if (counts.later == 0) {  // else a message may be there that was not seen
        TRY(tell_of_late_jobs(counts));
    }
    return counts;
}

}  // namespace ops
