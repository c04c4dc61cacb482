#pragma once

// AdminServer: a small HTTP server (libevent's evhttp) on a thread of its own, for operators and
// monitoring: GET /metrics, GET /healthz, and what the daemon adds.
//
// Listens on loopback unless told otherwise: there is no authentication here.
// Limits: requests of at most kAdminBodyMax body bytes and 8 KiB header, 30 s each.
// Thread rule: create and destroy from one thread; handlers run on the server's own thread and
// must be quick (they may take a Guarded, and must not wait for a loop).
// Errors: create() Errc::Exists (port in use), Errc::Refused, Errc::Io.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/endpoint.h"
#include "base/result.h"

namespace base {

constexpr std::size_t kAdminBodyMax = std::size_t{64} * 1024;

struct HttpRequest {
    std::string method;  ///< "GET", "POST"...
    std::string path;    ///< decoded, without the query
    std::string query;   ///< as sent, without '?'
    std::string body;
    Endpoint peer;
};

/// What a handler answers: status and body as they go out; Content-Length and Connection are the
/// server's.
struct HttpResponse {
    int status = 200;
    std::string content_type = "text/plain; charset=utf-8";
    std::string body;
};

/// The server: a thread of its own with its own event loop, from create() to the destructor, which
/// waits for the handler that runs. Handlers and the health check run on that thread; what they
/// borrow must outlive this object. create() answers what binding the endpoint does.
class AdminServer {
  public:
    using Handler = std::function<HttpResponse(const HttpRequest&)>;

    /// Healthy answers Ok; else /healthz is 503 with the detail.
    using HealthCheck = std::function<Status()>;

    [[nodiscard]] static Result<std::unique_ptr<AdminServer>> create(const Endpoint& endpoint,
                                                                     HealthCheck health);
    ~AdminServer();
    AdminServer(const AdminServer&) = delete;
    AdminServer& operator=(const AdminServer&) = delete;

    /// Serves `path` (exact). May be called while it runs; the last registration counts.
    void route(const std::string& path, Handler handler);

    [[nodiscard]] const Endpoint& bound() const noexcept;

  private:
    struct State;

    explicit AdminServer(std::unique_ptr<State> state) noexcept;

    std::unique_ptr<State> state_;
};

}  // namespace base
