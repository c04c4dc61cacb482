#pragma once

// What a piece of code writes to standard output and standard error, for tests of commands.
// Thread rule: one at a time in a process; nothing else may print meanwhile.

#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include <unistd.h>

#include "ops/cli.h"

namespace ops_test {

/// Runs `body` and returns what it wrote to `stream`, which is stdout or stderr.
inline std::string captured(std::FILE* stream, const std::function<void()>& body) {
    (void)std::fflush(stream);
    const int number = ::fileno(stream);
    const int kept = ::dup(number);
    std::FILE* file = std::tmpfile();
    (void)::dup2(::fileno(file), number);
    body();
    (void)std::fflush(stream);
    (void)::dup2(kept, number);
    (void)::close(kept);
    std::string text(static_cast<std::size_t>(::lseek(::fileno(file), 0, SEEK_END)), '\0');
    if (::pread(::fileno(file), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
        text = "cannot be read back";
    }
    (void)std::fclose(file);
    return text;
}

/// What came of one call of the command.
struct Run {
    int code = -1;
    std::string out;
    std::string error;
};

/// Runs the command with these words, its own name aside.
inline Run run(std::vector<std::string> words) {
    words.insert(words.begin(), "roundtable");
    std::vector<char*> argv;
    for (std::string& word : words) {
        argv.push_back(word.data());
    }
    Run result;
    result.out = captured(stdout, [&] {
        result.error = captured(stderr, [&] {
            result.code = ops::run_command_line(static_cast<int>(argv.size()), argv.data());
        });
    });
    return result;
}

}  // namespace ops_test
