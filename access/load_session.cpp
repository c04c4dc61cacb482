#include "access/load_session.h"

#include "base/clock.h"
#include "base/load_report.h"

namespace accessd {
namespace {

constexpr base::Duration kFlushTimeout = std::chrono::seconds(5);

/// The next line with its CRLF taken, or an error: closed, silent, too long.
base::Result<std::string> read_line(base::Stream& stream) {
    const base::Deadline deadline = base::Deadline::after(kLoadIdleTimeout);
    while (true) {
        const std::string_view here = stream.buffered().substr(0, base::kLoadLineMax);
        const std::size_t end = here.find('\n');
        if (end != std::string_view::npos) {
            std::string line(here.substr(0, end + 1));
            stream.consume(line.size());
            return line;
        }
        if (here.size() == base::kLoadLineMax) {
            return base::Error{base::Errc::TooLarge, "load line"};
        }
        TRY(stream.fill(deadline));
    }
}

base::Status serve(base::Stream& stream, const SessionTable& table, const std::string& name) {
    base::LoadGreeting greeting;
    greeting.name = name;
    greeting.start_id = table.report(base::monotonic_now()).start_id;
    TRY(stream.write(base::format_load_greeting(greeting)));
    TRY(stream.flush(base::Deadline::after(kFlushTimeout)));
    while (true) {
        const std::string line = TRY(read_line(stream));
        if (line != base::kLoadCommand) {
            return base::Error{base::Errc::Invalid, "not LOAD"};
        }
        TRY(stream.write(base::format_load_report(table.report(base::monotonic_now()))));
        TRY(stream.flush(base::Deadline::after(kFlushTimeout)));
    }
}

}  // namespace

void serve_load(base::Stream& stream, const SessionTable& table, const std::string& name) {
    (void)serve(stream, table, name);  // whatever ended it, the connection is closed
}

}  // namespace accessd
