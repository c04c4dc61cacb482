#pragma once

// Shared by the tests of dns/control: a temporary directory, what was logged, waiting in a fiber
// for something to become true.

#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/fiber.h"
#include "base/file.h"

namespace dns_test {

/// Removed with all that is in it.
class StateDir {
  public:
    StateDir() {
        std::string name = "/tmp/dns-control-XXXXXX";
        if (::mkdtemp(name.data()) == nullptr) {
            throw std::runtime_error("mkdtemp");
        }
        path_ = name;
    }

    ~StateDir() { std::filesystem::remove_all(path_); }

    StateDir(const StateDir&) = delete;
    StateDir& operator=(const StateDir&) = delete;

    [[nodiscard]] const std::string& path() const { return path_; }

    [[nodiscard]] std::string file(const std::string& name) const {
        return path_ + "/snapshot/" + name;
    }

  private:
    std::string path_;
};

/// Takes what is written to stderr while it lives, and writes it there at its end.
class LogCapture {
  public:
    LogCapture() : stderr_(::dup(2)), path_(dir_.path() + "/log") {
        const base::Fd file(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
        ::dup2(file.get(), 2);
    }

    ~LogCapture() {
        const std::string logged = text();
        ::dup2(stderr_.get(), 2);
        (void)!::write(2, logged.data(), logged.size());
    }

    LogCapture(const LogCapture&) = delete;
    LogCapture& operator=(const LogCapture&) = delete;

    [[nodiscard]] std::string text() const {
        return base::read_file(path_, std::size_t{1} << 24).take_value();
    }

    [[nodiscard]] std::size_t count(std::string_view word) const {
        const std::string all = text();
        std::size_t found = 0;
        for (std::size_t at = all.find(word); at != std::string::npos;
             at = all.find(word, at + 1)) {
            ++found;
        }
        return found;
    }

  private:
    StateDir dir_;
    base::Fd stderr_;
    std::string path_;
};

/// Waits in a fiber until `condition` holds; false after `limit`.
inline bool wait_until(const std::function<bool()>& condition,
                       base::Duration limit = std::chrono::seconds(15)) {
    const auto end = base::Deadline::after(limit);
    while (!condition()) {
        if (end.passed() ||
            !base::sleep_until(base::Deadline::after(std::chrono::milliseconds(10)))) {
            return condition();
        }
    }
    return true;
}

}  // namespace dns_test
