#pragma once

// The command line of `roundtable`: the parser made from all_commands(), the help, the completion
// scripts. The door to CLI11.
//
// Thread rule: one thread.

#include <string>
#include <vector>

#include "ops/command.h"

namespace ops {

/// Parses and runs; prints errors to stderr; returns the exit code (ops/command.h).
[[nodiscard]] int run_command_line(int argc, char** argv);

/// A completion script for "bash", "zsh" or "fish". Errc::Invalid for another shell.
[[nodiscard]] base::Result<std::string> completion_script(const std::string& shell,
                                                          const std::vector<Command>& commands);

}  // namespace ops
