#include "ops/pass_on.h"

#include <algorithm>
#include <cerrno>

#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/process.h"

namespace ops {

namespace {

// A file of memory with the message: a pipe would have to be filled while the program reads.
base::Result<base::Fd> memory_of(std::string_view message) {
    std::string text;
    text.reserve(message.size());
    for (std::size_t at = 0; at < message.size(); ++at) {
        if (message[at] != '\r' || message.substr(at, 2) != "\r\n") {
            text += message[at];
        }
    }
    base::Fd file(::memfd_create("message", MFD_CLOEXEC));
    if (!file) {
        return base::errno_error("memfd_create", errno);
    }
    std::string_view rest = text;
    while (!rest.empty()) {
        const ssize_t count = ::write(file.get(), rest.data(), rest.size());
        if (count < 0 && errno != EINTR) {
            return base::errno_error("write to memory", errno);
        }
        rest.remove_prefix(count > 0 ? static_cast<std::size_t>(count) : 0);
    }
    if (::lseek(file.get(), 0, SEEK_SET) != 0) {
        return base::errno_error("seek in memory", errno);
    }
    return file;
}

}  // namespace

base::Result<std::vector<std::string>> program_words(std::string_view text) {
    std::vector<std::string> words;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        if (end > 0) {
            words.emplace_back(text.substr(0, end));
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    if (words.empty() || !words.front().starts_with('/')) {
        return base::Error{base::Errc::Invalid,
                           "--else takes the absolute path of a program and its arguments, such as "
                           "\"/usr/sbin/sendmail -i\"; recipients follow them"};
    }
    return words;
}

base::Status pass_on(const std::vector<std::string>& program,
                     std::string_view message,
                     const std::vector<std::string>& recipients) {
    base::ProcessOptions options;
    options.program = program.front();
    options.arguments.assign(program.begin() + 1, program.end());
    for (const std::string& recipient : recipients) {
        if (recipient.starts_with('-')) {
            return base::Error{
                base::Errc::Refused,
                recipient + " begins with '-': it would be an option of " + program.front()};
        }
        options.arguments.push_back(recipient);
    }
    const base::Fd input = TRY(memory_of(message));
    options.environment = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
    options.descriptors = {{input.get(), 0}};
    options.directory = "/";
    base::Result<base::Child> child = base::spawn_process(options);
    if (!child) {
        return base::Error{base::Errc::Unavailable, program.front() + ": " + child.error().detail};
    }
    const base::ExitStatus status = TRY(child.value().wait(base::Deadline::after(kPassOnTime)));
    if (!status.is_clean()) {
        return base::Error{base::Errc::Unavailable,
                           program.front() + " ended with " + status.to_text()};
    }
    return base::Done{};
}

}  // namespace ops
