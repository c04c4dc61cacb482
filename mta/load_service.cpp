#include "mta/load_service.h"

#include <utility>

#include "base/fiber.h"
#include "base/log.h"
#include "base/stream.h"

namespace mta {

namespace {

constexpr int kBacklog = 64;
constexpr std::size_t kInputMax = 2 * base::kLoadLineMax;

}  // namespace

LoadService::LoadService(base::Loop& loop, const LoadMeter& meter, base::LoadGreeting greeting)
    : loop_(loop), meter_(meter), greeting_(std::move(greeting)) {
}

LoadService::~LoadService() = default;

base::Result<std::unique_ptr<LoadService>> LoadService::create(base::Loop& loop,
                                                               const base::Endpoint& listen,
                                                               const LoadMeter& meter,
                                                               base::LoadGreeting greeting) {
    std::unique_ptr<LoadService> service(new LoadService(loop, meter, std::move(greeting)));
    LoadService& self = *service;
    service->listener_ = TRY(base::Listener::create(
        loop, listen, kBacklog, [&self](base::Fd socket, const base::Endpoint& peer) {
            self.on_accept(std::move(socket), peer);
        }));
    return service;
}

void LoadService::on_accept(base::Fd socket, const base::Endpoint& peer) {
    if (connections_ >= kConnectionsMax) {
        base::log::warning("mta", "too many load connections", {{"peer", peer.to_text()}});
        return;
    }
    auto kept = std::make_shared<base::Fd>(std::move(socket));
    ++connections_;
    const base::Result<base::FiberId> fiber =
        base::spawn(loop_, "load " + peer.to_text(), [this, kept] {
            base::StreamLimits limits;
            limits.input_max = kInputMax;
            base::Result<std::unique_ptr<base::SocketStream>> stream =
                base::SocketStream::adopt(loop_, std::move(*kept), limits);
            if (stream) {
                // However it ends, the name server sees it closed and asks again.
                (void)serve_load(*stream.value(), meter_, greeting_);
            }
            --connections_;
        });
    if (!fiber) {
        --connections_;
    }
}

}  // namespace mta
