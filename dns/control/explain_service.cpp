#include "dns/control/explain_service.h"

#include <algorithm>
#include <utility>

#include "base/fiber.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/stream.h"
#include "dns/explain/chaos_answer.h"
#include "dns/explain/explain_text.h"

namespace dns {
namespace {

constexpr mode_t kSocketMode = 0660;
constexpr int kBacklog = 16;

std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) {
        text += line + '\n';
    }
    return text;
}

// What may be quoted to whoever asks: his own words, or what is missing.
std::string error_line(const base::Error& error) {
    return "error " + std::string(error.code == base::Errc::NotFound ? "not-found " : "") +
           error.detail + "\n";
}

}  // namespace

// What reports are made from; while it lives the snapshot does.
class ExplainService::Source {
  public:
    explicit Source(ExplainService& service) : reader_(service.parts_.reader) {
        reader_.online();
        source_.name_server = service.parts_.name_server;
        source_.directory = service.directory_.get();
        source_.snapshot = reader_.get();
        source_.drains = &service.drains_;
        source_.pools = service_pools(service);
        source_.now = steering_now();
    }

    ~Source() { reader_.offline(); }

    Source(const Source&) = delete;
    Source& operator=(const Source&) = delete;

    [[nodiscard]] const explain::ExplainSource& get() const { return source_; }

    [[nodiscard]] static std::array<explain::PoolSource, 2> service_pools(
        const ExplainService& service) {
        const auto pool = [&service](PoolName name, const SteeringPool& steering) {
            return explain::PoolSource{name,
                                       steering.engine(),
                                       &steering.probe_log(),
                                       &service.commits_.at(static_cast<std::size_t>(name))};
        };
        return {pool(PoolName::Mail, service.parts_.mail),
                pool(PoolName::Access, service.parts_.access)};
    }

  private:
    SnapshotReader& reader_;
    explain::ExplainSource source_;
};

ExplainService::ExplainService(base::Loop& loop, Parts parts)
    : loop_(loop),
      parts_(std::move(parts)),
      metrics_(std::make_shared<base::Guarded<std::vector<explain::PoolMetrics>>>()) {
}

ExplainService::~ExplainService() = default;

base::Status ExplainService::listen(const std::string& socket) {
    if (socket.empty()) {
        return base::Done{};
    }
    listener_ = TRY(base::UnixListener::create(
        loop_, socket, kSocketMode, kBacklog, [this](base::Fd fd, const base::UnixPeer&) {
            on_accept(std::move(fd));
        }));
    return base::Done{};
}

void ExplainService::show_metrics(base::AdminServer& admin) {
    admin.route("/metrics", [metrics = metrics_](const base::HttpRequest&) {
        const std::vector<explain::PoolMetrics> pools =
            metrics->with([](const auto& value) { return value; });
        return base::HttpResponse{200,
                                  "text/plain; version=0.0.4; charset=utf-8",
                                  base::metrics_text() + explain::steering_metrics_text(pools)};
    });
}

void ExplainService::take_directory(std::shared_ptr<const Directory> directory) {
    directory_ = std::move(directory);
    drains_.take(*directory_, steering_now().unix_us);
}

void ExplainService::add_commit(const explain::SharedCommit& commit) {
    const PoolName pool =
        commit->pool == pool_name(PoolName::Mail) ? PoolName::Mail : PoolName::Access;
    auto& commits = commits_.at(static_cast<std::size_t>(pool));
    commits.push_back(commit);
    if (commits.size() > explain::kCommitsShown) {
        commits.pop_front();
    }
}

std::vector<std::uint64_t> ExplainService::tick() {
    const steering::Now now = steering_now();
    std::vector<explain::PoolMetrics> pools;
    for (const explain::PoolSource& pool : Source::service_pools(*this)) {
        if (auto measured = explain::measure_pool(pool, now)) {
            pools.push_back(std::move(*measured));
        }
    }
    metrics_->with([&pools](auto& value) { value = std::move(pools); });
    return drains_.due(now.unix_us);
}

base::Result<explain::ExplainReport> ExplainService::report(
    const explain::ExplainRequest& request) {
    const Source source(*this);
    return request.domain.empty()
               ? explain::explain_pools(source.get())
               : explain::explain_domain(source.get(), request.domain, request.source);
}

base::Result<std::string> ExplainService::answer(const explain::ExplainRequest& request) {
    const explain::ExplainReport made = TRY(report(request));
    return request.format == explain::Format::Json ? explain::report_json(made) + '\n'
                                                   : joined(explain::report_lines(made));
}

std::size_t ExplainService::respond_tcp(std::span<const std::byte> packet,
                                        const base::IpAddress& client,
                                        std::span<std::byte> out,
                                        std::size_t size) {
    Query query;
    if (parse_query(packet, query) != QueryOutcome::RefusedClass ||
        query.rr_class != RrClass::Chaos) {
        return size;
    }
    auto request = explain::request_of(query.name);
    if (!request) {
        return explain::reply_lines(query, packet, {"error: no such address or domain"}, out);
    }
    if (!request->source) {
        request->source = client;
    }
    const auto made = report(*request);
    if (!made) {
        return explain::reply_lines(query, packet, {"error: " + made.error().detail}, out);
    }
    if (request->format == explain::Format::Text) {
        return explain::reply_lines(query, packet, explain::report_lines(made.value()), out);
    }
    std::size_t written = 0;
    if (!explain::reply_text(query, packet, explain::report_json(made.value()), out, written)) {
        return explain::reply_lines(
            query, packet, {"error: longer than a message; ask at the explain socket"}, out);
    }
    return written;
}

void ExplainService::on_accept(base::Fd socket) {
    if (clients_ >= kExplainClients) {
        return;  // closed
    }
    // A std::function must be copyable: what the fiber takes over goes by shared_ptr.
    auto kept = std::make_shared<base::Fd>(std::move(socket));
    ++clients_;
    const auto fiber = base::spawn(loop_, "explain", [this, kept] {
        serve(std::move(*kept));
        --clients_;
    });
    if (!fiber) {
        --clients_;
    }
}

void ExplainService::serve(base::Fd socket) {
    base::StreamLimits limits;
    limits.input_max = 2 * explain::kRequestLineMax;
    limits.write_timeout = kExplainTime;
    auto stream = base::SocketStream::adopt(loop_, std::move(socket), limits);
    if (!stream) {
        return;
    }
    base::Stream& client = *stream.value();
    const auto deadline = base::Deadline::after(kExplainTime);
    std::size_t end = std::string_view::npos;
    while ((end = client.buffered().find('\n')) == std::string_view::npos) {
        if (client.buffered().size() > explain::kRequestLineMax || !client.fill(deadline)) {
            return;
        }
    }
    const auto request = explain::parse_request(client.buffered().substr(0, end));
    const auto made =
        request ? answer(request.value()) : base::Result<std::string>(request.error());
    // Whoever went away meanwhile does not need it.
    if (client.write(made ? "ok\n" + made.value() : error_line(made.error()))) {
        (void)client.flush(base::Deadline::after(kExplainTime));
    }
}

}  // namespace dns
