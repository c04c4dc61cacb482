// The main of the command `roundtable`.

#include "ops/cli.h"

int main(int argc, char** argv) {
    return ops::run_command_line(argc, argv);
}
