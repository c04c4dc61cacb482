#pragma once

// A mail server as the name server's probes see it: answers load reports on a free port.

#include <memory>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "base/fiber.h"
#include "base/listener.h"
#include "base/load_report.h"
#include "base/stream.h"

namespace dns_test {

/// Serves until it is destroyed or stop()ped; then its connections close, as when a process dies.
class LoadServer {
  public:
    /// On `port`, 0: one that is free.
    LoadServer(base::Loop& loop, std::string name, std::uint16_t port = 0)
        : name_(std::move(name)), streams_(std::make_shared<Streams>()) {
        const base::Endpoint any(base::IpAddress::loopback_v4(), port);
        auto made =
            base::Listener::create(loop, any, 16, [this, &loop](base::Fd socket, const auto&) {
                auto adopted = base::SocketStream::adopt(loop, std::move(socket));
                BOOST_REQUIRE(adopted);
                std::shared_ptr<base::SocketStream> stream = std::move(adopted).take_value();
                streams_->push_back(stream);
                BOOST_REQUIRE(
                    base::spawn(loop, "load", [stream, name = name_] { serve(*stream, name); }));
            });
        BOOST_REQUIRE(made);
        listener_ = std::move(made).take_value();
    }

    ~LoadServer() { stop(); }

    LoadServer(const LoadServer&) = delete;
    LoadServer& operator=(const LoadServer&) = delete;

    [[nodiscard]] std::uint16_t port() const { return listener_->bound().port(); }

    [[nodiscard]] std::size_t connections() const { return streams_->size(); }

    void stop() {
        listener_.reset();
        for (const auto& stream : *streams_) {
            stream->close();
        }
        streams_->clear();
    }

  private:
    using Streams = std::vector<std::shared_ptr<base::SocketStream>>;

    static void serve(base::SocketStream& stream, const std::string& name) {
        (void)stream.write(base::format_load_greeting({name, 7}));
        base::LoadReport report;
        report.start_id = 7;
        const auto limit = [] { return base::Deadline::after(std::chrono::seconds(60)); };
        while (stream.flush(limit()) && stream.fill(limit())) {
            if (stream.buffered() == base::kLoadCommand) {
                stream.consume(base::kLoadCommand.size());
                (void)stream.write(base::format_load_report(report));
            }
        }
    }

    std::string name_;
    std::shared_ptr<Streams> streams_;
    std::unique_ptr<base::Listener> listener_;
};

}  // namespace dns_test
