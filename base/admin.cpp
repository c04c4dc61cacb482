#include "base/admin.h"

#include <cerrno>
#include <cstdlib>
#include <map>
#include <thread>

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <sys/socket.h>

#include "base/check.h"
#include "base/fd.h"
#include "base/guarded.h"
#include "base/handle.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/loop_state.h"
#include "base/metrics.h"

namespace base {

namespace {

using Http = Handle<evhttp, evhttp_free>;
using Buffer = Handle<evbuffer, evbuffer_free>;
using CText = Handle<char, std::free>;

constexpr int kBacklog = 64;
constexpr int kTimeoutSeconds = 30;
constexpr std::size_t kHeadersMax = 8192;

std::string method_name(evhttp_cmd_type method) {
    switch (method) {
        case EVHTTP_REQ_GET:
            return "GET";
        case EVHTTP_REQ_HEAD:
            return "HEAD";
        case EVHTTP_REQ_POST:
            return "POST";
        case EVHTTP_REQ_PUT:
            return "PUT";
        case EVHTTP_REQ_DELETE:
            return "DELETE";
        default:
            return "OTHER";
    }
}

Endpoint peer_of(evhttp_request* request) {
    char* address = nullptr;
    ev_uint16_t port = 0;
    evhttp_connection_get_peer(evhttp_request_get_connection(request), &address, &port);
    auto parsed = IpAddress::parse(address != nullptr ? address : "");
    return parsed ? Endpoint(parsed.value(), port) : Endpoint();
}

HttpRequest read_request(evhttp_request* request) {
    HttpRequest result;
    result.method = method_name(evhttp_request_get_command(request));
    result.peer = peer_of(request);
    const evhttp_uri* uri = evhttp_request_get_evhttp_uri(request);
    if (const char* path = evhttp_uri_get_path(uri); path != nullptr) {
        std::size_t length = 0;
        const CText decoded(evhttp_uridecode(path, 0, &length));
        result.path.assign(decoded != nullptr ? decoded.get() : "",
                           decoded != nullptr ? length : 0);
    }
    if (const char* query = evhttp_uri_get_query(uri); query != nullptr) {
        result.query = query;
    }
    evbuffer* body = evhttp_request_get_input_buffer(request);
    result.body.resize(evbuffer_get_length(body));
    (void)evbuffer_remove(body, result.body.data(), result.body.size());
    return result;
}

void send_response(evhttp_request* request, const HttpResponse& response) {
    const Buffer body(evbuffer_new());
    CHECK(body != nullptr &&
          evbuffer_add(body.get(), response.body.data(), response.body.size()) == 0);
    (void)evhttp_add_header(
        evhttp_request_get_output_headers(request), "Content-Type", response.content_type.c_str());
    evhttp_send_reply(request, response.status, nullptr, body.get());
}

Result<Fd> listen_on(const Endpoint& endpoint) {
    const bool is_v6 = endpoint.address().family() == IpFamily::V6;
    Fd socket(::socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int on = 1;
    sockaddr_storage storage{};
    const socklen_t length = endpoint.to_sockaddr(storage);
    if (!socket || ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0 ||
        ::listen(socket.get(), kBacklog) != 0) {
        Error error = errno_error("listen on " + endpoint.to_text(), errno);
        if (errno == EADDRINUSE) {
            error.code = Errc::Exists;
        }
        return error;
    }
    return socket;
}

Endpoint bound_of(int fd) {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    CHECK(::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) == 0);
    return Endpoint::from_sockaddr(reinterpret_cast<const sockaddr&>(storage));
}

}  // namespace

struct AdminServer::State {
    std::unique_ptr<Loop> loop;
    Http http;  // goes before the loop
    Endpoint bound;
    // Shared by route() and the server's thread.
    Guarded<std::map<std::string, Handler>> routes;
    std::thread thread;

    [[nodiscard]] HttpResponse answer(const HttpRequest& request) {
        const Handler handler = routes.with([&request](const auto& map) {
            const auto found = map.find(request.path);
            return found == map.end() ? Handler() : found->second;
        });
        if (!handler) {
            return HttpResponse{404, "text/plain; charset=utf-8", "no such page\n"};
        }
        return handler(request);
    }

    static void on_request(evhttp_request* request, void* arg) noexcept {
        auto& state = *static_cast<State*>(arg);
        send_response(request, state.answer(read_request(request)));
    }
};

AdminServer::AdminServer(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {
}

Result<std::unique_ptr<AdminServer>> AdminServer::create(const Endpoint& endpoint,
                                                         HealthCheck health) {
    auto state = std::make_unique<State>();
    Fd socket = TRY(listen_on(endpoint));
    state->bound = bound_of(socket.get());
    state->loop = TRY(Loop::create("admin"));
    state->http.reset(evhttp_new(state->loop->state().events.get()));
    CHECK(state->http != nullptr);
    evhttp* http = state->http.get();
    evhttp_set_max_body_size(http, static_cast<ev_ssize_t>(kAdminBodyMax));
    evhttp_set_max_headers_size(http, static_cast<ev_ssize_t>(kHeadersMax));
    evhttp_set_timeout(http, kTimeoutSeconds);
    evhttp_set_allowed_methods(
        http,
        EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE);
    evhttp_set_gencb(http, &State::on_request, state.get());
    if (evhttp_accept_socket_with_handle(http, socket.get()) == nullptr) {
        return Error{Errc::Io, "cannot serve on " + state->bound.to_text()};
    }
    (void)socket.release();  // evhttp closes it
    std::unique_ptr<AdminServer> server(new AdminServer(std::move(state)));
    server->route("/metrics", [](const HttpRequest&) {
        return HttpResponse{200, "text/plain; version=0.0.4; charset=utf-8", metrics_text()};
    });
    server->route("/healthz", [health = std::move(health)](const HttpRequest&) {
        Status status = health ? health() : Status(Done{});
        if (status) {
            return HttpResponse{200, "text/plain; charset=utf-8", "ok\n"};
        }
        return HttpResponse{503, "text/plain; charset=utf-8", status.error().detail + "\n"};
    });
    server->state_->thread = std::thread([loop = server->state_->loop.get()] { loop->run(); });
    return server;
}

AdminServer::~AdminServer() {
    state_->loop->stop();
    if (state_->thread.joinable()) {
        state_->thread.join();
    }
}

void AdminServer::route(const std::string& path, Handler handler) {
    state_->routes.with([&](auto& map) { map.insert_or_assign(path, std::move(handler)); });
}

const Endpoint& AdminServer::bound() const noexcept {
    return state_->bound;
}

}  // namespace base
